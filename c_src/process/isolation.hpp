// Isolation: what of the machine a program does not share with us, namespaces(7), and what it sees
// of the files instead.
#pragma once

#include <sched.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/linux.hpp"
#include "base/result.hpp"

namespace contained::process {

/// CLONE_NEW... bits of clone(2).
using Namespaces = std::uint64_t;
inline constexpr Namespaces kNewPid = CLONE_NEWPID;
inline constexpr Namespaces kNewMount = CLONE_NEWNS;
inline constexpr Namespaces kNewUts = CLONE_NEWUTS;
inline constexpr Namespaces kNewIpc = CLONE_NEWIPC;
inline constexpr Namespaces kNewNet = CLONE_NEWNET;
inline constexpr Namespaces kNewUser = CLONE_NEWUSER;
inline constexpr Namespaces kNewCgroup = CLONE_NEWCGROUP;
inline constexpr Namespaces kNewTime = CLONE_NEWTIME;

struct NamespaceName {
  const char* name;
  Namespaces flag;
};
inline constexpr NamespaceName kNamespaceNames[] = {
    {"user", kNewUser}, {"pid", kNewPid}, {"time", kNewTime}, {"mount", kNewMount},
    {"uts", kNewUts},   {"ipc", kNewIpc}, {"net", kNewNet},   {"cgroup", kNewCgroup}};

/// Ids from |inside| on are those from |outside| on, see user_namespaces(7).
struct IdMap {
  std::uint32_t inside = 0;
  std::uint32_t outside = 0;
  std::uint32_t count = 1;
  bool operator==(const IdMap&) const = default;
};

/// How far a clock of the program's is ahead of the machine's, time_namespaces(7).
struct TimeOffset {
  enum class Clock : std::uint8_t { kMonotonic, kBoottime };
  Clock clock = Clock::kMonotonic;
  std::int64_t milliseconds = 0;
};

/// |source| is a path of ours, |target| one of the program's.
struct Bind {
  std::string source;
  std::string target;
  bool read_only = true;
};

/// An empty file system in memory.
struct Tmpfs {
  std::string target;
  std::optional<std::uint64_t> bytes = {};  ///< none: half of the memory, tmpfs(5)
};

struct Isolation {
  Namespaces namespaces = 0;

  /// Pid 1 of the pid namespace is an init of ours, see init.hpp; else the program.
  bool own_init = false;

  std::optional<std::string> hostname = {};   ///< needs kNewUts
  std::optional<std::string> netns = {};      ///< a file of a network namespace to enter
  std::vector<TimeOffset> time_offsets = {};  ///< needs kNewTime

  // These need kNewMount. A pid namespace with it has a /proc of its own.
  std::optional<std::string> root = {};    ///< becomes /, all else is gone: pivot_root(2)
  std::optional<std::string> chroot = {};  ///< becomes /: chroot(2)
  std::vector<Bind> binds = {};
  std::vector<Tmpfs> tmpfs = {};
  bool read_only_root = false;  ///< all but |binds| for writing, |tmpfs| and an own /proc

  /// kNewUser is there because we may not make the others without. Supplementary groups stay then
  /// as they are.
  bool by_way_of_user = false;

  // These need kNewUser. Empty: one id, that the program is to have, is ours.
  std::vector<IdMap> uid_map = {};
  std::vector<IdMap> gid_map = {};

  bool has(Namespaces which) const { return (namespaces & which) != 0; }
  bool plain() const { return namespaces == 0 && !netns; }
  bool new_root() const { return root || chroot; }
};

/// Whether this process may make namespaces without one of users, capabilities(7) CAP_SYS_ADMIN.
bool may_make_namespaces();

/// What cannot be meant. EINVAL at Stage::kOption, the field as subject.
Status check(const Isolation& isolation);

}  // namespace contained::process
