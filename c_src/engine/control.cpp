#include "engine/control.hpp"

#include <cerrno>
#include <utility>

#include "base/proc.hpp"

namespace contained::engine {
namespace {

using protocol::Control;
using What = decltype(protocol::Answer::what);

What told(const Error& error) {
  return protocol::ControlError{name(error.stage), errno_name(error.code), error.subject};
}

What told(const Status& status) { return status ? What(std::monostate()) : told(status.error()); }

What told(Result<std::string> text) {
  return text ? What(std::move(text).value()) : told(text.error());
}

What told(Result<cgroup::Stats> stats) {
  return stats ? What(std::move(stats).value()) : told(stats.error());
}

What told(Result<std::vector<cgroup::Limit>> limits) {
  if (!limits) return told(limits.error());
  std::vector<protocol::Limit> told;
  for (auto& [key, value] : *limits) told.push_back({std::move(key), std::move(value)});
  return told;
}

// |groups|: an Enclosure, or a Crowd.
template <class Groups>
What processes_of(const Groups& groups) {
  std::vector<protocol::ProcessRow> rows;
  for (const pid_t pid : groups.processes()) {
    auto row = read_proc_row(pid);
    if (!row) continue;
    rows.push_back({pid, row->stat.ppid, row->stat.start_time, row->stat.state,
                    std::move(row->name), std::move(row->command)});
  }
  return rows;
}

template <class Groups>
What threads_of_all(const Groups& groups) {
  std::vector<std::int64_t> all;
  for (const pid_t pid : groups.processes()) {
    for (const pid_t tid : threads_of(pid)) all.push_back(tid);
  }
  return all;
}

What places_of(const std::vector<cgroup::Address>& addresses) {
  std::vector<protocol::PlaceRow> rows;
  for (const auto& [controllers, path, inode, before] : addresses) {
    auto& row = rows.emplace_back();
    row = {controllers, path, inode, {}};
    if (before) row.before = {before->user_us, before->system_us};
  }
  return rows;
}

template <class Groups>
Status set_limits(Groups& groups, const Control& request) {
  std::vector<cgroup::Limit> limits;
  for (const auto& [key, value] : request.limits) limits.push_back({key, value});
  return groups.set_limits(limits);
}

// |groups|: a Cell, or a Crowd.
template <class Groups>
What ask(Groups& groups, const Control& request) {
  switch (request.op) {
    case Control::Op::kPath:
      return groups.path();
    case Control::Op::kStats:
      return told(groups.stats());
    case Control::Op::kLimits:
      return told(groups.limits());
    case Control::Op::kSetLimits:
      return told(set_limits(groups, request));
    case Control::Op::kFreeze:
      return told(groups.freeze());
    case Control::Op::kThaw:
      return told(groups.thaw());
    case Control::Op::kMigrate:
      return told(groups.migrate(request.pid));
    case Control::Op::kGet:
      return told(groups.get(request.file));
    case Control::Op::kSet:
      return told(groups.set(request.file, request.value));
    case Control::Op::kKill:
    case Control::Op::kProcesses:
    case Control::Op::kThreads:
    case Control::Op::kPlaces:
    case Control::Op::kResize:
    case Control::Op::kSweep:
      break;
  }
  return told(Error{EINVAL, Stage::kOption, {}});
}

What perform(Enclosure& enclosure, const Control& request) {
  if (request.op == Control::Op::kProcesses) return processes_of(enclosure);
  if (request.op == Control::Op::kThreads) return threads_of_all(enclosure);
  if (request.op == Control::Op::kKill) {
    enclosure.kill();
    return std::monostate();
  }
  auto* cell = enclosure.cell();
  if (request.op == Control::Op::kPlaces) {
    return places_of(cell == nullptr ? std::vector<cgroup::Address>() : cell->addresses());
  }
  if (cell == nullptr) return told(Error{ENOTSUP, Stage::kCgroup, "best_effort"});
  return ask(*cell, request);
}

What perform(cgroup::Crowd& crowd, const Control& request) {
  if (request.op == Control::Op::kProcesses) return processes_of(crowd);
  if (request.op == Control::Op::kThreads) return threads_of_all(crowd);
  if (request.op == Control::Op::kPlaces) return places_of(crowd.addresses());
  return ask(crowd, request);
}

}  // namespace

protocol::Answer answer(const Control& request, Enclosure& enclosure) {
  return {request.id, request.ref, perform(enclosure, request)};
}

protocol::Answer answer(const Control& request, cgroup::Crowd& crowd) {
  return {0, request.ref, perform(crowd, request)};
}

protocol::Answer answer(const Control& request, const Status& done) {
  return {request.id, request.ref, told(done)};
}

protocol::Answer refuse(const Control& request, const Error& error) {
  return {request.id, request.ref, told(error)};
}

}  // namespace contained::engine
