// Household: the commands of one worker, from the first start until nothing is left of them: their
// sessions, the groups that outlast these, and the watch over the guardian.
//
// Whom it serves is told by a Receiver: the Engine (the VM, by its port), or a program of ours.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cgroup/ground.hpp"
#include "engine/asio.hpp"
#include "engine/environment.hpp"
#include "engine/links.hpp"
#include "engine/live.hpp"
#include "engine/reaper.hpp"
#include "engine/receiver.hpp"
#include "engine/sealer.hpp"

namespace contained::engine {

inline constexpr int kExitOk = 0;
inline constexpr int kExitInternal = 70;

/// Where a worker stands.
struct Place {
  pid_t guardian = 0;
  pid_t parent = 0;  ///< the guardian's, before the fork
  cgroup::Ground* ground = nullptr;
  std::optional<Error>
      no_ground;  ///< why nothing can be started: the containment asked for is not there
};

class Household {
 public:
  struct Options {
    std::string directory;  ///< what commands start in without a `cd`; empty: ours
    /// A stopped guardian would not see us die, so after 2 s it is taken for dead. Not at a
    /// terminal, where ^Z stops it with its command.
    bool guardian_may_stop = false;
    std::function<void(int)> on_signal = [](int) {};  ///< of Reaper::signals(), sent to us
  };

  /// All three must outlive it.
  Household(asio::io_context& io, const Place& place, Receiver& receiver, Options options);

  /// From now on children are reaped and the guardian is watched.
  Status open();

  /// What Live::start() says; the session is kept until it is over.
  Result<std::shared_ptr<Live>> start(const protocol::Start& request);

  /// Nothing, when there is none of that id.
  std::shared_ptr<Live> find(protocol::Id id) const;
  const std::unordered_map<protocol::Id, std::shared_ptr<Live>>& sessions() const {
    return sessions_;
  }

  /// Calls |on_gone| once when |pid| has ended, as far as pidfds are to be had.
  void watch(pid_t pid, std::function<void()> on_gone);

  /// Stops every command and removes all groups; then, once |told| says that everybody knows, ends
  /// the loop. Repeated calls do nothing.
  void close(std::function<bool()> told);
  bool closing() const { return closing_; }

  /// Something that has ended is not gone: SIGKILL did not end all of it, or its groups are held.
  bool has_leftovers() const { return !leftovers_.empty(); }

  const Place& place() const { return place_; }
  Links& links() { return links_; }
  process::Refused& refused() { return refused_; }
  const std::string& directory() const { return shared_.directory; }

 private:
  void watch_guardian();
  void check_guardian();
  void on_signal(int number);
  void on_guardian_gone();
  void on_over(protocol::Id id, Leftover leftover);
  void tend_leftovers();
  void tend_leftovers_later();
  void end_if_empty();

  asio::io_context& io_;
  const Place& place_;
  Options options_;
  UniqueFd null_;
  Environment environment_;
  Links links_;
  Sealer sealer_;
  process::Refused refused_;
  Reaper reaper_;
  Shared shared_;
  std::unordered_map<protocol::Id, std::shared_ptr<Live>> sessions_;
  std::vector<Leftover> leftovers_;
  std::vector<std::unique_ptr<Descriptor>> watched_;
  asio::steady_timer leftover_timer_;
  asio::steady_timer guardian_timer_;
  asio::steady_timer end_timer_;
  std::function<bool()> told_;
  int guardian_stopped_ticks_ = 0;
  int end_rounds_ = 0;
  bool guardian_watched_ = false;
  bool closing_ = false;
};

}  // namespace contained::engine
