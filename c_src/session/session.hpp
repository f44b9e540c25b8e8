// Session: the life of one command as decisions without I/O.
//
// `resume(input) -> actions`. It knows no descriptor, no clock and no Asio: the engine tells it
// facts (executed, exited, stream ended, group empty, timer) and does what it answers, in order. A
// session ends exactly once: the leader is reaped and every stream has ended and the group is empty
// (or is left by `linger: leave`, or beyond SIGKILL).
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "process/exit_status.hpp"
#include "protocol/message.hpp"
#include "session/shutdown.hpp"
#include "session/window.hpp"

namespace contained::session {

enum class Reason : std::uint8_t { kExit, kSignal, kOom, kTimeout, kStopped, kOutputLimit };

/// "exit", "signal", ... as the protocol names it.
std::string_view name(Reason reason);

// ---- Facts

struct Executed {};  ///< execve(2) has succeeded
struct SetupFailed {
  Error error;
};  ///< the child told why not and exits
struct LeaderExited {
  process::ExitStatus status;
};
struct StreamEnded {};  ///< one of the piped streams; once for each
struct GroupChecked {   ///< answers CheckGroup, and comes by itself after WatchGroup
  bool populated = false;
  std::uint64_t processes = 0;
};
struct MemoryExhausted {};  ///< the kernel has killed in the group; told before GroupChecked
struct TimerFired {};
struct StopAsked {
  std::optional<protocol::Ladder> ladder;  ///< none: the session's own
};
struct OutputOverflowed {};  ///< there is more output than `max_output` allows

using Input = std::variant<Executed, SetupFailed, LeaderExited, StreamEnded, GroupChecked,
                           MemoryExhausted, TimerFired, StopAsked, OutputOverflowed>;

// ---- Actions

struct Announce {};  ///< tell the VM that it has started
struct ArmTimer {
  std::uint64_t milliseconds = 0;  ///< replaces the one before
  bool operator==(const ArmTimer&) const = default;
};
struct SendSignal {  ///< and SIGCONT after it, so that a stopped process can act on it
  int number = 0;
  protocol::Target to = protocol::Target::kAll;
  bool operator==(const SendSignal&) const = default;
};
struct TellStuck {};     ///< the ladder is over and it lives; KillGroup follows
struct KillGroup {};     ///< SIGKILL to the group, the leader and strays
struct CheckGroup {};    ///< is it empty? answer with GroupChecked
struct WatchGroup {};    ///< look now and whenever it changes; answer with GroupChecked when empty
struct DrainStreams {};  ///< send what is left without credit; nothing left counts as the end
struct DiscardStreams {};  ///< close the piped streams, each answered by StreamEnded
struct Finish {};          ///< send `ended` or `failed`; the session is over

using Action = std::variant<Announce, ArmTimer, SendSignal, TellStuck, KillGroup, CheckGroup,
                            WatchGroup, DrainStreams, DiscardStreams, Finish>;
using Actions = std::vector<Action>;

/// What the session is told at its start.
struct Policy {
  int piped_streams = 0;
  std::optional<std::uint64_t> timeout_ms;
  protocol::Ladder stop;
  protocol::Target signal_to = protocol::Target::kAll;
  protocol::Linger linger = protocol::Linger::kWait;
};

/// The policy that a start request asks for.
Policy policy_of(const protocol::Start& start);

/// What is known at the end.
struct Outcome {
  std::optional<Error> failure;  ///< the program never ran
  process::ExitStatus status;
  Reason reason = Reason::kExit;
  std::uint64_t left_behind = 0;
  std::uint64_t unkilled = 0;
};

class Session {
 public:
  explicit Session(Policy policy);

  /// What to do when the child has been forked.
  Actions begin() const;

  /// Feeds one fact. After Finish every further fact is answered by nothing.
  Actions resume(const Input& input);

  bool ended() const { return phase_ == Phase::kEnded; }
  bool leader_exited() const { return leader_exited_; }

  /// REQUIRES: ended().
  Outcome outcome() const;

 private:
  enum class Phase : std::uint8_t { kRunning, kStopping, kKilling, kEnded };

  Actions on(const Executed&);
  Actions on(const SetupFailed& fact);
  Actions on(const LeaderExited& fact);
  Actions on(const StreamEnded&);
  Actions on(const GroupChecked& fact);
  Actions on(const MemoryExhausted&);
  Actions on(const TimerFired&);
  Actions on(const StopAsked& fact);
  Actions on(const OutputOverflowed&);

  Actions on_empty();
  Actions on_leftovers(std::uint64_t processes);
  Actions linger();
  Actions begin_stop(Reason reason, protocol::Ladder ladder);
  Actions next_rung();
  Actions end_of_ladder();
  Actions begin_kill();
  Actions kill_again(Action look);
  Actions give_up();
  Actions finish();
  void give_reason(Reason reason);

  Policy policy_;
  Shutdown shutdown_;
  Phase phase_ = Phase::kRunning;
  int open_streams_;
  bool leader_exited_ = false;
  bool group_empty_ = false;
  bool counted_ = false;
  bool killed_ = false;     ///< by us, while the leader lived
  bool exhausted_ = false;  ///< of memory
  std::uint64_t members_ = 0;
  process::ExitStatus status_;
  std::optional<Reason> reason_;
  std::optional<Error> failure_;
  std::uint64_t left_behind_ = 0;
  std::uint64_t unkilled_ = 0;
};

}  // namespace contained::session
