#include "engine/spec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
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

bool names(const std::vector<std::string>& all, std::string_view name) {
  return std::find(all.begin(), all.end(), name) != all.end();
}

process::Namespaces flags_of(const std::vector<std::string>& asked) {
  process::Namespaces flags = 0;
  for (const auto& known : process::kNamespaceNames) {
    if (names(asked, known.name)) flags |= known.flag;
  }
  return flags;
}

// What needs a namespace brings it.
process::Namespaces implied_by(const protocol::Isolation& asked) {
  const bool mounts = asked.root || asked.chroot || !asked.binds.empty() || !asked.tmpfs.empty() ||
                      asked.read_only_root;
  const bool alone = asked.network == protocol::Isolation::Network::kNone;
  return (mounts ? process::kNewMount : 0) | (alone ? process::kNewNet : 0) |
         (asked.time_offsets.empty() ? 0 : process::kNewTime);
}

std::vector<process::IdMap> id_map_of(const std::vector<protocol::IdMap>& asked) {
  std::vector<process::IdMap> map;
  map.reserve(asked.size());
  for (const auto& [inside, outside, count] : asked) map.push_back({inside, outside, count});
  return map;
}

std::vector<process::TimeOffset> offsets_of(const std::vector<protocol::TimeOffset>& asked) {
  std::vector<process::TimeOffset> offsets;
  for (const auto& [boottime, amount] : asked) {
    const auto clock =
        boottime ? process::TimeOffset::Clock::kBoottime : process::TimeOffset::Clock::kMonotonic;
    offsets.push_back({clock, amount});
  }
  return offsets;
}

process::Isolation isolation_of(const protocol::Isolation& asked) {
  process::Isolation isolation;
  isolation.namespaces = flags_of(asked.namespaces) | implied_by(asked);
  isolation.by_way_of_user = names(asked.namespaces, "user_if_needed") &&
                             !isolation.has(process::kNewUser) && !process::may_make_namespaces();
  if (isolation.by_way_of_user) isolation.namespaces |= process::kNewUser;
  isolation.own_init = isolation.has(process::kNewPid) && !asked.program_is_init;
  isolation.hostname = asked.hostname;
  if (asked.network == protocol::Isolation::Network::kPath) isolation.netns = asked.netns;
  isolation.time_offsets = offsets_of(asked.time_offsets);
  isolation.root = asked.root;
  isolation.chroot = asked.chroot;
  for (const auto& [source, target, read_only] : asked.binds) {
    isolation.binds.push_back({source, target, read_only});
  }
  for (const auto& [target, bytes] : asked.tmpfs) isolation.tmpfs.push_back({target, bytes});
  isolation.read_only_root = asked.read_only_root;
  isolation.uid_map = id_map_of(asked.uid_map);
  isolation.gid_map = id_map_of(asked.gid_map);
  return isolation;
}

// A link of another process is not to be followed from within a user namespace, see ptrace(2),
// "Ptrace access mode checking". Reading it touches no file system but /proc.
std::string followed(const std::string& link) {
  std::error_code error;
  const auto target = std::filesystem::read_symlink(link, error);
  return error ? link : target.string();
}

}  // namespace

Result<process::SpawnSpec> spec_of(const protocol::Start& request, const Environment& environment,
                                   const std::string& vm_directory) {
  process::SpawnSpec spec;
  spec.program = request.program;
  spec.args = request.args;
  if (request.path) spec.candidates = candidates(*request.path, request.program);
  spec.keep_arg0 = request.keep_arg0;
  spec.env = environment.with(request.env, request.clear_env);
  spec.cd = request.cd;
  spec.inherit_cd = !spec.cd;
  spec.tell_orphans = request.orphans;
  spec.new_session = !request.keep_session;
  spec.isolation = isolation_of(request.isolation);
  if (!spec.cd && !vm_directory.empty()) {
    spec.cd = spec.isolation.has(process::kNewUser) ? followed(vm_directory) : vm_directory;
  }
  auto who = credentials_of(request.identity);
  if (!who) return who.error();
  spec.who = std::move(*who);
  return spec;
}

}  // namespace contained::engine
