#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/proc.hpp"
#include "cgroup/quarters.hpp"
#include "cli/exit_codes.hpp"
#include "cli/job_commands.hpp"
#include "cli/report.hpp"
#include "cli/terminal.hpp"
#include "cli/usage_json.hpp"
#include "job/life.hpp"

namespace contained::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kShownCommand = 50;

// Bytes of a command line are anything; JSON is UTF-8.
bool print_json(const Json& json) {
  return print(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::string shown_command(const ProcRow& row) {
  auto text = row.command;
  while (!text.empty() && text.back() == '\0') text.pop_back();
  for (char& c : text) {
    const bool breaks = c == '\0' || c == '\n';
    if (breaks) c = ' ';
  }
  return text.empty() ? fmt::format("[{}]", row.name) : text;
}

// At most |kShownCommand| bytes, no half character at the end.
std::string shortened(std::string text) {
  if (text.size() <= kShownCommand) return text;
  auto end = kShownCommand - 1;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  return text.substr(0, end) + "…";
}

// ---- How it is

// Its program has ended and others of its processes have not (--linger wait).
bool is_lingering(const job::Entry& entry) {
  return entry.state == job::State::kRunning && entry.job.pid_namespace == pid_namespace() &&
         !job::is_alive(entry.job.leader);
}

std::string how_it_is(const job::Entry& entry) {
  const bool left = is_lingering(entry);
  if (left) return "running, its program has ended";
  if (entry.state != job::State::kFinished) return std::string(job::name(entry.state));
  const auto& outcome = *entry.outcome;
  const bool died = outcome.reason == job::kReasonDied;
  auto text = fmt::format("{}, {} {}", died ? outcome.reason : "finished",
                          outcome.exited ? "exited" : "signaled", outcome.code);
  const bool by_itself = died || outcome.reason == "exit" || outcome.reason == "signal";
  if (!by_itself) text += fmt::format(" ({})", outcome.reason);
  if (outcome.limits_hit.empty()) return text;
  return text + fmt::format(", limits hit: {}", fmt::join(outcome.limits_hit, " "));
}

// ---- ls

struct JobList {
  SpaceName space;
  bool whole = false;  ///< -l: command lines are not cut
  bool all = false;    ///< also jobs that are over
  bool json = false;
};

std::string branch_of(const JobList& asked, const job::Namespace& space, const job::Entry& entry) {
  if (!entry.running()) return fmt::format(" ├ {} ({})\n", entry.name, how_it_is(entry));
  auto text = fmt::format(" ├ {}\n", entry.name);
  for (const auto& row : job::processes(space, entry)) {
    auto command = shown_command(row);
    if (!asked.whole) command = shortened(std::move(command));
    text += fmt::format(" │  → {:>5} {}\n", row.stat.pid, printable(std::move(command)));
  }
  return text;
}

Json job_json(const job::Outcome& outcome) {
  Json json;
  json[outcome.exited ? "exited" : "signaled"] = outcome.code;
  json["reason"] = outcome.reason;
  json["core_dumped"] = outcome.core_dumped;
  json["ended"] = outcome.ended_ms;
  put_usage(json, outcome);
  json["log_dropped"] = outcome.log_dropped;
  return json;
}

// Of one that runs.
std::vector<std::string> limits_hit(const job::Entry& entry) {
  auto quarters = cgroup::Quarters::open(entry.job.groups);
  const auto stats = quarters ? quarters->stats() : Result<cgroup::Stats>(quarters.error());
  return stats ? cgroup::limits_hit(*stats) : std::vector<std::string>();
}

Json job_json(const job::Namespace& space, const job::Entry& entry) {
  Json json;
  json["state"] = job::name(entry.state);
  if (entry.job.name.empty()) return json;
  json["command"] = entry.job.command;
  json["cwd"] = entry.job.cwd;
  json["started"] = entry.job.started_ms;
  if (!entry.job.log.empty()) json["log"] = entry.job.log;
  json["containment"] = entry.job.containment;
  if (entry.outcome) json["result"] = job_json(*entry.outcome);
  if (!entry.running()) return json;
  json["os_pid"] = entry.job.leader.pid;
  if (is_lingering(entry)) json["lingering"] = true;
  const auto hit = limits_hit(entry);
  if (!hit.empty()) json["limits_hit"] = hit;
  Json processes = Json::array();
  for (const auto& row : job::processes(space, entry)) {
    processes.push_back({{"pid", row.stat.pid}, {"cmdline", shown_command(row)}});
  }
  json["count"] = processes.size();
  json["processes"] = std::move(processes);
  return json;
}

int list_json(const job::Namespace& space, bool all) {
  Json jobs = Json::array();
  for (const auto& entry : job::list(space)) {
    if (!all && !entry.running()) continue;
    Json json = {{"name", entry.name}};
    json.update(job_json(space, entry));
    jobs.push_back(std::move(json));
  }
  return print_json({{"namespace", space.name()}, {"jobs", std::move(jobs)}}) ? kOk : kNo;
}

int list_jobs(const JobList& asked) {
  const auto space = open_space(*asked.space);
  if (!space) return kNo;
  if (asked.json) return list_json(*space, asked.all);
  auto text = space->name() + "\n";
  for (const auto& entry : job::list(*space)) {
    if (asked.all || entry.running()) text += branch_of(asked, *space, entry);
  }
  return print(text + " ╯\n") ? kOk : kNo;
}

void add_ls(CLI::App& job, const SpaceName& space, int& exit_code) {
  auto* const command = job.add_subcommand("ls", "List the jobs that run, with their processes");
  const auto asked = std::make_shared<JobList>(JobList{space});
  command->add_flag("-l,--long", asked->whole, "Whole command lines");
  command->add_flag("-a,--all", asked->all, "Also jobs that are over");
  command->add_flag("--json", asked->json, "As JSON");
  command->callback([asked, &exit_code] { exit_code = list_jobs(*asked); });
}

// ---- check

struct JobCheck {
  SpaceName space;
  std::string name;
  bool verbose = false;
  bool json = false;
};

int check_job(const JobCheck& asked) {
  const auto opened = job::Namespace::open(*asked.space);
  const auto entry = opened ? job::look(*opened, asked.name) : Result<job::Entry>(opened.error());
  if (asked.json) {
    Json json = {{"name", asked.name}};
    json.update(entry ? job_json(*opened, *entry) : Json{{"state", "not_there"}});
    if (!print_json(json)) return kRunFailed;
  } else if (asked.verbose) {
    const auto how = entry ? how_it_is(*entry) : "not there";
    if (!print(fmt::format("{}: {}\n", asked.name, how))) return kRunFailed;
  }
  return entry && entry->running() ? kOk : kNo;
}

void add_check(CLI::App& job, const SpaceName& space, int& exit_code) {
  auto* const command = job.add_subcommand("check", "Tell by the exit code whether a job runs");
  const auto asked = std::make_shared<JobCheck>(JobCheck{space, {}});
  add_job_name(*command, asked->name);
  command->add_flag("-v,--verbose", asked->verbose, "Say how it is");
  command->add_flag("--json", asked->json, "Say all of it, as JSON");
  command->footer("Exit codes: 0 it runs, 1 it does not. Says nothing without -v or --json.\n");
  command->callback([asked, &exit_code] { exit_code = check_job(*asked); });
}

// ---- dump

void add_usage(const job::Entry& entry, Json& json, std::uint64_t& cpu_ns) {
  auto quarters = cgroup::Quarters::open(entry.job.groups);
  const auto stats = quarters ? quarters->stats() : Result<cgroup::Stats>(quarters.error());
  if (!stats) return;
  if (const auto cpu = cgroup::find(*stats, "cpu_usage_us")) {
    json["cpu"] = *cpu * 1000;
    cpu_ns += *cpu * 1000;
  }
  if (const auto memory = cgroup::find(*stats, "memory_current")) json["memory"] = *memory;
}

int dump_jobs(const std::string& name) {
  const auto space = open_space(name);
  if (!space) return kNo;
  Json tasks = Json::object();
  Json finished = Json::object();
  std::uint64_t cpu_ns = 0;
  for (const auto& entry : job::list(*space)) {
    auto json = job_json(*space, entry);
    if (entry.running()) add_usage(entry, json, cpu_ns);
    (entry.running() ? tasks : finished)[entry.name] = std::move(json);
  }
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  Json json = {{"namespace", space->name()}, {"count", tasks.size()}};
  json["tasks"] = std::move(tasks);
  json["finished"] = std::move(finished);
  json["cpu"] = cpu_ns;
  json["nbcpus"] = ::get_nprocs();
  json["timestamp"] = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  return print_json(json) ? kOk : kNo;
}

}  // namespace

void add_job_show(CLI::App& job, const SpaceName& space, int& exit_code) {
  add_check(job, space, exit_code);
  add_ls(job, space, exit_code);
  auto* const dump = job.add_subcommand("dump", "All that is known of the jobs, as JSON");
  dump->footer(
      "cpu is in nanoseconds, memory in bytes, started and ended in milliseconds since "
      "1970; timestamp is the monotonic\nclock in milliseconds.\n");
  dump->callback([space, &exit_code] { exit_code = dump_jobs(*space); });
}

}  // namespace contained::cli
