#include "cli/cgroup_command.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/proc.hpp"
#include "cgroup/quarters.hpp"
#include "cli/exit_codes.hpp"
#include "cli/group_target.hpp"
#include "cli/option_rows.hpp"
#include "cli/report.hpp"
#include "cli/terminal.hpp"

namespace contained::cli {
namespace {

using Json = nlohmann::ordered_json;

struct GroupOptions {
  std::string target;
  std::vector<std::string> values;
  bool json = false;
};

constexpr std::chrono::seconds kKillDeadline{5};

int show(const GroupOptions& options, const std::string& text, const Json& json) {
  const auto shown =
      options.json ? json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n" : text;
  return print(shown) ? kOk : kNo;
}

int failed(const Error& error) {
  complain(error);
  return kNo;
}

int stats(cgroup::Quarters& group, const GroupOptions& options) {
  const auto counted = group.stats();
  if (!counted) return failed(counted.error());
  auto json = Json::object();
  std::string text;
  for (const auto& [name, value] : *counted) {
    json[name] = value;
    text += fmt::format("{} {}\n", name, value);
  }
  return show(options, text, json);
}

int limits(cgroup::Quarters& group, const GroupOptions& options) {
  const auto in_force = group.limits();
  if (!in_force) return failed(in_force.error());
  auto json = Json::object();
  std::string text;
  for (const auto& [key, value] : *in_force) {
    json[key] = value;
    text += fmt::format("{} {}\n", key, value);
  }
  return show(options, text, json);
}

std::string arguments_of(const ProcRow& row) {
  auto text = row.command.empty() ? "[" + row.name + "]" : row.command;
  while (!text.empty() && text.back() == '\0') text.pop_back();
  std::replace(text.begin(), text.end(), '\0', ' ');
  return text;
}

int processes(cgroup::Quarters& group, const GroupOptions& options) {
  auto json = Json::array();
  std::string text;
  for (const pid_t pid : group.processes()) {
    const auto row = read_proc_row(pid);
    if (!row) continue;
    const auto command = arguments_of(*row);
    json.push_back({{"pid", pid},
                    {"ppid", row->stat.ppid},
                    {"state", std::string(1, row->stat.state)},
                    {"start_time", row->stat.start_time},
                    {"name", row->name},
                    {"command", command}});
    text += fmt::format("{:>7} {} {}\n", pid, row->stat.state, printable(command));
  }
  return show(options, text, json);
}

// "memory=64M", a limit by its key, or "memory.max=64M", a control file as it is.
int set(cgroup::Quarters& group, const GroupOptions& options) {
  for (const auto& value : options.values) {
    const auto pair = split_pair(value);
    if (!pair) throw CLI::ValidationError("KEY=VALUE", value + ": a key and a value");
    const bool is_file = pair->first.find('.') != std::string::npos;
    const auto done = is_file ? group.set(pair->first, pair->second)
                              : group.set_limits({{pair->first, pair->second}});
    if (!done) return failed(done.error());
  }
  return kOk;
}

int answer(const Status& done) { return done ? kOk : failed(done.error()); }

// A hand that would be caught in its own grip.
bool holds_us(const cgroup::Quarters& group, const GroupOptions& options) {
  if (!group.contains(::getpid())) return false;
  complain(options.target, "this very process is in it: call from another group");
  return true;
}

int freeze(cgroup::Quarters& group, const GroupOptions& options) {
  return holds_us(group, options) ? kNo : answer(group.freeze());
}

int thaw(cgroup::Quarters& group, const GroupOptions& /*options*/) { return answer(group.thaw()); }

int kill_members(cgroup::Quarters& group, const GroupOptions& options) {
  if (holds_us(group, options)) return kNo;
  const auto end = std::chrono::steady_clock::now() + kKillDeadline;
  for (;;) {
    const auto killed = group.kill();
    if (!killed) return failed(killed.error());
    const auto populated = group.populated();
    if (!populated) return populated.error().code == ENODEV ? kOk : failed(populated.error());
    if (!*populated) return kOk;
    if (std::chrono::steady_clock::now() > end) {
      complain(options.target, "some processes do not die of SIGKILL (state D)");
      return kNo;
    }
    ::poll(nullptr, 0, 2);
  }
}

struct Verb {
  const char* name;
  const char* help;
  int (*run)(cgroup::Quarters& group, const GroupOptions& options);
  bool shows;  ///< has --json
};
constexpr Verb kVerbs[] = {
    {"stats", "What the kernel has counted", stats, true},
    {"limits", "The limits in force", limits, true},
    {"processes", "The processes in it and below it", processes, true},
    {"set", "Changes limits (memory=64M) and control files (memory.max=64M)", set, false},
    {"freeze", "Stops all that is in it, until thaw", freeze, false},
    {"thaw", "Lets it run again", thaw, false},
    {"kill", "SIGKILL to all that is in it and below it, until it is empty", kill_members, false},
};

constexpr const char* kCgroupFooter =
    "GROUP is a directory, a path below the hierarchy's root, or the pid of a process in it.\n"
    "\n"
    "Examples:\n"
    "  contained cgroup stats --json 4711\n"
    "  contained cgroup set /sys/fs/cgroup/web memory=64M pids=100\n"
    "  contained cgroup kill contained-4026531836-811-90210/default/1\n";

int run_verb(const Verb& verb, const GroupOptions& options) {
  const auto addresses = find_group(options.target);
  if (!addresses) {
    const auto& error = addresses.error();
    complain(options.target, error.code == EINVAL  ? "no control group, or the root of a hierarchy"
                             : error.code == ESRCH ? "no such process"
                                                   : describe({error.code, Stage::kFile, {}}));
    return kNo;
  }
  auto group = cgroup::Quarters::open(*addresses);
  return group ? verb.run(*group, options) : failed(group.error());
}

}  // namespace

void add_cgroup(CLI::App& app, int& exit_code) {
  auto* const command =
      app.add_subcommand("cgroup", "Look at a control group and change it by hand");
  command->require_subcommand(1)->footer(kCgroupFooter);
  for (const auto& verb : kVerbs) {
    auto* const below = command->add_subcommand(verb.name, verb.help);
    const auto options = std::make_shared<GroupOptions>();
    below->add_option("group", options->target, "Directory, path or pid")
        ->required()
        ->type_name("GROUP");
    if (verb.run == set) {
      below->add_option("values", options->values, "KEY=VALUE")->required()->type_name("KEY=VALUE");
    }
    if (verb.shows) below->add_flag("--json", options->json, "As JSON");
    below->callback([&verb, options, &exit_code] { exit_code = run_verb(verb, *options); });
  }
}

}  // namespace contained::cli
