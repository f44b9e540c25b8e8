#include "job/job.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace contained::job {
namespace {

constexpr std::size_t kLongestName = 64;
constexpr int kVersion = 1;

bool may_be_in_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

std::vector<std::string> split_by(std::string_view text, char by) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto end = std::min(text.find(by), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return parts;
}

// "-" for no controllers: what is between the spaces is never empty. The path is the middle, and
// may hold spaces.
std::string address_text(const cgroup::Address& address) {
  const auto names = fmt::format("{}", fmt::join(address.controllers, ","));
  return fmt::format("{} {} {}", names.empty() ? "-" : names, address.path, address.inode);
}

std::optional<cgroup::Address> address_of(const std::string& text) {
  const auto first = text.find(' ');
  const auto last = text.rfind(' ');
  if (first == std::string::npos || first == last) return std::nullopt;
  cgroup::Address address;
  if (text.substr(0, first) != "-") address.controllers = split_by(text.substr(0, first), ',');
  address.path = text.substr(first + 1, last - first - 1);
  const auto* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data() + last + 1, end, address.inode);
  if (read.ec != std::errc{} || read.ptr != end) return std::nullopt;
  return address;
}

void add_mark(Record& record, std::string_view who, const Mark& mark) {
  record.add(fmt::format("{}_pid", who), mark.pid);
  record.add(fmt::format("{}_start", who), mark.start_time);
}

Mark mark_in(const Record& record, std::string_view who) {
  return {record.number_or_zero<pid_t>(fmt::format("{}_pid", who)),
          record.number_or_zero<std::uint64_t>(fmt::format("{}_start", who))};
}

// What the kernel counts where it has the controllers for it.
struct Counted {
  const char* key;
  std::optional<std::uint64_t> Outcome::*value;
};
constexpr std::array kCounted = {
    Counted{"memory_peak", &Outcome::memory_peak}, Counted{"oom_kills", &Outcome::oom_kills},
    Counted{"io_read", &Outcome::io_read}, Counted{"io_written", &Outcome::io_written},
    Counted{"pids_peak", &Outcome::pids_peak}};

}  // namespace

bool valid_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && name.front() != '-' && name != "." &&
         name != ".." && std::all_of(name.begin(), name.end(), may_be_in_name);
}

Record record_of(const Job& job) {
  Record record;
  record.add("version", kVersion);
  record.add("name", job.name);
  for (const auto& word : job.command) record.add("arg", word);
  record.add("cwd", job.cwd);
  record.add("boot_id", job.boot_id);
  record.add("pid_namespace", job.pid_namespace);
  add_mark(record, "guardian", job.guardian);
  add_mark(record, "worker", job.worker);
  add_mark(record, "os", job.leader);
  record.add("containment", job.containment);
  for (const auto& address : job.groups) record.add("group", address_text(address));
  record.add("started", job.started_ms);
  if (!job.log.empty()) record.add("log", job.log);
  if (!job.on_exit.empty()) record.add("on_exit", job.on_exit);
  return record;
}

Result<Job> job_of(const Record& record) {
  Job job;
  job.name = record.get("name");
  job.command = record.all("arg");
  job.cwd = record.get("cwd");
  job.boot_id = record.get("boot_id");
  job.pid_namespace = record.number_or_zero<std::uint64_t>("pid_namespace");
  job.guardian = mark_in(record, "guardian");
  job.worker = mark_in(record, "worker");
  job.leader = mark_in(record, "os");
  job.containment = record.get("containment");
  for (const auto& text : record.all("group")) {
    if (auto address = address_of(text)) job.groups.push_back(std::move(*address));
  }
  job.started_ms = record.number_or_zero<std::uint64_t>("started");
  job.log = record.get("log");
  job.on_exit = record.get("on_exit");
  const bool whole = !job.name.empty() && !job.boot_id.empty() && job.guardian.pid > 0;
  if (!whole) return Error{EINVAL, Stage::kFile, kJobFile};
  return job;
}

Outcome outcome_of(const protocol::Ended& ended, std::uint64_t started_ms) {
  Outcome outcome;
  outcome.exited = ended.exited;
  outcome.code = ended.code;
  outcome.core_dumped = ended.core_dumped;
  outcome.reason = ended.reason;
  outcome.started_ms = started_ms;
  outcome.ended_ms = now_ms();
  outcome.left_behind = ended.left_behind;
  outcome.unkilled = ended.unkilled;
  outcome.wall_us = ended.wall_us;
  outcome.user_us = ended.user_us;
  outcome.system_us = ended.system_us;
  outcome.max_rss_kb = ended.max_rss_kb;
  outcome.memory_peak = ended.memory_peak;
  outcome.oom_kills = ended.oom_kills;
  outcome.io_read = ended.io_read;
  outcome.io_written = ended.io_written;
  outcome.pids_peak = ended.pids_peak;
  outcome.limits_hit = ended.limits_hit;
  outcome.not_applied = ended.not_applied;
  return outcome;
}

Record record_of(const Outcome& outcome) {
  Record record;
  record.add("version", kVersion);
  record.add(outcome.exited ? "exited" : "signaled", outcome.code);
  record.add("reason", outcome.reason);
  record.add("core", int{outcome.core_dumped});
  record.add("started", outcome.started_ms);
  record.add("ended", outcome.ended_ms);
  record.add("left_behind", outcome.left_behind);
  record.add("unkilled", outcome.unkilled);
  record.add("wall_us", outcome.wall_us);
  record.add("user_us", outcome.user_us);
  record.add("system_us", outcome.system_us);
  record.add("max_rss_kb", outcome.max_rss_kb);
  record.add("log_dropped", outcome.log_dropped);
  for (const auto& [key, value] : kCounted) {
    if (outcome.*value) record.add(key, *(outcome.*value));
  }
  for (const auto& limit : outcome.limits_hit) record.add("limit_hit", limit);
  for (const auto& limit : outcome.not_applied) record.add("not_applied", limit);
  return record;
}

Result<Outcome> outcome_of(const Record& record) {
  const auto count = [&](const char* key) { return record.number_or_zero<std::uint64_t>(key); };
  const auto exited = record.number<int>("exited");
  const auto signaled = record.number<int>("signaled");
  if (!exited && !signaled) return Error{EINVAL, Stage::kFile, kResultFile};
  Outcome outcome;
  outcome.exited = exited.has_value();
  outcome.code = exited ? *exited : *signaled;
  outcome.reason = record.get("reason");
  outcome.core_dumped = record.get("core") == "1";
  outcome.started_ms = count("started");
  outcome.ended_ms = count("ended");
  outcome.left_behind = count("left_behind");
  outcome.unkilled = count("unkilled");
  outcome.wall_us = count("wall_us");
  outcome.user_us = count("user_us");
  outcome.system_us = count("system_us");
  outcome.max_rss_kb = count("max_rss_kb");
  outcome.log_dropped = count("log_dropped");
  for (const auto& [key, value] : kCounted) outcome.*value = record.number<std::uint64_t>(key);
  outcome.limits_hit = record.all("limit_hit");
  outcome.not_applied = record.all("not_applied");
  return outcome;
}

}  // namespace contained::job
