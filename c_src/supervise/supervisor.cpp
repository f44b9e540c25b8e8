#include "supervise/supervisor.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <csignal>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <variant>

#include "base/file.hpp"
#include "engine/not_started.hpp"

namespace contained::supervise {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLoadTick{1000};
constexpr milliseconds kRetryTick{100};

Milliseconds now() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<Milliseconds>(std::chrono::duration_cast<milliseconds>(since).count());
}

std::size_t index(Timer timer) { return static_cast<std::size_t>(timer); }
std::size_t index(Task task) { return static_cast<std::size_t>(task); }

Result<double> read_load(const std::string& path) {
  const auto text = read_brief_at(AT_FDCWD, path);
  if (!text) return text.error();
  char* end = nullptr;
  const double load = std::strtod(text->c_str(), &end);
  if (end == text->c_str()) return Error{EINVAL, Stage::kFile, path};
  return load;
}

// Nobody has a terminal that was closed any more, tty(4).
bool has_terminal() { return UniqueFd(::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)).valid(); }

}  // namespace

Supervisor::Supervisor(engine::asio::io_context& io, const engine::Place& place,
                       engine::FrontSignals& signals, const Order& order, Info& info,
                       Outset& outset)
    : io_(io),
      order_(order),
      info_(info),
      outset_(outset),
      signals_(signals),
      household_(io, place, *this,
                 {.directory = {},
                  .guardian_may_stop = order.foreground,
                  .on_signal = [this](int number) { on_group_signal(number); }}),
      machine_(order.policy),
      timers_{engine::asio::steady_timer(io), engine::asio::steady_timer(io),
              engine::asio::steady_timer(io), engine::asio::steady_timer(io)},
      load_timer_(io),
      retry_timers_{engine::asio::steady_timer(io), engine::asio::steady_timer(io)},
      at_terminal_(order.foreground && has_terminal()) {}

int Supervisor::run() {
  auto opened = household_.open();
  if (order_.policy.load && opened) {
    if (const auto load = read_load(order_.load_file); !load) opened = load.error();
  }
  if (!opened) {
    outset_.say(order_.describe(opened.error()));
    outset_.settle(engine::kExitFailed);
    return engine::kExitFailed;
  }
  if (order_.logger) (void)household_.links().open(kLogLink);
  signals_.listen([this](int number) { on_signal(number); });
  if (order_.policy.load) watch_load();
  for (const auto& action : machine_.begin(now())) {
    std::visit([this](const auto& what) { perform(what); }, action);
  }
  io_.run();
  return code_;
}

// By the terminal, to the whole process group: the command has heard it. The rest comes by the
// front.
void Supervisor::on_group_signal(int number) {
  if (number == SIGINT) return feed(StopAsked{order_.foreground});
  if (number == SIGTERM) return feed(StopAsked{});
  if (number == SIGHUP && hung_up()) feed(StopAsked{true});
}

bool Supervisor::hung_up() const { return at_terminal_ && !has_terminal(); }

void Supervisor::on_signal(int number) {
  // Of the shell, to its jobs, when its terminal was closed.
  if (number == SIGHUP && hung_up()) return feed(StopAsked{true});
  if (number == SIGTERM || number == SIGINT) return feed(StopAsked{});
  if (number == SIGTSTP || number == SIGWINCH) return;
  feed(SignalCame{number});
}

// ---- What becomes of the commands

void Supervisor::send(const protocol::Event& event) {
  std::visit([this](const auto& what) { hear(what); }, event);
}

void Supervisor::hear(const protocol::Started& event) {
  const auto task = tasks_.at(event.id);
  if (task == Task::kCommand) outset_.settle(0);
  feed(Started{task, event.os_pid});
}

void Supervisor::hear(const protocol::Failed& event) {
  const auto task = tasks_.at(event.id);
  not_started(task, engine::error_of(event));
}

void Supervisor::hear(const protocol::Ended& event) {
  const auto task = tasks_.at(event.id);
  tasks_.erase(event.id);
  if (event.reason == "oom") outset_.say("killed for want of memory: see --memory");
  feed(Ended{task, {event.exited, event.code, event.core_dumped}});
}

// Without a control group its processes are stopped one by one.
void Supervisor::hear(const protocol::Answer& event) {
  if (!std::holds_alternative<protocol::ControlError>(event.what)) return;
  if (const auto command = household_.find(event.id)) {
    frozen_by_signal_ = true;
    command->signal({event.id, SIGSTOP, protocol::Target::kAll});
  }
}

// Later: what tells us of a fact is in the middle of something.
void Supervisor::feed(const Fact& fact) {
  engine::asio::post(io_, [this, fact] {
    for (const auto& action : machine_.resume(now(), fact)) {
      std::visit([this](const auto& what) { perform(what); }, action);
    }
  });
}

std::shared_ptr<engine::Live> Supervisor::live(Task task) const {
  return household_.find(ids_[index(task)]);
}

// ---- What the machine decides

void Supervisor::perform(const Launch& action) { start(action.task); }

// What SIGKILL did not end is of the last generation, and is killed again and again.
void Supervisor::start(Task task) {
  if (household_.has_leftovers()) return start_later(task);
  const bool is_command = task == Task::kCommand;
  auto request = is_command ? order_.command : *order_.logger;
  request.id = ++last_id_;
  ids_[index(task)] = request.id;
  tasks_.emplace(request.id, task);
  const auto started = household_.start(request);
  if (!started) not_started(task, started.error());
}

void Supervisor::start_later(Task task) {
  if (!std::exchange(told_of_leftovers_, true))
    outset_.say("some processes do not die of SIGKILL; the next start waits for their end");
  auto& timer = retry_timers_[index(task)];
  timer.expires_after(kRetryTick);
  timer.async_wait([this, task](const boost::system::error_code& error) {
    error ? feed(NotStarted{task, engine::kExitFailed}) : start(task);
  });
}

void Supervisor::not_started(Task task, const Error& error) {
  tasks_.erase(ids_[index(task)]);
  outset_.say(fmt::format("{}: {}", name(error.stage), order_.describe(error)));
  feed(NotStarted{task, engine::exit_code_of(error)});
}

// SIGCONT follows every signal of a ladder; alone it only gives time.
protocol::Ladder Supervisor::ladder_of(const Stop& action) const {
  auto ladder = action.task == Task::kCommand ? order_.command.stop : order_.logger->stop;
  if (action.told && !ladder.empty())
    ladder.insert(ladder.begin(), {SIGCONT, ladder.front().grace_ms});
  return ladder;
}

void Supervisor::perform(const Stop& action) {
  if (const auto it = live(action.task)) return it->stop(ladder_of(action));
  retry_timers_[index(action.task)].cancel();
}

void Supervisor::perform(const Arm& action) {
  const auto at = index(action.timer);
  timers_[at].expires_after(milliseconds(action.after));
  timers_[at].async_wait([this, timer = action.timer, at,
                          number = ++armed_[at]](const boost::system::error_code& error) {
    // A handler that was already queued cannot be cancelled.
    if (!error && number == armed_[at]) feed(TimerFired{timer});
  });
}

void Supervisor::perform(const Disarm& action) {
  ++armed_[index(action.timer)];
  timers_[index(action.timer)].cancel();
}

void Supervisor::control_command(protocol::Control::Op op) {
  const auto command = live(Task::kCommand);
  if (!command) return;
  protocol::Control control;
  control.id = ids_[index(Task::kCommand)];
  control.op = op;
  command->control(control);
}

void Supervisor::perform(const Pause&) {
  frozen_by_signal_ = false;
  control_command(protocol::Control::Op::kFreeze);
}

void Supervisor::perform(const Resume&) {
  if (!frozen_by_signal_) return control_command(protocol::Control::Op::kThaw);
  perform(Send{Task::kCommand, SIGCONT});
}

// A logger takes what is meant for it; of a command all processes do when it is paused or resumed.
void Supervisor::perform(const Send& action) {
  const auto to = action.number == SIGCONT ? protocol::Target::kAll : protocol::Target::kLeader;
  if (const auto it = live(action.task)) it->signal({ids_[index(action.task)], action.number, to});
}

void Supervisor::perform(const EndInput&) { (void)household_.links().close(kLogLink); }

// Before anybody is told of the start.
void Supervisor::note_pid(const Tell& what) {
  if (order_.pid_file.empty() || what.task != Task::kCommand) return;
  if (what.event == Event::kExit) return pid_file_.remove();
  if (what.event != Event::kStart) return;
  pid_t holder = 0;
  auto taken = PidFile::take(order_.pid_file, static_cast<pid_t>(what.pid), holder);
  if (!taken) return outset_.say(fmt::format("pid file: {}", order_.describe(taken.error())));
  pid_file_ = std::move(*taken);
}

void Supervisor::perform(const Tell& action) {
  note_pid(action);
  if (order_.on_tell) order_.on_tell(action);
  const auto told = info_.tell(action);
  if (!told && !std::exchange(told_of_info_, true)) outset_.say(told.error().message());
}

void Supervisor::perform(const GiveUp&) {
  const auto& burst = *order_.policy.burst;
  outset_.say(fmt::format("supervise: more than {} restarts within {} ms: giving up",
                          burst.restarts, burst.window));
}

void Supervisor::perform(const Finish& action) {
  code_ = action.code;
  outset_.settle(code_);
  load_timer_.cancel();
  household_.close([] { return true; });
}

// ---- The load of the system

void Supervisor::watch_load() {
  load_timer_.expires_after(kLoadTick);
  load_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    if (const auto load = read_load(order_.load_file)) feed(LoadRead{*load});
    watch_load();
  });
}

}  // namespace contained::supervise
