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

// When its keeper does not live.
State end_of(const Entry& entry) {
  if (entry.outcome) return State::kFinished;
  return entry.job.boot_id == boot_id() ? State::kSupervisorDied : State::kRebooted;
}

State state_of(const Entry& entry, int directory) {
  const auto end = end_of(entry);
  const bool lives = end == State::kSupervisorDied && keeper_lives(entry.job, directory);
  return lives ? State::kRunning : end;
}

// What the files of a job that was started say.
Result<Entry> read_entry(const std::string& name, int directory) {
  const auto record = read_record(directory, kJobFile);
  if (!record) return record.error();
  auto job = job_of(*record);
  if (!job) return job.error();
  Entry entry{name, State::kRunning, std::move(*job), std::nullopt};
  if (const auto result = read_record(directory, kResultFile)) {
    if (auto outcome = outcome_of(*result)) entry.outcome = std::move(*outcome);
  }
  return entry;
}

Result<Entry> look_starting(const std::string& name, int directory) {
  if (!is_locked(directory)) return Error{ENOENT, Stage::kFile, name};
  Entry entry;
  entry.name = name;
  return entry;
}

Result<Entry> look_once(const Namespace& space, const std::string& name) {
  const auto directory = space.job(name);
  if (!directory) return directory.error();
  auto entry = read_entry(name, directory->get());
  if (entry) entry->state = state_of(*entry, directory->get());
  const bool started = entry || entry.error().code != ENOENT;
  return started ? entry : look_starting(name, directory->get());
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

// Its keeper may end, and tell so, between our look at a file and that at the keeper: of one that
// is gone the files are read once more.
Result<Entry> look(const Namespace& space, const std::string& name) {
  auto entry = look_once(space, name);
  const bool gone = entry ? entry->state == State::kSupervisorDied : entry.error().code == ENOENT;
  return gone ? look_once(space, name) : entry;
}

Result<Entry> look_claimed(const Namespace& space, const std::string& name) {
  const auto directory = space.job(name);
  if (!directory) return directory.error();
  auto entry = read_entry(name, directory->get());
  if (entry) entry->state = end_of(*entry);
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
