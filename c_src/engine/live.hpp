// Live: one running session. It does what its Session decides, and tells it what happened.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "cgroup/ground.hpp"
#include "engine/asio.hpp"
#include "engine/enclosure.hpp"
#include "engine/environment.hpp"
#include "engine/links.hpp"
#include "engine/reaper.hpp"
#include "engine/receiver.hpp"
#include "engine/sealer.hpp"
#include "engine/streams.hpp"
#include "process/spawn.hpp"
#include "protocol/message.hpp"
#include "session/session.hpp"

namespace contained::engine {

/// What all sessions of one worker share.
struct Shared {
  asio::io_context& io;
  Receiver& receiver;
  Reaper& reaper;
  cgroup::Ground& ground;
  const Environment& environment;
  process::Refused& refused;
  const Links& links;
  Sealer& sealer;
  rlimit open_files;      ///< as the worker found it, for its children
  int null_fd;            ///< /dev/null, read and write
  std::string directory;  ///< what commands without a `cd` start in; empty: the worker's own
  std::function<void(protocol::Id, Leftover)> on_over;  ///< the session has ended
};

class Live : public std::enable_shared_from_this<Live>,
             private StreamsOwner,
             private EnclosureOwner {
 public:
  /// Makes enclosure and pipes and forks. Nothing is left of it after an error.
  static Result<std::shared_ptr<Live>> start(Shared& shared, const protocol::Start& request);

  Live(Shared& shared, const protocol::Start& request);
  ~Live() override;
  Live(const Live&) = delete;
  Live& operator=(const Live&) = delete;

  void input(const protocol::Input& request);
  void close_input(const protocol::CloseInput& request);
  void credit(const protocol::Credit& request);
  void signal(const protocol::Signal& request);
  void stop(std::optional<protocol::Ladder> ladder);
  void control(const protocol::Control& request);

  /// Its last event has been sent.
  bool over() const { return session_.ended(); }

  /// Nobody reads the output any more: it is read and dropped, so that the command can end.
  void abandon_output() { streams_.abandon(); }

 private:
  Status launch(const protocol::Start& request);
  void watch_exec();
  void settle_exec();
  void begin();

  void feed(const session::Input& fact);
  void act();
  void perform(const session::Announce&);
  void perform(const session::ArmTimer& action);
  void perform(const session::SendSignal& action);
  void perform(const session::TellStuck&) { shared_.receiver.send(protocol::Stuck{id_}); }
  void perform(const session::KillGroup&);
  void perform(const session::CheckGroup&) { enclosure_->check(); }
  void perform(const session::WatchGroup&) { enclosure_->watch(); }
  void perform(const session::DrainStreams&) { streams_.drain(); }
  void perform(const session::DiscardStreams&) { streams_.discard(); }
  void perform(const session::Finish&);

  void send_ended(const session::Outcome& outcome);
  void refuse(std::string_view request, std::string_view reason);

  void on_stream_end() override { feed(session::StreamEnded{}); }
  void on_overflow() override { feed(session::OutputOverflowed{}); }
  void on_leader_exit(const process::Reaped& reaped) override;
  void on_orphan_exit(pid_t pid, process::ExitStatus status) override;
  void on_look(Look look) override;

  Shared& shared_;
  protocol::Id id_;
  session::Session session_;
  session::Actions pending_;
  bool acting_ = false;

  Streams streams_;
  std::shared_ptr<Enclosure> enclosure_;
  std::optional<Descriptor> exec_status_;
  std::shared_ptr<const process::LastWord> last_word_;  ///< until the exec is settled
  std::optional<asio::steady_timer> timer_;
  std::uint64_t timer_generation_ = 0;

  bool hold_started_;
  std::string program_;  ///< what a failure would be about, until it has started
  std::string cd_;
  std::chrono::steady_clock::time_point started_at_;
};

}  // namespace contained::engine
