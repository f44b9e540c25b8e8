#include "job/registry.hpp"

#include <array>
#include <charconv>

#include "cgroup/quarters.hpp"
#include "job/client.hpp"
#include "job/name_lock.hpp"

namespace contained::job {
namespace {

// A pid of another namespace says nothing here; the lock does.
bool keeper_lives(const Job& job, int directory) {
  static const auto kOurs = pid_namespace();
  return job.pid_namespace == kOurs ? is_alive(job.guardian) : is_locked(directory);
}

State state_of(const Entry& entry, int directory) {
  if (entry.outcome) return State::kFinished;
  if (entry.job.boot_id != boot_id()) return State::kRebooted;
  return keeper_lives(entry.job, directory) ? State::kRunning : State::kSupervisorDied;
}

Result<Entry> look_starting(const std::string& name, int directory) {
  if (!is_locked(directory)) return Error{ENOENT, Stage::kFile, name};
  Entry entry;
  entry.name = name;
  return entry;
}

std::vector<pid_t> pids_told(const Namespace& space, const std::string& name) {
  std::vector<pid_t> pids;
  const auto lines = ask(space, name, "processes");
  if (!lines) return pids;
  for (const auto& line : *lines) {
    pid_t pid = 0;
    const auto read = std::from_chars(line.data(), line.data() + line.size(), pid);
    if (read.ec == std::errc{} && pid > 0) pids.push_back(pid);
  }
  return pids;
}

std::vector<pid_t> pids_of(const Namespace& space, const Entry& entry) {
  if (entry.job.groups.empty()) return pids_told(space, entry.name);
  const auto quarters = cgroup::Quarters::open(entry.job.groups);
  return quarters ? quarters->processes() : std::vector<pid_t>();
}

}  // namespace

std::string_view name(State state) {
  constexpr std::array kNames = {"starting", "running", "finished", "supervisor_died", "rebooted"};
  return kNames[static_cast<std::size_t>(state)];
}

Result<Entry> look(const Namespace& space, const std::string& name) {
  const auto directory = space.job(name);
  if (!directory) return directory.error();
  const auto record = read_record(directory->get(), kJobFile);
  if (!record && record.error().code == ENOENT) return look_starting(name, directory->get());
  if (!record) return record.error();
  auto job = job_of(*record);
  if (!job) return job.error();
  Entry entry{name, State::kRunning, std::move(*job), std::nullopt};
  if (const auto result = read_record(directory->get(), kResultFile)) {
    if (auto outcome = outcome_of(*result)) entry.outcome = std::move(*outcome);
  }
  entry.state = state_of(entry, directory->get());
  return entry;
}

std::vector<Entry> list(const Namespace& space) {
  std::vector<Entry> entries;
  for (const auto& name : space.names()) {
    if (auto entry = look(space, name)) entries.push_back(std::move(*entry));
  }
  return entries;
}

std::vector<ProcRow> processes(const Namespace& space, const Entry& entry) {
  std::vector<ProcRow> rows;
  if (entry.state != State::kRunning) return rows;
  for (const pid_t pid : pids_of(space, entry)) {
    if (auto row = read_proc_row(pid)) rows.push_back(std::move(*row));
  }
  return rows;
}

}  // namespace contained::job
