// What a machine allows, as text, as JSON, and what to do about what it does not.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/host.hpp"
#include "cli/report.hpp"

namespace contained::cli {
namespace {

using Json = nlohmann::ordered_json;

const Host::Attempt* attempt_named(const Host& host, std::string_view name) {
  const auto found = std::find_if(host.attempts.begin(), host.attempts.end(),
                                  [&](const auto& each) { return each.name == name; });
  return found == host.attempts.end() ? nullptr : &*found;
}

bool fails(const Host& host, std::string_view name) {
  const auto* const attempt = attempt_named(host, name);
  return attempt != nullptr && attempt->error;
}

bool lacks(const Host& host, std::string_view name) {
  return std::any_of(host.features.begin(), host.features.end(),
                     [&](const auto& each) { return each.name == name && !each.there; });
}

// Those that every v2 group has, of its own directory alone, need no controller.
bool has_limits(const Host& host) {
  return std::any_of(host.limits.begin(), host.limits.end(), [](const auto& key) {
    return key != "max_descendants" && key != "max_depth";
  });
}

std::vector<std::string> advice_on_groups(const Host& host) {
  if (host.no_groups) {
    return {
        fmt::format("No control group is ours ({}): limits do not work, and what leaves its "
                    "session is found by its parents alone. {}",
                    host.no_groups->message(),
                    host.systemd ? "Start the program in a unit with Delegate=yes, or by "
                                   "systemd-run --user --scope -p Delegate=yes."
                                 : "Mount cgroup2 (mount -t cgroup2 none /sys/fs/cgroup), or "
                                   "give us a directory of it: --cgroup-base.")};
  }
  std::vector<std::string> advice;
  if (!has_limits(host)) {
    advice.push_back(fmt::format(
        "No limit works in {}: it has no controllers to give, or processes stand in it. {}",
        host.base,
        host.systemd ? "Give the unit Delegate=yes and DelegateSubgroup=main; before systemd 254 "
                       "--take-over (of a launcher: take_over: true) does what the latter does."
                     : "Move them to a sub-group: --cgroup-base names another directory."));
  }
  if (host.containment == "hybrid") {
    advice.emplace_back(
        "Limits are v1's where v2 lacks the controller: the boot parameters "
        "systemd.unified_cgroup_hierarchy=1 or cgroup_no_v1=all give all of them to v2.");
  }
  if (host.containment == "cgroup1") {
    advice.emplace_back(
        "Only v1 is mounted: commands are frozen to be killed. A cgroup2 mount is better even "
        "without controllers.");
  }
  return advice;
}

std::string advice_on_kernel(const Host& host) {
  if (lacks(host, "clone_into_cgroup") || lacks(host, "pidfd_open")) {
    return "Calls of Linux 5.7 are missing or forbidden (a seccomp profile?): slower ways are "
           "taken.";
  }
  if (host.containment.ends_with("2") && lacks(host, "cgroup.kill")) {
    return "Linux before 5.14 has no cgroup.kill: members are killed one by one.";
  }
  return {};
}

std::string advice_on_isolation(const Host& host) {
  if (!fails(host, "user") && !fails(host, "pid_isolation")) return {};
  std::string text = "Namespaces are refused";
  for (const auto& [name, value] : host.forbidding) text += fmt::format("; {} is {}", name, value);
  return text + (host.forbidding.empty()
                     ? ": by a security module or a container's profile, or /proc is masked."
                     : ": sysctl -w changes it.");
}

// user@.service stops with the last session of its user, user@.service(5).
std::string advice_on_linger(const Host& host) {
  const auto found = std::find_if(host.spaces.begin(), host.spaces.end(), [](const auto& space) {
    return space.unit.starts_with("user@");
  });
  if (host.lingers || found == host.spaces.end()) return {};
  return fmt::format(
      "Jobs of {} end with {}, at your last logout: 'loginctl enable-linger' has it "
      "stay.",
      found->name, found->unit);
}

std::string advice_on_jobs(const Host& host) {
  const bool ends = std::any_of(host.spaces.begin(), host.spaces.end(),
                                [](const auto& space) { return !space.outlives; });
  const bool will_end = host.spaces.empty() && !outlives_unit(host.base, host.unit_directory);
  if (!ends && !will_end) return advice_on_linger(host);
  if (host.unit.starts_with("session-")) {
    return fmt::format(
        "Jobs are in {} and end at the logout where KillUserProcesses=yes (logind.conf): start "
        "them by 'systemd-run --user --scope', and 'loginctl enable-linger'.",
        host.unit);
  }
  return fmt::format(
      "Jobs end with {}: for others, root makes their namespace outside of it, 'contained job NS "
      "init -u USER' from a login or a unit of its own.",
      host.unit);
}

std::string version_of(const Host::Controller& controller) {
  return controller.version.empty() ? "none" : controller.version + " " + controller.path;
}

std::string verdict_of(const Host& host, const Host::Attempt& attempt) {
  if (attempt.error) return "no, " + describe(*attempt.error);
  if (attempt.name == "landlock") return fmt::format("version {}", host.landlock);
  return attempt.by_user ? "yes, in a user namespace" : "yes";
}

std::string line(std::string_view name, std::string_view value) {
  return fmt::format("{:<18} {}\n", name, value);
}

std::string fate_of(const Host& host, const Host::Space& space) {
  if (!space.outlives) return "ends with " + host.unit;
  std::string text = host.unit.empty() ? "" : "outlives " + host.unit;
  if (!space.unit.empty()) text += (text.empty() ? "" : ", ") + ("ends with " + space.unit);
  return text.empty() ? "in no unit" : text;
}

std::string jobs_text(const Host& host) {
  std::string text;
  for (const auto& space : host.spaces) {
    text += line(
        "jobs of " + space.name,
        fmt::format("{}{}{}", space.group, space.group.empty() ? "" : ", ", fate_of(host, space)));
  }
  return text;
}

Json json_of_attempt(const Host::Attempt& attempt) {
  if (!attempt.error) return {{"works", true}, {"by_user_namespace", attempt.by_user}};
  const auto& error = *attempt.error;
  return {{"works", false},
          {"stage", name(error.stage)},
          {"error", errno_name(error.code)},
          {"subject", error.subject}};
}

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

}  // namespace

std::vector<std::string> advice_for(const Host& host) {
  auto advice = advice_on_groups(host);
  for (auto&& more : {advice_on_kernel(host), advice_on_isolation(host), advice_on_jobs(host)}) {
    if (!more.empty()) advice.push_back(more);
  }
  if (fails(host, "seccomp")) {
    advice.emplace_back("Filters of system calls are refused: see --seccomp in the guide.");
  }
  if (host.landlock == 0) {
    advice.emplace_back(
        "No Landlock: it takes Linux 5.13, and landlock in the boot parameter lsm=.");
  }
  return advice;
}

std::string host_text(const Host& host) {
  auto text = line("contained", CONTAINED_VERSION) +
              line("kernel", host.kernel + " " + host.machine) +
              line("containment", host.containment);
  if (host.no_groups) text += line("because", host.no_groups->message());
  if (!host.base.empty()) text += line("base", host.base + (host.delegated ? ", delegated" : ""));
  text += line("unit", host.systemd ? (host.unit.empty() ? "none" : host.unit) : "no systemd");
  text +=
      line("limits", host.limits.empty() ? "none" : fmt::format("{}", fmt::join(host.limits, " ")));
  for (const auto& controller : host.controllers) {
    text += line("controller " + controller.name, version_of(controller));
  }
  for (const auto& feature : host.features)
    text += line(feature.name, feature.there ? "yes" : "no");
  for (const auto& attempt : host.attempts) text += line(attempt.name, verdict_of(host, attempt));
  text += jobs_text(host);
  for (const auto& advice : advice_for(host)) text += "\n" + advice + "\n";
  return text;
}

std::string host_json(const Host& host) {
  Json json = {{"version", CONTAINED_VERSION}, {"kernel", host.kernel}, {"machine", host.machine}};
  json["root"] = host.root;
  json["containment"] = host.containment;
  json["why"] = host.no_groups ? Json(host.no_groups->message()) : Json(nullptr);
  json["base"] = text_or_null(host.base);
  json["delegated"] = host.delegated;
  json["limits"] = host.limits;
  for (const auto& each : host.controllers) {
    json["controllers"][each.name] = {{"version", text_or_null(each.version)},
                                      {"path", text_or_null(each.path)}};
  }
  for (const auto& feature : host.features) json["features"][feature.name] = feature.there;
  for (const auto& attempt : host.attempts)
    json["isolation"][attempt.name] = json_of_attempt(attempt);
  json["landlock"] = host.landlock;
  json["systemd"] = host.systemd;
  json["unit"] = text_or_null(host.unit);
  json["namespaces"] = Json::array();
  for (const auto& space : host.spaces) {
    json["namespaces"].push_back({{"name", space.name},
                                  {"group", text_or_null(space.group)},
                                  {"outlives", space.outlives},
                                  {"unit", text_or_null(space.unit)}});
  }
  json["advice"] = advice_for(host);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace contained::cli
