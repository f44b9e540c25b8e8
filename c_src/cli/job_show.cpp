#include <fmt/format.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cgroup/quarters.hpp"
#include "cli/exit_codes.hpp"
#include "cli/job_commands.hpp"
#include "job/life.hpp"

namespace contained::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kShownCommand = 50;

void print_out(const std::string& text) { (void)std::fwrite(text.data(), 1, text.size(), stdout); }

// Bytes of a command line are anything; JSON is UTF-8.
void print_json(const Json& json) {
  print_out(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
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
std::string cut(std::string text) {
  if (text.size() <= kShownCommand) return text;
  auto end = kShownCommand - 1;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
  return text.substr(0, end) + "…";
}

// ---- check

std::string how_it_is(const job::Entry& entry) {
  if (entry.state != job::State::kFinished) return std::string(job::name(entry.state));
  const auto& outcome = *entry.outcome;
  return fmt::format("{}, {} {}", outcome.reason == job::kReasonDied ? outcome.reason : "finished",
                     outcome.exited ? "exited" : "signaled", outcome.code);
}

int check_job(const std::string& space, const std::string& name, bool verbose) {
  const auto entry = look_up(space, name);
  if (verbose) print_out(fmt::format("{}: {}\n", name, entry ? how_it_is(*entry) : "not there"));
  return entry && entry->running() ? kOk : kNo;
}

void add_check(CLI::App& job, const SpaceName& space, int& exit_code) {
  auto* const command = job.add_subcommand("check", "Tell by the exit code whether a job runs");
  const auto name = std::make_shared<std::string>();
  const auto verbose = std::make_shared<bool>(false);
  add_job_name(*command, *name);
  command->add_flag("-v,--verbose", *verbose, "Say how it is");
  command->footer("Exit codes: 0 it runs, 1 it does not. Says nothing without -v.\n");
  command->callback([=, &exit_code] { exit_code = check_job(*space, *name, *verbose); });
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
    if (!asked.whole) command = cut(std::move(command));
    text += fmt::format(" │  → {:>5} {}\n", row.stat.pid, command);
  }
  return text;
}

Json job_json(const job::Outcome& outcome) {
  Json json;
  json[outcome.exited ? "exited" : "signaled"] = outcome.code;
  json["reason"] = outcome.reason;
  json["core_dumped"] = outcome.core_dumped;
  json["ended"] = outcome.ended_ms;
  json["left_behind"] = outcome.left_behind;
  json["wall_us"] = outcome.wall_us;
  json["user_us"] = outcome.user_us;
  json["system_us"] = outcome.system_us;
  json["max_rss_kb"] = outcome.max_rss_kb;
  json["log_dropped"] = outcome.log_dropped;
  if (outcome.memory_peak) json["memory_peak"] = *outcome.memory_peak;
  if (outcome.oom_kills) json["oom_kills"] = *outcome.oom_kills;
  return json;
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
  print_json({{"namespace", space.name()}, {"jobs", std::move(jobs)}});
  return kOk;
}

int list_jobs(const JobList& asked) {
  const auto space = open_space(*asked.space);
  if (!space) return kNo;
  if (asked.json) return list_json(*space, asked.all);
  auto text = space->name() + "\n";
  for (const auto& entry : job::list(*space)) {
    if (asked.all || entry.running()) text += branch_of(asked, *space, entry);
  }
  print_out(text + " ╯\n");
  return kOk;
}

void add_ls(CLI::App& job, const SpaceName& space, int& exit_code) {
  auto* const command = job.add_subcommand("ls", "List the jobs that run, with their processes");
  const auto asked = std::make_shared<JobList>(JobList{space});
  command->add_flag("-l,--long", asked->whole, "Whole command lines");
  command->add_flag("-a,--all", asked->all, "Also jobs that are over");
  command->add_flag("--json", asked->json, "As JSON");
  command->callback([asked, &exit_code] { exit_code = list_jobs(*asked); });
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
  print_json(json);
  return kOk;
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
