#include "cli/muontrap.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <memory>

#include "cgroup/layout.hpp"
#include "cgroup/names.hpp"
#include "cli/exit_codes.hpp"
#include "cli/foreground.hpp"
#include "cli/option_rows.hpp"
#include "cli/units.hpp"
#include "cli/words.hpp"

namespace contained::cli {
namespace {

struct MuonTrap {
  Foreground foreground;
  std::string arg0;
  std::string delay = "500";
  std::string group;
  std::string window;
  bool output = false;
  bool errors = false;
  bool errors_only = false;
};

bool is_directory(const std::string& path) {
  struct stat info = {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// Whether any hierarchy has |path|: made beforehand, as MuonTrap wants it.
bool is_group(const std::string& path) {
  const auto layout = cgroup::find_layout();
  if (layout && is_directory(layout->mountpoint + "/" + path)) return true;
  const auto found = cgroup::find_v1();
  if (!found) return false;
  for (const auto& hierarchy : *found) {
    if (is_directory(hierarchy.mountpoint + "/" + path)) return true;
  }
  return false;
}

std::string take_uid(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  options.user = value;
  return {};
}

std::string take_main_group(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  options.group = value;
  return {};
}

std::string take_other_groups(CommandOptions& options, const Row& /*row*/,
                              const std::string& value) {
  options.groups = value.empty() ? std::vector<std::string>{} : split_at(value, ',');
  return {};
}

std::string take_controller_name(CommandOptions& options, const Row& /*row*/,
                                 const std::string& value) {
  options.controllers.push_back(value);
  return {};
}

std::string take_file(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  const auto pair = split_pair(value);
  if (!pair || !cgroup::valid_file(pair->first)) return "FILE=VALUE, memory.max=64M";
  const std::string controller(cgroup::owner_of(pair->first));
  options.start.placement.settings.push_back({controller, pair->first, pair->second});
  return {};
}

using enum Row::Kind;

constexpr Row kMuonTrapRows[] = {
    {"--controller,-c", "NAME", "A controller; repeatable", take_controller_name, kRepeated},
    {"--set,-s", "FILE=VALUE", "A control file; repeatable", take_file, kRepeated},
    {"--uid,-u", "USER", "Runs as this user", take_uid},
    {"--gid,-a", "GROUP", "With this group", take_main_group},
    {"--groups,-G", "A,B", "With these supplementary groups", take_other_groups},
};

// "mycgroup/test": a parent that is there is where ours are made, and the last part is the name.
void place(CommandOptions& options, const std::string& path) {
  const auto slash = path.rfind('/');
  const auto last = path.substr(slash == std::string::npos ? 0 : slash + 1);
  const auto parent = slash == std::string::npos ? std::string() : path.substr(0, slash);
  const bool usable = cgroup::valid_name(last) && (parent.empty() || cgroup::valid_path(parent));
  if (!usable) throw CLI::ValidationError("--group", path + ": names of letters, digits, _ . -");
  options.start.placement.name = last;
  if (parent.empty()) return;
  if (is_group(parent)) {
    options.cgroups.base = parent;
  } else {
    options.start.placement.group = parent;
  }
}

// MuonTrap 2, which gives its window, drops what it is not asked to capture; 1 passes all on.
void connect(MuonTrap& asked) {
  using protocol::Output;
  auto& start = asked.foreground.command.start;
  start.in = protocol::Stdin::kNull;
  const bool captured = asked.output || asked.errors || asked.window.empty();
  if (!captured || asked.errors_only) start.out = Output::kNull;
  if (asked.errors) start.err = Output::kStdout;
  // What is inherited as stderr is our stdout then.
  if (asked.errors_only) ::dup2(STDOUT_FILENO, STDERR_FILENO);
}

[[noreturn]] void run_muontrap(MuonTrap& asked) {
  auto& command = asked.foreground.command;
  const auto delay = parse_number<std::uint64_t>(asked.delay);
  if (!delay) throw CLI::ValidationError("--delay-to-sigkill", asked.delay + ": milliseconds");
  command.start.stop = {{SIGTERM, *delay}};
  command.stop_said = true;
  if (!asked.group.empty()) place(command, asked.group);
  finish(command, command_words());
  if (!asked.arg0.empty()) command.start.args.front() = asked.arg0;
  connect(asked);
  asked.foreground.close = Foreground::Close::kDropped;
  asked.foreground.failure_code = kNo;
  run_in_foreground(asked.foreground);
}

}  // namespace

Table muontrap_table() { return {"Options", kMuonTrapRows}; }

void add_muontrap(CLI::App& app, int& /*exit_code*/) {
  auto* const command = app.add_subcommand("muontrap", "MuonTrap's wrapper by its command line");
  command->group("")->prefix_command();
  const auto asked = std::make_shared<MuonTrap>();
  add_rows(*command, muontrap_table(), asked->foreground.command, ShortNames::kFree);
  command->add_option("--arg0,-0", asked->arg0, "argv[0] of the command");
  command->add_option("--delay-to-sigkill,-k", asked->delay,
                      "Milliseconds from SIGTERM to SIGKILL");
  command->add_option("--group,-g", asked->group, "Path of the control group");
  command->add_option("--stdio-window", asked->window,
                      "Accepted: pipes hold output back by themselves");
  command->add_flag("--capture-output", asked->output, "Passes stdout on");
  command->add_flag("--capture-stderr", asked->errors, "Stderr into stdout");
  command->add_flag("--capture-stderr-only", asked->errors_only, "Stderr alone");
  command->callback([asked] { run_muontrap(*asked); });
}

}  // namespace contained::cli
