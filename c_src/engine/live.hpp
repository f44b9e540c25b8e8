// Live: one running session. It does what its Session decides, and tells it what happened.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "cgroup/spares.hpp"
#include "cgroup/tree.hpp"
#include "engine/asio.hpp"
#include "engine/environment.hpp"
#include "engine/feeder.hpp"
#include "engine/outbox.hpp"
#include "engine/pipes.hpp"
#include "engine/pump.hpp"
#include "engine/reaper.hpp"
#include "process/child.hpp"
#include "process/spawn.hpp"
#include "protocol/message.hpp"
#include "session/session.hpp"

namespace contained::engine {

/// A group that could not be removed at its session's end.
struct Leftover {
  cgroup::Group group;  ///< invalid: there is none
  bool kill = false;    ///< SIGKILL did not empty it in time; else it was left on purpose
};

/// What all sessions of one worker share.
struct Shared {
  asio::io_context& io;
  Outbox& outbox;
  Reaper& reaper;
  cgroup::Tree& tree;
  cgroup::Spares& spares;
  const Environment& environment;
  process::Refused& refused;
  rlimit open_files;         ///< as the worker found it, for its children
  int null_fd;               ///< /dev/null, read and write
  std::string vm_directory;  ///< leads to the VM's current directory; empty where it cannot be seen
  std::function<void(protocol::Id, Leftover)> on_over;  ///< the session has ended
};

class Live : public std::enable_shared_from_this<Live>, private PumpOwner, private FeederOwner {
 public:
  /// Makes group and pipes and forks. Nothing is left of it after an error.
  static Result<std::shared_ptr<Live>> start(Shared& shared, const protocol::Start& request);

  Live(Shared& shared, const protocol::Start& request);
  ~Live() override;
  Live(const Live&) = delete;
  Live& operator=(const Live&) = delete;

  void input(const protocol::Input& request);
  void close_input();
  void credit(const protocol::Credit& request);
  void signal(const protocol::Signal& request);
  void stop(std::optional<protocol::Ladder> ladder);

  /// Its last event has been sent.
  bool over() const { return session_.ended(); }

  /// Nobody reads the output any more: it is read and dropped, so that the command can end.
  void abandon_output();

 private:
  Status launch(const protocol::Start& request);
  Result<process::Spawned> spawn(const protocol::Start& request, const Pipes& pipes,
                                 const cgroup::Group& group);
  void adopt(process::Spawned spawned, Pipes pipes);
  void watch_exec();
  void settle_exec();
  void on_exit(const process::Reaped& reaped);

  void feed(const session::Input& fact);
  void act();
  void perform(const session::Announce&);
  void perform(const session::ArmTimer& action);
  void perform(const session::SendSignal& action);
  void perform(const session::KillGroup&);
  void perform(const session::CheckGroup&);
  void perform(const session::WatchGroup&);
  void perform(const session::DrainStreams&);
  void perform(const session::DiscardStreams&);
  void perform(const session::Finish&);

  void wait_for_group();
  void look_at_group();
  void look_again_soon();
  Status send_signal(int number, protocol::Target to);
  void send_ended(const session::Outcome& outcome);
  void refuse(std::string_view request, std::string_view reason);

  Allowance allowance(protocol::Stream stream) override;
  void on_taken(protocol::Stream stream, std::size_t bytes) override;
  void on_stream_end(protocol::Stream stream) override;
  void on_overflow() override;
  void on_fed(std::size_t bytes) override;
  void on_input_closed(int code) override;

  struct Lane {  ///< one output stream
    std::shared_ptr<Pump> pump;
    session::Window window;
    std::uint64_t sent = 0;
  };
  Lane& lane(protocol::Stream stream);
  void for_each_pump(void (Pump::*method)());

  Shared& shared_;
  protocol::Id id_;
  session::Session session_;
  session::Actions pending_;
  bool acting_ = false;

  cgroup::Group group_;
  std::string parent_;  ///< the name of the group that it is in
  std::optional<Descriptor> group_events_;
  process::Child leader_;
  std::optional<Descriptor> exec_status_;
  std::optional<asio::steady_timer> timer_;
  std::optional<asio::steady_timer> recheck_;
  std::uint64_t timer_generation_ = 0;

  Lane out_;
  Lane err_;
  std::shared_ptr<Feeder> feeder_;
  UniqueFd silent_stdin_;  ///< write end of an `open` stdin: held, never written
  std::optional<std::uint64_t> max_output_;
  bool hold_started_;
  std::string program_;  ///< what a failure would be about, until it has started
  std::string cd_;
  bool altered_ = false;  ///< the group: it could not be entered, or it was killed
  bool announced_ = false;
  bool draining_ = false;
  bool abandoned_ = false;

  std::chrono::steady_clock::time_point started_at_;
  std::optional<cgroup::CpuTime> cpu_;
  rusage usage_ = {};
};

}  // namespace contained::engine
