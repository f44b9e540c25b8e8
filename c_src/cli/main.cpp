// contained: contained processes without a VM, from a shell or any other program.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string_view>

#include "cli/cgroup_command.hpp"
#include "cli/cli11.hpp"
#include "cli/env.hpp"
#include "cli/exit_codes.hpp"
#include "cli/generate.hpp"
#include "cli/help.hpp"
#include "cli/info.hpp"
#include "cli/job.hpp"
#include "cli/log.hpp"
#include "cli/mentioned.hpp"
#include "cli/muontrap.hpp"
#include "cli/report.hpp"
#include "cli/run.hpp"
#include "cli/sink.hpp"
#include "cli/supervise.hpp"
#include "cli/top.hpp"
#include "cli/words.hpp"

namespace contained::cli {
namespace {

struct Subcommand {
  std::string_view name;
  void (*add)(CLI::App& app, int& exit_code);
};
constexpr Subcommand kSubcommands[] = {
    {"job", add_job},   {"run", add_run},     {"cgroup", add_cgroup},
    {"dlog", add_dlog}, {"drlog", add_drlog}, {"dslog", add_dslog},
    {"env", add_env},   {"log", add_log},     {"muontrap", add_muontrap},
    {"info", add_info}, {"sink", add_sink},   {"supervise", add_supervise},
    {"top", add_top},
};

// Links to the program under other names, and what these stand for; with a variable whose words
// come in front of the command line's.
struct Applet {
  std::string_view name;
  const char* words;
  const char* variable = nullptr;
};
constexpr Applet kApplets[] = {
    {"lanco", "job --as-lanco"},
    {"muontrap", "muontrap"},
    {"dmon", "supervise", "DMON_OPTIONS"},
    {"dlog", "dlog", "DLOG_OPTIONS"},
    {"drlog", "drlog", "DRLOG_OPTIONS"},
    {"dslog", "dslog", "DSLOG_OPTIONS"},
    {"denv", "env --as-denv"},
    {"envdir", "env --as-denv -I -d"},
};

// A descriptor that is opened next must not become somebody's stdin or stderr.
void open_standard_streams() {
  int fd = STDIN_FILENO;
  while (fd >= 0 && fd <= STDERR_FILENO) fd = ::open("/dev/null", O_RDWR);  // NOLINT(*-vararg)
  if (fd > STDERR_FILENO) ::close(fd);
}

void prepend(const Applet& applet, Words& words) {
  auto front = *split_quoted(applet.words);
  const char* const variable =
      applet.variable == nullptr ? nullptr : std::getenv(applet.variable);  // NOLINT(*-mt-unsafe)
  if (variable != nullptr) {
    const auto more = split_quoted(variable);
    if (!more) throw CLI::ValidationError(applet.variable, "a quote is not closed");
    front.insert(front.end(), more->begin(), more->end());
  }
  words.insert(words.begin(), front.begin(), front.end());
}

Words words_of(int argc, char** argv) {
  Words words(argv + 1, argv + argc);
  std::string_view self = argc > 0 ? argv[0] : "";
  self.remove_prefix(self.rfind('/') + 1);
  for (const auto& applet : kApplets) {
    if (applet.name == self) prepend(applet, words);
  }
  return words;
}

// Making all of them takes as long as a small command: only the one that is called, if it is known.
void add_subcommands(CLI::App& app, const Words& words, int& exit_code) {
  const auto called = [&words](const Subcommand& command) {
    return !words.empty() && words.front() == command.name;
  };
  const bool known = std::any_of(std::begin(kSubcommands), std::end(kSubcommands), called);
  // Of `run` because it stands before other programs' commands; others put options in other places.
  if (known && words.front() == "run") remember_mentioned(words);
  for (const auto& command : kSubcommands) {
    if (!known || called(command)) command.add(app, exit_code);
  }
  if (!known) add_generate(app, exit_code);
}

// What stands first is a subcommand, or an option of the program itself.
void check_subcommand(const CLI::App& app, const Words& words) {
  if (words.empty()) throw CLI::ValidationError("the command", allowed_subcommands(app));
  const auto& first = words.front();
  const auto is_it = [&first](const CLI::App* command) { return command->check_name(first); };
  if (first.starts_with('-') || !app.get_subcommands(is_it).empty()) return;
  throw CLI::ValidationError(allowed_subcommands(app));
}

int usage_error(const CLI::ParseError& error, const Words& words) {
  const auto called = words.empty() ? std::string() : words.front();
  complain(called.empty() ? "usage" : called, error.what());
  if (called == "muontrap") return kNo;
  return called == "run" ? kRunFailed : kUsage;
}

int parse_and_run(CLI::App& app, const Words& words, int& exit_code) {
  CLI::App* taker = nullptr;
  try {
    check_subcommand(app, words);
    auto line = split_line(app, words);
    taker = line.taker;
    command_words() = std::move(line.command);
    std::reverse(line.options.begin(), line.options.end());  // as App::parse() wants them
    app.parse(std::move(line.options));
    return exit_code;
  } catch (const CLI::ParseError& error) {
    if (taker != nullptr) taker->prefix_command();
    if (error.get_exit_code() == 0) return app.exit(error);  // help, version
    return usage_error(error, words);
  }
}

int run_main(int argc, char** argv) {
  const auto words = words_of(argc, argv);
  int exit_code = kOk;
  CLI::App app("Contained processes: nothing they start outlives them", "contained");
  app.set_version_flag("--version", "contained " CONTAINED_VERSION, "Print the version");
  app.require_subcommand(1);
  const auto formatter = std::make_shared<HelpFormatter>();
  formatter->column_width(34);
  app.formatter(formatter);
  add_subcommands(app, words, exit_code);
  return parse_and_run(app, words, exit_code);
}

}  // namespace
}  // namespace contained::cli

int main(int argc, char** argv) {
  contained::cli::open_standard_streams();
  try {
    return contained::cli::run_main(argc, argv);
  } catch (const std::exception& error) {
    contained::cli::complain("failed", error.what());
    return contained::cli::kRunFailed;
  }
}
