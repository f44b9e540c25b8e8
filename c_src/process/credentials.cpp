#include "process/credentials.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace contained::process {
namespace {

struct Resource {
  std::string_view name;
  int number;
};

// getrlimit(2), all of Linux.
constexpr std::array<Resource, 16> kResources = {{{"as", RLIMIT_AS},
                                                  {"core", RLIMIT_CORE},
                                                  {"cpu", RLIMIT_CPU},
                                                  {"data", RLIMIT_DATA},
                                                  {"fsize", RLIMIT_FSIZE},
                                                  {"locks", RLIMIT_LOCKS},
                                                  {"memlock", RLIMIT_MEMLOCK},
                                                  {"msgqueue", RLIMIT_MSGQUEUE},
                                                  {"nice", RLIMIT_NICE},
                                                  {"nofile", RLIMIT_NOFILE},
                                                  {"nproc", RLIMIT_NPROC},
                                                  {"rss", RLIMIT_RSS},
                                                  {"rtprio", RLIMIT_RTPRIO},
                                                  {"rttime", RLIMIT_RTTIME},
                                                  {"sigpending", RLIMIT_SIGPENDING},
                                                  {"stack", RLIMIT_STACK}}};

constexpr auto kUnchanged = static_cast<id_t>(-1);

Error refuse_field(std::string_view field) { return {EINVAL, Stage::kIds, std::string(field)}; }

}  // namespace

std::optional<int> resource_named(std::string_view name) {
  for (const auto& resource : kResources) {
    if (resource.name == name) return resource.number;
  }
  return std::nullopt;
}

std::string_view resource_name(int resource) {
  for (const auto& [name, number] : kResources) {
    if (number == resource) return name;
  }
  return {};
}

bool Credentials::plain() const {
  return !uid && !gid && !groups && !umask && !nice && !oom_score_adj && limits.empty() &&
         !no_new_privs && !capabilities;
}

Status check(const Credentials& who) {
  if (who.uid && !who.gid) return refuse_field("gid");
  if (who.uid == kUnchanged) return refuse_field("uid");
  if (who.gid == kUnchanged) return refuse_field("gid");
  const auto bad = [](gid_t group) { return group == kUnchanged; };
  if (who.groups && std::any_of(who.groups->begin(), who.groups->end(), bad)) {
    return refuse_field("groups");
  }
  return Done{};
}

std::optional<std::vector<gid_t>> groups_to_set(const Credentials& who) {
  if (!who.groups && !who.gid) return std::nullopt;
  auto groups = who.groups.value_or(std::vector<gid_t>{});
  std::sort(groups.begin(), groups.end());
  groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
  return groups;
}

}  // namespace contained::process
