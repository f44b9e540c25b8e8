#include "cli/debug.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/signals.hpp"
#include "cgroup/layout.hpp"
#include "cgroup/quarters.hpp"
#include "cli/command_options.hpp"
#include "cli/group_target.hpp"
#include "cli/option_rows.hpp"
#include "cli/report.hpp"

namespace contained::cli {
namespace {

struct AreaWord {
  std::string_view word;
  unsigned areas;
};
constexpr AreaWord kAreaWords[] = {
    {"spawn", kTellSpawn},
    {"cgroup", kTellCgroup},
    {"signal", kTellSignal},
    {"all", kTellAll},
    {"1", kTellAll},
    {"0", 0},
    {"", 0},
};

unsigned areas_of_word(const std::string& word) {
  for (const auto& known : kAreaWords) {
    if (known.word == word) return known.areas;
  }
  throw CLI::ValidationError(
      "CONTAINED_DEBUG",
      word + ": spawn, cgroup, signal, several with commas; 1 or all, 0 for none");
}

std::string listed(const std::vector<std::uint32_t>& ids) {
  std::string text;
  for (const auto id : ids) text += (text.empty() ? "" : ",") + std::to_string(id);
  return text;
}

void tell_program(const protocol::Start& start) {
  complain("spawn", start.path ? fmt::format("{}, looked for in {}", start.program, *start.path)
                               : start.program);
  const auto& identity = start.identity;
  if (identity.uid || identity.gid) {
    const auto number = [](const auto& id) { return id ? std::to_string(*id) : "as we are"; };
    complain("spawn",
             fmt::format("uid {}, gid {}, groups {}", number(identity.uid), number(identity.gid),
                         identity.groups ? listed(*identity.groups) : "none"));
  }
  const auto& namespaces = start.isolation.namespaces;
  if (!namespaces.empty())
    complain("spawn", fmt::format("namespaces {}", fmt::join(namespaces, ",")));
}

// As it will be chosen once more: nothing is made before it has to be.
void tell_base(const cgroup::Wanted& wanted) {
  const auto layout = cgroup::find_layout();
  const auto base = layout ? cgroup::choose_base(*layout, wanted.base) : layout.error();
  complain("cgroup",
           base ? fmt::format("v2 groups below {}, containment {}", *base, wanted.containment)
                : fmt::format("no v2 groups: {}", describe(base.error())));
}

void tell_limits(const protocol::Placement& placement) {
  const auto* const otherwise =
      placement.ignore_unsupported ? "if that can be" : "or nothing starts";
  for (const auto& limit : placement.limits)
    complain("cgroup", fmt::format("asked for: {}={}, {}", limit.key, limit.value, otherwise));
  for (const auto& setting : placement.settings)
    complain("cgroup", fmt::format("asked for: {}={}", setting.file, setting.value));
}

void tell_stop(const protocol::Start& start) {
  std::string rungs;
  for (const auto& [signal, grace] : start.stop)
    rungs += fmt::format("{} and {} ms, ", signal_name(signal), grace);
  complain("signal", fmt::format("a stop is {}SIGKILL; to {}", rungs,
                                 start.signal_to == protocol::Target::kAll ? "all" : "the leader"));
}

}  // namespace

unsigned areas_of(std::string_view words) {
  unsigned areas = 0;
  for (const auto& word : split_at(std::string(words), ',')) areas |= areas_of_word(word);
  return areas;
}

void tell_plan(const CommandOptions& options) {
  if ((options.verbose & kTellSpawn) != 0) tell_program(options.start);
  if ((options.verbose & kTellCgroup) != 0) {
    tell_base(options.cgroups);
    tell_limits(options.start.placement);
  }
  if ((options.verbose & kTellSignal) != 0) tell_stop(options.start);
}

void tell_groups(std::string_view who, pid_t pid) {
  const auto addresses = find_group(std::to_string(pid));
  if (!addresses) return;
  for (const auto& address : *addresses) {
    complain(who, fmt::format("group {} ({})", address.path,
                              address.controllers.empty()
                                  ? "no controllers"
                                  : fmt::format("{}", fmt::join(address.controllers, ","))));
  }
  const auto group = cgroup::Quarters::open(*addresses);
  const auto limits = group ? group->limits() : group.error();
  if (!limits) return;
  for (const auto& [key, value] : *limits)
    complain(who, fmt::format("limit {}={} is in force", key, value));
}

}  // namespace contained::cli
