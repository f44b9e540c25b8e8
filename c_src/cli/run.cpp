#include "cli/run.hpp"

#include <memory>

#include "cli/foreground.hpp"
#include "cli/words.hpp"

namespace contained::cli {
namespace {

constexpr const char* kRunFooter =
    "Examples:\n"
    "  contained run --memory 64M --pids 20 -- make test\n"
    "  contained run --timeout 10s --stop TERM:2s -- ./server\n";

}  // namespace

void add_run(CLI::App& app, int& exit_code) {
  auto* const command = app.add_subcommand("run", "Run one contained command in the foreground");
  const auto asked = std::make_shared<Foreground>();
  asked->command.start.keep_session = true;
  add_command_options(*command, asked->command);
  command->footer(kRunFooter);
  command->callback([asked, &exit_code] {
    finish(asked->command, command_words());
    exit_code = run_in_foreground(*asked);
  });
}

}  // namespace contained::cli
