// Machine: the life of a supervised command and of its logger as decisions without I/O.
//
// `resume(now, fact) -> actions`, done in order by whoever feeds it. A task is launched only when
// its last run has ended, and a run ends when nothing is left in its group: there are never two
// generations. The logger starts before the command and ends after it: first it comes to the end
// of its input, and has a while to write what it has read.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "process/exit_status.hpp"
#include "supervise/policy.hpp"

namespace contained::supervise {

enum class Task : std::uint8_t { kCommand, kLogger };
enum class Timer : std::uint8_t { kStartCommand, kStartLogger, kTimeout, kLoggerGrace };
inline constexpr std::size_t kTasks = 2;
inline constexpr std::size_t kTimers = 4;

// ---- Facts

struct Started {
  Task task = Task::kCommand;
  std::int64_t pid = 0;
};
struct NotStarted {
  Task task = Task::kCommand;
  int code = 0;  ///< as an exit code: 125, 126 or 127
};
struct Ended {
  Task task = Task::kCommand;
  process::ExitStatus status;
};
struct TimerFired {
  Timer timer = Timer::kTimeout;
};
struct LoadRead {
  double load = 0;
};
struct SignalCame {  ///< one of those that are passed on
  int number = 0;
};
struct StopAsked {
  bool by_terminal = false;  ///< ^C: the command has been told already
};

using Fact = std::variant<Started, NotStarted, Ended, TimerFired, LoadRead, SignalCame, StopAsked>;

// ---- Actions

struct Launch {
  Task task = Task::kCommand;
};
struct Stop {  ///< by its ladder; answered by Ended
  Task task = Task::kCommand;
  bool told = false;  ///< first it has a while for what it was told
};
struct Arm {  ///< replaces the one before
  Timer timer = Timer::kTimeout;
  Milliseconds after = 0;
};
struct Disarm {
  Timer timer = Timer::kTimeout;
};
struct Pause {};   ///< the command's whole group
struct Resume {};  ///< the same
struct Send {
  Task task = Task::kCommand;
  int number = 0;
};
struct EndInput {};  ///< of the logger, once it has read what there is
enum class Event : std::uint8_t { kStart, kStop, kExit, kSignal, kTimeout, kPause, kResume };
struct Tell {
  Task task = Task::kCommand;
  Event event = Event::kStart;
  std::int64_t pid = 0;
  int number = 0;  ///< of kSignal; of kExit what waitpid(2) says
};
struct GiveUp {};  ///< too many restarts; Finish follows
struct Finish {
  int code = 0;
};

using Action =
    std::variant<Launch, Stop, Arm, Disarm, Pause, Resume, Send, EndInput, Tell, GiveUp, Finish>;
using Actions = std::vector<Action>;

class Machine {
 public:
  explicit Machine(const Policy& policy);

  /// |now| is in milliseconds, of a clock that nobody sets.
  Actions begin(Milliseconds now);
  Actions resume(Milliseconds now, const Fact& fact);

  bool finished() const { return finished_; }

 private:
  enum class Phase : std::uint8_t { kIdle, kStarting, kRunning, kStopping };
  struct State {
    explicit State(Backoff backoff) : pace(backoff) {}
    Phase phase = Phase::kIdle;
    std::int64_t pid = 0;
    bool ran = false;  ///< once, at least
    Pace pace;
    std::vector<int> signals = {};  ///< that came when it did not run
  };

  void on(const Started& fact);
  void on(const NotStarted& fact);
  void on(const Ended& fact);
  void on(const TimerFired& fact);
  void on(const LoadRead& fact);
  void on(const SignalCame& fact);
  void on(const StopAsked& fact);

  State& state(Task task) { return states_[static_cast<std::size_t>(task)]; }
  void act(const Action& action) { actions_.push_back(action); }
  void tell(Task task, Event event, int number = 0);
  void launch(Task task);
  void stop(Task task, bool told = false);
  void pass_on(Task task, int number);

  void command_started();
  void command_over(const process::ExitStatus& status);
  void command_not_started(int code);
  bool is_last(bool succeeded);
  void restart_command(Milliseconds wait);
  void logger_started();
  void logger_over();
  void wind_down();
  void end_input();
  void finish();

  Policy policy_;
  Fuse fuse_;
  std::array<State, kTasks> states_;
  Actions actions_;
  Milliseconds now_ = 0;
  std::uint64_t restarts_ = 0;
  int code_ = 0;
  bool timed_out_ = false;
  bool paused_ = false;
  bool stopping_ = false;      ///< somebody has asked for it
  bool winding_down_ = false;  ///< the command is not started any more
  bool finished_ = false;
};

}  // namespace contained::supervise
