#include "engine/spec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace contained::engine {
namespace {

// Where a program of that name may be, in the order of the search path.
std::vector<std::string> candidates(std::string_view path, std::string_view program) {
  std::vector<std::string> paths;
  while (!path.empty()) {
    const auto directory = path.substr(0, path.find(':'));
    paths.push_back(fmt::format("{}/{}", directory, program));
    path.remove_prefix(std::min(path.size(), directory.size() + 1));
  }
  return paths;
}

rlim_t limit_value(const std::optional<std::uint64_t>& value) {
  return value ? static_cast<rlim_t>(*value) : RLIM_INFINITY;
}

Result<std::vector<process::ResourceLimit>> resource_limits(
    const std::vector<protocol::Rlimit>& asked) {
  std::vector<process::ResourceLimit> limits;
  for (const auto& [name, soft, hard] : asked) {
    const auto resource = process::resource_named(name);
    if (!resource) return Error{EINVAL, Stage::kRlimit, name};
    limits.push_back({*resource, {limit_value(soft), limit_value(hard)}});
  }
  return limits;
}

Result<process::Credentials> credentials_of(const protocol::Identity& asked) {
  process::Credentials who;
  who.uid = asked.uid;
  who.gid = asked.gid;
  if (asked.groups) who.groups.emplace(asked.groups->begin(), asked.groups->end());
  who.umask = asked.umask;
  who.nice = asked.nice;
  who.oom_score_adj = asked.oom_score_adj;
  who.no_new_privs = asked.no_new_privs;
  auto limits = resource_limits(asked.rlimits);
  if (!limits) return limits.error();
  who.limits = std::move(*limits);
  if (!asked.capabilities) return who;
  const auto& [drop_all, drop, keep, ambient] = *asked.capabilities;
  auto capabilities = process::resolve({drop_all, drop, keep, ambient});
  if (!capabilities) return capabilities.error();
  who.capabilities = *capabilities;
  return who;
}

}  // namespace

Result<process::SpawnSpec> spec_of(const protocol::Start& request, const Environment& environment,
                                   const std::string& vm_directory) {
  process::SpawnSpec spec;
  spec.program = request.program;
  spec.args = request.args;
  if (request.path) spec.candidates = candidates(*request.path, request.program);
  spec.env = environment.with(request.env, request.clear_env);
  spec.cd = request.cd;
  spec.inherit_cd = !spec.cd;
  if (!spec.cd && !vm_directory.empty()) spec.cd = vm_directory;
  auto who = credentials_of(request.identity);
  if (!who) return who.error();
  spec.who = std::move(*who);
  return spec;
}

}  // namespace contained::engine
