#include "cgroup/quarters.hpp"

#include <algorithm>
#include <cerrno>

#include "base/file.hpp"
#include "cgroup/apply.hpp"
#include "cgroup/in_force.hpp"
#include "cgroup/knobs.hpp"
#include "cgroup/layout.hpp"
#include "cgroup/names.hpp"
#include "cgroup/text.hpp"

namespace contained::cgroup {
namespace {

Error no_groups() { return {ENOTSUP, Stage::kCgroup, "best_effort"}; }

}  // namespace

Result<Quarters> Quarters::open(const std::vector<Address>& addresses) {
  Quarters quarters;
  for (const auto& address : addresses) {
    auto added = quarters.add(address);
    if (!added) return added.error();
  }
  if (!quarters.valid()) return Error{EINVAL, Stage::kCgroup, {}};
  return quarters;
}

Status Quarters::add(const Address& address) {
  const auto found = is_v2(address.path);
  if (!found) return found.error();
  const bool v2 = *found;
  if (!v2 && address.controllers.empty()) return Error{EINVAL, Stage::kCgroup, address.path};
  auto group = Group::at(address.path, v2 ? std::string() : address.controllers.front());
  if (!group) return group.error();
  const bool other = address.inode != 0 && group->inode() != address.inode;
  if (other) return Error{ENOENT, Stage::kCgroup, address.path};
  if (address.before) group->renewed_at(*address.before);
  if (valid()) {
    parts_.push_back({address.controllers, std::move(*group), 0, {}});
  } else {
    track_ = std::move(*group);
    (v2 ? controllers_ : track_controllers_) = address.controllers;
  }
  return Done{};
}

Status Quarters::kill() {
  if (!valid()) return Done{};
  altered_ = true;
  auto killed = track_.kill();
  if (!killed || parts_.empty()) return killed;
  const auto busy = track_.populated();
  if (!busy || *busy) return Done{};
  // Who has left the group that tracks, but not these, is ours all the same.
  for (auto& part : parts_) {
    auto status = part.group.kill_each();
    if (!status) return status;
  }
  return Done{};
}

Result<bool> Quarters::populated() const {
  if (!valid()) return false;
  auto busy = track_.populated();
  if (!busy || *busy) return busy;
  for (const auto& part : parts_) {
    busy = part.group.populated();
    if (!busy || *busy) return busy;
  }
  return false;
}

Result<UniqueFd> Quarters::open_events() const {
  if (!valid()) return no_groups();
  return track_.open_events();
}

std::vector<pid_t> Quarters::processes() const {
  if (!valid()) return {};
  auto pids = track_.processes();
  if (parts_.empty()) return pids;
  for (const auto& part : parts_) {
    const auto more = part.group.processes();
    pids.insert(pids.end(), more.begin(), more.end());
  }
  std::sort(pids.begin(), pids.end());
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
  return pids;
}

bool Quarters::contains(pid_t pid) const {
  if (!valid()) return false;
  return track_.contains(pid) || std::any_of(parts_.begin(), parts_.end(), [pid](const Part& part) {
           return part.group.contains(pid);
         });
}

Status Quarters::freeze() {
  if (!valid()) return no_groups();
  return track_.freeze(true);
}

Status Quarters::thaw() {
  if (!valid()) return no_groups();
  return track_.freeze(false);
}

Result<bool> Quarters::frozen() const {
  if (!valid()) return no_groups();
  return track_.frozen();
}

Quarters::Where Quarters::where(std::string_view controller) const {
  const auto v1 = controller_name(controller, Version::kV1);
  for (const auto& part : parts_) {
    if (has(part.controllers, v1)) return {&part.group, Version::kV1};
  }
  if (!track_.is_v1()) {
    const bool here = controller == "cgroup" || has(controllers_of_v2(), controller);
    return {here ? &track_ : nullptr, Version::kV2};
  }
  return {has(track_controllers_, v1) ? &track_ : nullptr, Version::kV1};
}

Result<std::vector<Limit>> Quarters::limits() const {
  if (!valid()) return no_groups();
  std::vector<Limit> limits;
  std::vector<std::string_view> seen;
  for (const auto& word : vocabulary()) {
    if (std::find(seen.begin(), seen.end(), word.controller) != seen.end()) continue;
    seen.push_back(word.controller);
    const auto [group, version] = where(word.controller);
    if (group == nullptr) continue;
    const auto found = limits_in_force(group->fd(), word.controller, version);
    limits.insert(limits.end(), found.begin(), found.end());
  }
  return limits;
}

bool Quarters::limits_by(std::string_view controller) const {
  return controller == "cgroup" || has(controllers_, controller);
}

/// Only what is there, and what whoever made it counts on.
class QuartersPlace : public Place {
 public:
  explicit QuartersPlace(const Quarters& quarters) : quarters_(quarters) {}

  std::optional<Version> version(std::string_view controller) const override {
    const auto [group, version] = quarters_.where(controller);
    const bool known = version == Version::kV1 || quarters_.limits_by(controller);
    return group != nullptr && known ? std::optional(version) : std::nullopt;
  }

  Result<int> directory(std::string_view controller) override {
    const auto* group = quarters_.where(controller).group;
    if (group == nullptr) return Error{ENOTSUP, Stage::kCgroup, std::string(controller)};
    return group->fd();
  }

 private:
  const Quarters& quarters_;
};

Status Quarters::set_limits(const std::vector<Limit>& limits) {
  if (!valid()) return Error{ENOTSUP, Stage::kLimit, limits.empty() ? "" : limits.front().key};
  QuartersPlace place(*this);
  return apply(place, limits, nullptr);
}

Result<std::string> Quarters::get(std::string_view file) const {
  if (!valid()) return no_groups();
  const std::string name(file);
  if (!valid_file(file)) return Error{EINVAL, Stage::kCgroup, name};
  auto text = read_file_at(track_.fd(), name);
  for (const auto& part : parts_) {
    if (text || text.error().code != ENOENT) break;
    text = read_file_at(part.group.fd(), name);
  }
  if (text) return text;
  return Error{text.error().code == ENOENT ? ENOTSUP : text.error().code, Stage::kCgroup, name};
}

Status Quarters::set(std::string_view file, std::string_view value) {
  if (!valid()) return no_groups();
  const std::string name(file);
  if (!valid_file(file)) return Error{EINVAL, Stage::kCgroup, name};
  if (is_ours_alone(file)) return Error{EPERM, Stage::kCgroup, name};
  altered_ = true;
  auto written = write_file_at(track_.fd(), name, value);
  for (const auto& part : parts_) {
    if (written || written.error().code != ENOENT) break;
    written = write_file_at(part.group.fd(), name, value);
  }
  if (written) return written;
  return Error{written.error().code == ENOENT ? ENOTSUP : written.error().code, Stage::kCgroup,
               name};
}

Status Quarters::migrate(pid_t pid) {
  if (!valid()) return no_groups();
  const auto text = std::to_string(pid);
  auto written = pid > 0 ? write_file_at(track_.fd(), kProcs, text)
                         : Status(Error{EINVAL, Stage::kCgroup, text});
  for (const auto& part : parts_) {
    if (written) written = write_file_at(part.group.fd(), kProcs, text);
  }
  if (written) return written;
  return Error{written.error().code, Stage::kCgroup, text};
}

}  // namespace contained::cgroup
