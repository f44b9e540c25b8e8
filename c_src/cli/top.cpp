#include "cli/top.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string_view>
#include <thread>

#include "cli/exit_codes.hpp"
#include "cli/report.hpp"
#include "cli/terminal.hpp"
#include "cli/top_sampler.hpp"
#include "cli/top_table.hpp"
#include "cli/top_view.hpp"
#include "cli/units.hpp"
#include "job/client.hpp"

namespace contained::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kAnswerTime(2000);
constexpr std::uint64_t kOnceDelay = 500;
constexpr std::array kEndingSignals = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

constexpr const char* kTopFooter =
    "Keys: c m p n sort, arrows choose, s stops a job, k kills, q quits.\n"
    "Examples:\n"
    "  contained top\n"
    "  contained top web -d 5s\n"
    "  contained top --json | jq '.groups[].name'\n";

volatile std::sig_atomic_t g_ended_by = 0;

// Ending signals are delivered while we wait, and at no other time: a screen is left whole.
class Signals {
 public:
  Signals() {
    struct sigaction action = {};
    action.sa_handler = [](int number) { g_ended_by = number; };
    sigset_t blocked;
    ::sigemptyset(&blocked);
    for (const int number : kEndingSignals) {
      ::sigaction(number, &action, nullptr);
      ::sigaddset(&blocked, number);
    }
    ::sigaddset(&blocked, SIGWINCH);  // ncurses handles it
    ::sigprocmask(SIG_BLOCK, &blocked, &before_);
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

  /// Until a key, a signal, or |until|. False: the terminal is gone, or a signal ends us.
  bool wait(Clock::time_point until) const {
    const auto left = std::max(until - Clock::now(), Clock::duration::zero());
    const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
    const timespec time = {nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
    pollfd terminal = {STDIN_FILENO, POLLIN, 0};
    ::ppoll(&terminal, 1, &time, &before_);
    return g_ended_by == 0 && (terminal.revents & (POLLHUP | POLLERR | POLLNVAL)) == 0;
  }

 private:
  sigset_t before_ = {};
};

Status ask_keeper(const TopSample& sample, const std::string& request) {
  const auto space = job::Namespace::open(sample.space);
  if (!space) return space.error();
  const auto directory = space->job(sample.job);
  if (!directory) return directory.error();
  auto client = job::Client::connect(directory->get());
  if (!client) return client.error();
  const auto answer = client->ask(request, false, job::after(kAnswerTime));
  if (!answer) return answer.error();
  return Done{};
}

Status stop_job(const TopSample& sample) { return ask_keeper(sample, "stop"); }

Status kill_group(const TopSample& sample) {
  if (sample.is_job()) return ask_keeper(sample, "kill");
  auto quarters = cgroup::Quarters::open(sample.groups);
  if (!quarters) return quarters.error();
  return quarters->kill();
}

int no_namespace(const std::string& space, const Error& error) {
  if (error.code == ENOENT) complain("top", "there is no namespace " + space);
  if (error.code != ENOENT) complain(error);
  return kNo;
}

bool refresh(TopModel& model, const TopOptions& options) {
  auto snapshot = take_snapshot(options.space);
  if (!snapshot) return false;
  model.take(std::move(*snapshot));
  return true;
}

void show_until_quit(Screen& screen, TopModel& model, const TopOptions& options,
                     const Signals& signals) {
  TopView view(screen, model, TopActions{stop_job, kill_group});
  const milliseconds delay(options.delay_ms);
  auto next = Clock::now() + std::min(delay, milliseconds(kOnceDelay));  // rates come early
  for (view.draw(); signals.wait(next); view.draw()) {
    for (auto key = screen.key(); key.kind != Key::Kind::kNone; key = screen.key()) {
      if (!view.take(key)) return;
    }
    if (Clock::now() < next) continue;
    if (!refresh(model, options)) view.say("The namespace is gone.");
    next = Clock::now() + delay;
  }
}

int show_screen(TopModel& model, const TopOptions& options) {
  const Signals signals;
  g_ended_by = 0;
  auto screen = Screen::open(has_colours(STDOUT_FILENO));
  if (!screen) {
    complain("top", describe(screen.error()) + "; --once prints a table");
    return kNo;
  }
  show_until_quit(**screen, model, options, signals);
  return g_ended_by == 0 ? kOk : 128 + static_cast<int>(g_ended_by);
}

// Rates take two looks.
int print_once(TopModel& model, const TopOptions& options) {
  std::this_thread::sleep_for(milliseconds(std::min(options.delay_ms, kOnceDelay)));
  if (!refresh(model, options)) return kNo;
  const auto text = options.json ? json_table(model) : plain_table(model);
  return print(text) ? kOk : kNo;
}

}  // namespace

void add_top_options(CLI::App& command, TopOptions& options) {
  command
      .add_option_function<std::string>(
          "-d,--delay",
          [&options](const std::string& text) {
            const auto time = parse_time(text);
            if (!time || *time == 0) {
              throw CLI::ValidationError("--delay", text + ": a time, as 2s or 500ms");
            }
            options.delay_ms = *time;
          },
          "Time between two looks (1s)")
      ->type_name("TIME");
  command.add_flag("--once", options.once, "Print a table and end; so without a terminal");
  command.add_flag("--json", options.json, "The same as JSON");
  command.footer(kTopFooter);
}

int run_top(const TopOptions& options) {
  TopModel model;
  auto first = take_snapshot(options.space);
  if (!first) return no_namespace(options.space, first.error());
  model.take(std::move(*first));
  const bool batch =
      options.once || options.json || !is_terminal(STDOUT_FILENO) || !is_terminal(STDIN_FILENO);
  return batch ? print_once(model, options) : show_screen(model, options);
}

void add_top(CLI::App& app, int& exit_code) {
  auto* const command = app.add_subcommand("top", "Show what jobs and commands use");
  const auto options = std::make_shared<TopOptions>();
  command->add_option("namespace", options->space, "Jobs of this one alone")->type_name("NS");
  add_top_options(*command, *options);
  command->callback([options, &exit_code] { exit_code = run_top(*options); });
}

void add_job_top(CLI::App& job, const std::shared_ptr<std::string>& space, int& exit_code) {
  auto* const command = job.add_subcommand("top", "Show what its jobs use");
  const auto options = std::make_shared<TopOptions>();
  add_top_options(*command, *options);
  command->callback([options, space, &exit_code] {
    options->space = *space;
    exit_code = run_top(*options);
  });
}

}  // namespace contained::cli
