#include "cli/run.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdint>
#include <memory>

#include "cli/exit_codes.hpp"
#include "cli/foreground.hpp"
#include "cli/plan.hpp"
#include "cli/terminal.hpp"
#include "cli/words.hpp"

namespace contained::cli {
namespace {

constexpr const char* kRunFooter =
    "Exit codes: the command's; 128 + n when it died of signal n; 124 time limit; 125 a failure "
    "of\n"
    "ours; 126 it cannot be executed; 127 it is not there.\n"
    "Signals are passed on to the command. With -k, --stop-timeout or --stop the signals TERM, "
    "INT, HUP\n"
    "and QUIT stop it, at last by SIGKILL.\n"
    "\n"
    "Examples:\n"
    "  contained run --memory 64M --pids 20 -- make test\n"
    "  contained run --timeout 10s --stop TERM:2s -- ./server\n"
    "  contained run --kill-on-close -- ffmpeg ...            from a port of any language\n"
    "  contained run --pid-isolation --network none -- sh     an interactive shell\n";

struct RunOptions {
  Foreground foreground;
  bool kill_on_close = false;
  bool dry_run = false;
  bool pty = false;
  std::string json_result;
};

// At our own terminal it is as if the command were at it: as large, and with the echo.
protocol::Terminal terminal_like_ours() {
  const auto [rows, columns] = our_extent();
  return {{static_cast<std::uint16_t>(rows), static_cast<std::uint16_t>(columns)},
          is_terminal(STDIN_FILENO)};
}

void give_terminal(Foreground& foreground) {
  auto& start = foreground.command.start;
  start.terminal = terminal_like_ours();
  start.in = protocol::Stdin::kPipe;
  start.out = protocol::Output::kPipe;
  start.err = protocol::Output::kStdout;
  start.keep_session = false;
}

int run_command(RunOptions& asked) {
  auto& [foreground, kill_on_close, dry_run, pty, json_result] = asked;
  finish(foreground.command, command_words());
  if (kill_on_close) {
    foreground.close = Foreground::Close::kPassedOn;
    foreground.command.start.in = protocol::Stdin::kPipe;
  }
  if (pty) give_terminal(foreground);
  if (!json_result.empty()) foreground.json_result = json_result;
  if (dry_run) return print_plan(foreground.command);
  run_in_foreground(foreground);
}

}  // namespace

void add_run(CLI::App& app, int& exit_code) {
  auto* const command = app.add_subcommand("run", "Run one contained command in the foreground");
  const auto asked = std::make_shared<RunOptions>();
  asked->foreground.command.start.keep_session = true;
  command->add_flag("--kill-on-close", asked->kill_on_close,
                    "The end of our stdin, which is passed on, stops the command");
  command
      ->add_option("--json-result", asked->json_result,
                   "Writes what became of it to this file, all at once")
      ->type_name("FILE");
  command->add_flag("--pty", asked->pty,
                    "Gives it a terminal (pty(7)) in place of our stdin, stdout and stderr, which\n"
                    "are passed on");
  command->add_flag("--dry-run", asked->dry_run, "Prints what would be done, as JSON");
  add_command_options(*command, asked->foreground.command);
  command->footer(kRunFooter);
  command->callback([asked, &exit_code] { exit_code = run_command(*asked); });
}

}  // namespace contained::cli
