// Enclosure: what holds the processes of one command together, so that none of them is lost: its
// control groups, or without any a subreaper of its own.
#pragma once

#include <sys/time.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/result.hpp"
#include "cgroup/cell.hpp"
#include "engine/asio.hpp"
#include "engine/reaper.hpp"
#include "process/exit_status.hpp"
#include "process/spawn.hpp"
#include "process/spawn_spec.hpp"
#include "protocol/message.hpp"

namespace contained::engine {

inline std::uint64_t microseconds(const timeval& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000 +
         static_cast<std::uint64_t>(time.tv_usec);
}

/// How many processes are in it; none of those that are dead and not reaped.
struct Look {
  bool populated = false;
  std::uint64_t processes = 0;
};

class EnclosureOwner {
 public:
  virtual ~EnclosureOwner() = default;

  /// The leader has been reaped; once.
  virtual void on_leader_exit(const process::Reaped& reaped) = 0;

  /// A descendant that had lost its parent has been reaped; before the on_look() of an empty one.
  virtual void on_orphan_exit(pid_t, process::ExitStatus) {}

  /// Answers check(); after watch() told when it has become empty.
  virtual void on_look(Look look) = 0;
};

class Enclosure {
 public:
  virtual ~Enclosure() = default;

  /// Forks the command into it; returns its exec status pipe, see process::read_exec_status().
  /// After an error nothing of it is left. From success on |owner|, which must outlive it, is told.
  virtual Result<UniqueFd> start(process::SpawnSpec spec, EnclosureOwner& owner) = 0;

  /// The child has told that it could not enter it: nobody else should.
  virtual void distrust() {}

  /// Once it has been executed; 0 when it is gone before anybody could tell.
  virtual pid_t leader() = 0;

  /// Answered by on_look(), at once or soon. An empty one is given back by it.
  virtual void check() = 0;

  /// on_look() when it is empty, now or later.
  virtual void watch() = 0;

  /// SIGKILL to all of it, and to the leader wherever it is.
  virtual void kill() = 0;

  /// |done| is called once, now or later.
  virtual void signal(int number, protocol::Target to, std::function<void(Status)> done) = 0;

  /// The processes in it, but for our own helpers.
  virtual std::vector<pid_t> processes() const = 0;

  /// What they have used, into |ended|. Complete when it has been found empty.
  virtual void account(protocol::Ended& ended) = 0;

  /// Whether the kernel has killed one of them for want of memory.
  virtual bool out_of_memory() const { return false; }

  /// Its control groups; nullptr without any.
  virtual cgroup::Cell* cell() { return nullptr; }

  /// The owner is going away.
  virtual void detach() = 0;

  /// After the session's end: what is left is killed, with |kill|, and removed once it is empty.
  /// True when nothing is left to do; until then to be called from time to time.
  virtual bool tend(bool kill) = 0;
};

/// What is left of a session: nothing when |enclosure| is null.
struct Leftover {
  std::shared_ptr<Enclosure> enclosure;
  bool kill = false;  ///< SIGKILL did not empty it in time; else it was left on purpose
};

}  // namespace contained::engine
