#include "cli/foreground.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "base/signals.hpp"
#include "cli/debug.hpp"
#include "cli/exit_codes.hpp"
#include "cli/input_relay.hpp"
#include "cli/outcome.hpp"
#include "cli/output_relay.hpp"
#include "cli/report.hpp"
#include "cli/terminal.hpp"
#include "engine/front.hpp"
#include "engine/household.hpp"
#include "engine/not_started.hpp"

namespace contained::cli {
namespace {

// Taking apart what the kernel takes back as it is would be a part of every command's time.
[[noreturn]] void leave(int code) { std::_Exit(code); }

bool ends(int number) {
  return number == SIGTERM || number == SIGINT || number == SIGHUP || number == SIGQUIT;
}

// In the worker.
class Performance : public engine::Receiver {
 public:
  Performance(engine::asio::io_context& io, const engine::Place& place,
              engine::FrontSignals& signals, const Foreground& asked)
      : io_(io), household_(io, place, *this, options()), signals_(signals), asked_(asked) {}

  int run() {
    signals_.listen([this](int number) { on_signal(number); });
    const auto opened = household_.open();
    if (!opened) return fail(opened.error());
    auto live = household_.start(asked_.command.start);
    if (!live) return fail(live.error());
    live_ = *live;
    io_.run();
    return exit_code_;
  }

  void offer(const std::shared_ptr<engine::Source>& source) override {
    if (!output_) relay_output();
    output_->offer(source);
  }

  void send(const protocol::Event& event) override {
    if (const auto* started = std::get_if<protocol::Started>(&event)) return on_started(*started);
    if (const auto* credit = std::get_if<protocol::InputCredit>(&event)) {
      if (input_) input_->credit(credit->bytes);
    }
    if (const auto* failed = std::get_if<protocol::Failed>(&event)) fail(engine::error_of(*failed));
    if (const auto* ended = std::get_if<protocol::Ended>(&event)) on_ended(*ended);
    if (std::holds_alternative<protocol::Stuck>(event)) {
      tell(kTellSignal, "it does not stop: SIGKILL");
    }
  }

 private:
  static engine::Household::Options options() {
    engine::Household::Options options;
    options.guardian_may_stop = true;
    return options;
  }

  template <class... Words>
  void tell(unsigned areas, fmt::format_string<Words...> format, Words&&... words) const {
    if ((asked_.command.verbose & areas) == 0) return;
    complain("run", fmt::format(format, std::forward<Words>(words)...));
  }

  int fail(const Error& error) {
    complain(error);
    exit_code_ = asked_.failure_code.value_or(engine::exit_code_of(error));
    conclude([&] { return json_of(error); });
    return exit_code_;
  }

  void on_started(const protocol::Started& started) {
    pid_ = started.os_pid;
    const auto& ground = *household_.place().ground;
    tell(kTellSpawn | kTellCgroup, "pid {} in {} ({})", pid_,
         ground.path().empty() ? "no control group" : ground.path(), cgroup::name(ground.kind()));
    if ((asked_.command.verbose & kTellCgroup) != 0) tell_groups("run", static_cast<pid_t>(pid_));
    if (asked_.close != Foreground::Close::kIgnored || has_terminal()) relay_input();
  }

  bool has_terminal() const { return asked_.command.start.terminal.has_value(); }

  void relay_output() {
    output_.emplace(
        io_,
        [this](std::size_t bytes) {
          live_->credit({id(), protocol::Stream::kStdout, bytes});
        },
        [this] {
          tell(kTellSignal, "stdout is closed: stop");
          live_->stop(std::nullopt);
        });
  }

  void relay_input() {
    const bool pass = asked_.command.start.in == protocol::Stdin::kPipe;
    const bool stop = asked_.close != Foreground::Close::kIgnored;
    input_.emplace(
        io_, protocol::kInputWindow,
        [this, pass](std::string_view data) {
          if (pass) return live_->input({id(), data, 0});
          engine::asio::post(io_, [this, size = data.size()] { input_->credit(size); });
        },
        [this, pass, stop] {
          tell(kTellSignal, "stdin is closed{}", stop ? ": stop" : "");
          if (pass) live_->close_input({id(), 0});
          if (stop) live_->stop(std::nullopt);
        });
    input_->begin();
  }

  void on_signal(int number) {
    const auto live = household_.find(id());
    if (!live) return;
    if (number == SIGWINCH && has_terminal()) return resize(*live);
    const bool stops = ends(number) && asked_.command.stop_said;
    tell(kTellSignal, "{} came: {}", signal_name(number), stops ? "stop" : "passed on");
    if (stops) return live->stop(std::nullopt);
    live->signal({id(), number, protocol::Target::kLeader});
  }

  void resize(engine::Live& live) const {
    const auto [rows, columns] = our_extent();
    protocol::Control request;
    request.id = id();
    request.op = protocol::Control::Op::kResize;
    request.size = {static_cast<std::uint16_t>(rows), static_cast<std::uint16_t>(columns)};
    live.control(request);
  }

  void on_ended(const protocol::Ended& ended) {
    exit_code_ = exit_code_of(ended);
    tell(kTellSpawn, "{} {}: {}", ended.exited ? "exited" : "signal", ended.code, ended.reason);
    for (const auto& key : ended.not_applied) tell(kTellCgroup, "the limit {} is not applied", key);
    if (ended.reason == "oom") complain("run", "killed for want of memory: see --memory");
    if (ended.unkilled > 0) complain("run", "some processes do not die of SIGKILL (state D)");
    conclude([&] { return json_of(ended, pid_); });
  }

  template <class Json>
  void conclude(const Json& json) {
    if (asked_.json_result) {
      const auto written = replace_file(*asked_.json_result, json());
      if (!written) complain(written.error());
    }
    engine::asio::post(
        io_, [this] { household_.close([this] { return !output_ || output_->idle(); }); });
  }

  protocol::Id id() const { return asked_.command.start.id; }

  engine::asio::io_context& io_;
  engine::Household household_;
  engine::FrontSignals& signals_;
  const Foreground& asked_;
  std::shared_ptr<engine::Live> live_;
  std::optional<InputRelay> input_;
  std::optional<OutputRelay> output_;
  std::int64_t pid_ = 0;
  int exit_code_ = kRunFailed;
};

}  // namespace

void run_in_foreground(const Foreground& foreground) {
  // A result that is there is of this run.
  if (foreground.json_result) remove_old_file(*foreground.json_result);
  engine::FrontOptions front;
  front.cgroups = foreground.command.cgroups;
  front.terminal_ends = foreground.command.stop_said;
  front.other_terminal = foreground.command.start.terminal.has_value();
  front.work = [&](engine::asio::io_context& io, const engine::Place& place,
                   engine::FrontSignals& signals) -> int {
    leave(Performance(io, place, signals, foreground).run());
  };
  std::optional<RawTerminal> ours;
  if (front.other_terminal) ours.emplace(STDIN_FILENO);
  const int code = engine::run_front(front);
  ours.reset();
  leave(code);
}

}  // namespace contained::cli
