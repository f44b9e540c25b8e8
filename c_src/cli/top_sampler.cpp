#include "cli/top_sampler.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <numeric>
#include <utility>

#include "base/file.hpp"
#include "base/proc.hpp"
#include "cgroup/search.hpp"
#include "cgroup/text.hpp"
#include "job/registry.hpp"

namespace contained::cli {
namespace {

// Of a fork bomb not all are looked at: what they have together is not shown then.
constexpr std::size_t kMostProcesses = 256;

std::uint64_t milliseconds_of(clockid_t clock) {
  timespec time = {};
  ::clock_gettime(clock, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1000 +
         static_cast<std::uint64_t>(time.tv_nsec) / 1'000'000;
}

std::uint64_t all_memory() {
  struct sysinfo info = {};
  return ::sysinfo(&info) == 0 ? std::uint64_t{info.totalram} * info.mem_unit : 0;
}

Result<ProcUse> use_of(pid_t pid) {
  static const auto kTicks = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  static const auto kPage = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const auto text = read_brief_at(AT_FDCWD, fmt::format("/proc/{}/stat", pid));
  if (!text) return text.error();
  return parse_proc_use(*text, milliseconds_of(CLOCK_BOOTTIME), kTicks, kPage);
}

void add_counts(const cgroup::Stats& stats, TopSample& sample) {
  static const auto kAll = all_memory();
  sample.cpu_us = cgroup::find(stats, "cpu_usage_us");
  sample.memory = cgroup::find(stats, "memory_current");
  sample.io_read = cgroup::find(stats, "io_read_bytes");
  sample.io_written = cgroup::find(stats, "io_written_bytes");
  // v1 says "none" by its largest number of pages.
  const auto limit = cgroup::find(stats, "memory_limit");
  if (limit && *limit < kAll) sample.memory_limit = limit;
}

std::vector<ProcUse> uses_of(const std::vector<pid_t>& pids) {
  std::vector<ProcUse> uses;
  for (const pid_t pid : pids) {
    if (auto use = use_of(pid)) uses.push_back(std::move(*use));
  }
  return uses;
}

std::uint64_t sum(const std::vector<ProcUse>& uses, std::uint64_t ProcUse::*what) {
  return std::accumulate(uses.begin(), uses.end(), std::uint64_t{0},
                         [what](auto all, const auto& use) { return all + use.*what; });
}

// What no controller counts, its processes tell: the oldest is the leader, as far as is known, and
// memory that they share counts for each.
void add_processes(const std::vector<pid_t>& pids, TopSample& sample) {
  sample.processes = pids.size();
  if (pids.empty()) return;
  const bool all = (!sample.memory || !sample.cpu_us) && pids.size() <= kMostProcesses;
  const auto uses = uses_of(all ? pids : std::vector<pid_t>{pids.front()});
  if (uses.empty()) return;
  const auto oldest =
      std::max_element(uses.begin(), uses.end(),
                       [](const auto& one, const auto& two) { return one.age_ms < two.age_ms; });
  if (sample.age_ms == 0) sample.age_ms = oldest->age_ms;
  if (sample.command.empty()) sample.command = oldest->name;
  if (!all) return;
  if (!sample.memory) sample.memory = sum(uses, &ProcUse::resident);
  if (!sample.cpu_us) sample.cpu_us = sum(uses, &ProcUse::cpu_us);
}

TopSample sample_of(const job::Namespace& space, const job::Entry& entry) {
  TopSample sample;
  sample.key = fmt::format("{}/{}/{}", space.name(), entry.name, entry.job.started_ms);
  sample.name = space.name() + "/" + entry.name;
  sample.space = space.name();
  sample.job = entry.name;
  sample.groups = entry.job.groups;
  sample.command = fmt::format("{}", fmt::join(entry.job.command, " "));
  const auto now = job::now_ms();
  sample.age_ms = now > entry.job.started_ms ? now - entry.job.started_ms : 0;
  const auto quarters = cgroup::Quarters::open(sample.groups);
  if (quarters) {
    add_counts(quarters->brief(), sample);
    add_processes(quarters->processes(), sample);
    return sample;
  }
  std::vector<pid_t> pids;
  for (const auto& row : job::processes(space, entry)) pids.push_back(row.stat.pid);
  add_processes(pids, sample);
  return sample;
}

void add_jobs(const job::Namespace& space, TopSnapshot& snapshot) {
  for (const auto& entry : job::list(space)) {
    if (entry.state == job::State::kRunning) snapshot.samples.push_back(sample_of(space, entry));
  }
}

std::string name_of(pid_t pid) {
  const auto use = use_of(pid);
  return use ? use->name : std::string();
}

// The subcommand of `contained`; what it has set its name to or been called as, else.
std::string program_of(pid_t pid) {
  const auto name = name_of(pid);
  if (name != "contained") return name.empty() ? "gone" : name;
  const auto row = read_proc_row(pid);
  const auto words = row ? cgroup::split(row->command, '\0') : std::vector<std::string_view>();
  return words.size() > 1 ? std::string(words[1]) : name;
}

// "vm 4711" by the VM's own pid, "run 4711".
std::string label_of(pid_t guardian) {
  const auto program = program_of(guardian);
  if (program != "contained_port") return fmt::format("{} {}", program, guardian);
  const auto stat = read_proc_stat(guardian);
  const auto setup = stat ? read_proc_stat(stat->ppid) : Result<ProcStat>(stat.error());
  const bool known = setup && name_of(setup->pid) == "erl_child_setup";
  return known ? fmt::format("vm {}", setup->ppid) : fmt::format("port {}", guardian);
}

TopSample sample_of(const std::string& label, const cgroup::Occupied& group) {
  TopSample sample;
  sample.key = fmt::format("{}:{}", group.places.front().path, group.places.front().inode);
  sample.name = label + " " + group.name;
  sample.groups = group.places;
  add_counts(group.stats, sample);
  add_processes(group.processes, sample);
  return sample;
}

void add_launchers(TopSnapshot& snapshot) {
  for (const auto& tree : cgroup::find_trees(::geteuid())) {
    // Those of jobs' keepers are told of as jobs.
    if (tree.places.front().path.find("/contained-jobs-") != std::string::npos) continue;
    const auto label = label_of(tree.owner.pid);
    for (const auto& group : cgroup::occupied_in(tree)) {
      if (group.places.empty()) continue;
      auto sample = sample_of(label, group);
      if (sample.processes > 0) snapshot.samples.push_back(std::move(sample));
    }
  }
}

std::uint64_t monotonic_us() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

}  // namespace

Result<ProcUse> parse_proc_use(std::string_view text, std::uint64_t now_ms, std::uint64_t ticks,
                               std::uint64_t page) {
  const auto open = text.find('(');
  const auto close = text.rfind(')');
  if (open >= close || close == std::string_view::npos) return Error{EINVAL, Stage::kFile, "stat"};
  // The first is field 3.
  const auto fields = cgroup::split(text.substr(close + 1), ' ');
  const auto number = [&](std::size_t field) {
    return field - 3 < fields.size() ? cgroup::to_number(fields[field - 3]).value_or(0) : 0;
  };
  ProcUse use;
  use.name = text.substr(open + 1, close - open - 1);
  use.cpu_us = (number(14) + number(15)) * 1'000'000 / ticks;
  const auto started_ms = number(22) * 1000 / ticks;
  use.age_ms = now_ms > started_ms ? now_ms - started_ms : 0;
  use.resident = number(24) * page;
  return use;
}

Result<TopSnapshot> take_snapshot(const std::string& space) {
  TopSnapshot snapshot;
  snapshot.at_us = monotonic_us();
  snapshot.memory_total = all_memory();
  if (!space.empty()) {
    const auto only = job::Namespace::open(space);
    if (!only) return only.error();
    add_jobs(*only, snapshot);
    return snapshot;
  }
  for (const auto& name : job::namespaces()) {
    if (const auto each = job::Namespace::open(name)) add_jobs(*each, snapshot);
  }
  add_launchers(snapshot);
  return snapshot;
}

}  // namespace contained::cli
