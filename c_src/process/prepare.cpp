#include "process/prepare.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string_view>

namespace contained::process {
namespace {

std::vector<char*> pointers_to(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  // execve(2) takes char* for history's sake and changes nothing.
  for (const auto& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

bool has_nul(const std::string& text) { return text.find('\0') != std::string::npos; }

bool any_has_nul(const std::vector<std::string>& strings) {
  for (const auto& string : strings) {
    if (has_nul(string)) return true;
  }
  return false;
}

std::string_view bad_field(const SpawnSpec& spec) {
  if (has_nul(spec.program)) return "program";
  if (spec.args.empty() || any_has_nul(spec.args)) return "args";
  if (any_has_nul(spec.env)) return "env";
  if (any_has_nul(spec.candidates)) return "candidates";
  if (spec.cd && has_nul(*spec.cd)) return "cd";
  if (spec.attach_fds.size() > kMostAttachments) return "attach_fds";
  if (spec.extra_fds.size() > kMostExtras) return "extra_fds";
  for (const auto& rule : spec.seal.paths) {
    if (!rule.path.starts_with('/') || has_nul(rule.path)) return "landlock";
  }
  return {};
}

CredentialsPlan credentials_plan(const SpawnSpec& spec, Pointers& pointers) {
  CredentialsPlan plan;
  if (!spec.who.plain()) plan.who = &spec.who;
  if (!pointers.groups) return plan;
  plan.set_groups = true;
  plan.groups = pointers.groups->data();
  plan.group_count = pointers.groups->size();
  plan.room = pointers.groups_room.data();
  return plan;
}

// Where no group may be changed, those of ours stay, unless others were asked for by name.
std::optional<std::vector<gid_t>> groups_for(const SpawnSpec& spec, const IdMaps& maps) {
  const bool named = spec.who.groups && !spec.isolation.by_way_of_user;
  if (maps.deny_setgroups && !named) return std::nullopt;
  return groups_to_set(spec.who);
}

Status add_isolation(const SpawnSpec& spec, Pointers& pointers) {
  const auto& isolation = spec.isolation;
  if (isolation.plain()) return Done{};
  pointers.namespaces = namespaces_for(isolation, pointers.namespaces_room);
  if (!isolation.has(kNewUser)) return Done{};
  pointers.maps = id_maps_for(isolation, spec.who);
  auto go = make_pipe();
  if (!go) return go.error();
  pointers.go = std::move(*go);
  return Done{};
}

void put_isolation(ChildPlan& plan, const SpawnSpec& spec, Pointers& pointers,
                   const Refused& refused) {
  if (spec.isolation.plain()) return;
  pointers.namespaces.mounts.old_calls = refused.mount_calls;
  plan.namespaces = &pointers.namespaces;
  plan.clone_flags = spec.isolation.namespaces & kMadeByFork;
  if (!spec.isolation.has(kNewUser)) return;
  plan.maps = {&pointers.maps, pointers.go.read.get(), pointers.go.write.get(), nullptr};
}

}  // namespace

Status check(const SpawnSpec& spec) {
  const auto bad = bad_field(spec);
  if (!bad.empty()) return Error{EINVAL, Stage::kOption, std::string(bad)};
  if (auto good = check(spec.who); !good) return good;
  return check(spec.isolation);
}

Result<Pointers> pointers_for(const SpawnSpec& spec) {
  Pointers pointers;
  pointers.argv = pointers_to(spec.args);
  pointers.envp = pointers_to(spec.env);
  pointers.candidates = pointers_to(spec.candidates);
  if (auto added = add_isolation(spec, pointers); !added) return added.error();
  pointers.groups = groups_for(spec, pointers.maps);
  if (pointers.groups) pointers.groups_room.resize(pointers.groups->size() + 1);
  return pointers;
}

ChildPlan plan_for(const SpawnSpec& spec, Pointers& pointers, int status_fd,
                   const Refused& refused) {
  ChildPlan plan;
  plan.entry = run_child;
  put_isolation(plan, spec, pointers, refused);
  plan.keep_arg0 = spec.keep_arg0;
  if (!spec.candidates.empty()) plan.candidates = pointers.candidates.data();
  plan.program = spec.program.c_str();
  plan.argv = pointers.argv.data();
  plan.envp = pointers.envp.data();
  plan.cd = spec.cd ? spec.cd->c_str() : nullptr;
  plan.inherit_cd = spec.inherit_cd;
  plan.new_session = spec.new_session;
  plan.stdio = spec.stdio;
  plan.terminal = spec.terminal;
  plan.extras = spec.extra_fds.data();
  plan.extra_count = spec.extra_fds.size();
  plan.status_fd = status_fd;
  plan.parent = ::getpid();
  plan.open_files = spec.open_files ? &*spec.open_files : nullptr;
  plan.credentials = credentials_plan(spec, pointers);
  plan.seal = spec.seal.open() ? nullptr : &spec.seal;
  plan.attach_count = spec.attach_fds.size();
  std::copy(spec.attach_fds.begin(), spec.attach_fds.end(), plan.attach_fds.begin());
  plan.reset_signals = refused.ignored_signals.value_or(kAllSignals);
  // Who stays in our session keeps what nohup(1) has done.
  if (!spec.new_session) plan.reset_signals &= ~(SignalBits{1} << (SIGHUP - 1));
  plan.close_range_refused = refused.close_range;
  plan.tell_orphans = spec.tell_orphans;
  return plan;
}

}  // namespace contained::process
