#include "cli/foreground.hpp"

#include <algorithm>
#include <csignal>

#include "cli/exit_codes.hpp"
#include "cli/report.hpp"
#include "engine/front.hpp"
#include "engine/household.hpp"

namespace contained::cli {
namespace {

// The exit code for a command that could not be executed, as env(1) has them.
int code_of_failure(std::string_view stage, int code) {
  if (stage != name(Stage::kExec)) return kRunFailed;
  return code == ENOENT || code == ENOTDIR ? kNotFound : kCannotExecute;
}

int code_of_end(const protocol::Ended& ended) {
  if (ended.reason == "timeout") return kTimedOut;
  return ended.exited ? ended.code : 128 + ended.code;
}

// In the worker: tells the household of signals, and us of the end.
class Performance : public engine::Receiver {
 public:
  Performance(engine::asio::io_context& io, const engine::Place& place,
              engine::FrontSignals& signals, const Foreground& foreground)
      : io_(io), household_(io, place, *this, options()), signals_(signals), asked_(foreground) {}

  int run() {
    const auto opened = household_.open();
    if (!opened) return fail(opened.error(), kRunFailed);
    signals_.listen([this](int number) { on_signal(number); });
    auto live = household_.start(asked_.command.start);
    if (!live)
      return fail(live.error(), code_of_failure(name(live.error().stage), live.error().code));
    io_.run();
    return exit_code_;
  }

  void send(const protocol::Event& event) override {
    if (const auto* failed = std::get_if<protocol::Failed>(&event)) on_failed(*failed);
    if (const auto* ended = std::get_if<protocol::Ended>(&event)) on_ended(*ended);
  }

 private:
  static engine::Household::Options options() {
    engine::Household::Options options;
    options.guardian_may_stop = true;
    return options;
  }

  static int fail(const Error& error, int code) {
    complain(error);
    return code;
  }

  void on_signal(int number) {
    constexpr int kEnding[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    const auto live = household_.find(asked_.command.start.id);
    if (!live) return;
    const bool ending =
        std::find(std::begin(kEnding), std::end(kEnding), number) != std::end(kEnding);
    if (ending && asked_.command.stop_said) return live->stop(std::nullopt);
    live->signal({asked_.command.start.id, number, protocol::Target::kLeader});
  }

  void on_failed(const protocol::Failed& failed) {
    const int code = errno_named(failed.error).value_or(EIO);
    exit_code_ = code_of_failure(failed.stage, code);
    complain(failed.stage, describe({code, stage_of(failed.stage), failed.subject}));
    close();
  }

  void on_ended(const protocol::Ended& ended) {
    exit_code_ = code_of_end(ended);
    close();
  }

  void close() {
    engine::asio::post(io_, [this] { household_.close([] { return true; }); });
  }

  static Stage stage_of(std::string_view text) {
    for (auto stage = Stage::kNone; stage <= Stage::kNetwork;
         stage = static_cast<Stage>(static_cast<int>(stage) + 1)) {
      if (name(stage) == text) return stage;
    }
    return Stage::kNone;
  }

  engine::asio::io_context& io_;
  engine::Household household_;
  engine::FrontSignals& signals_;
  const Foreground& asked_;
  int exit_code_ = kRunFailed;
};

}  // namespace

int run_in_foreground(const Foreground& foreground) {
  engine::FrontOptions front;
  front.cgroups = foreground.command.cgroups;
  front.work = [&](engine::asio::io_context& io, const engine::Place& place,
                   engine::FrontSignals& signals) {
    return Performance(io, place, signals, foreground).run();
  };
  return engine::run_front(front);
}

}  // namespace contained::cli
