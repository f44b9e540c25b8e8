// The ids of a user namespace, written by its parent: user_namespaces(7), "User and group ID
// mappings".
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "process/credentials.hpp"
#include "process/isolation.hpp"

namespace contained::process {

struct IdMaps {
  std::vector<IdMap> uids;
  std::vector<IdMap> gids;

  /// No process in it may change its supplementary groups: what an unprivileged parent has to
  /// promise before it may map a group.
  bool deny_setgroups = false;

  /// By newuidmap(1) and newgidmap(1), as /etc/subuid and /etc/subgid allow.
  bool by_helper = false;
};

/// Those asked for. Else one id: what |who| is to have inside, or the same as outside. That is ours
/// outside; but a privileged parent maps an id of |who| to itself.
IdMaps id_maps_for(const Isolation& isolation, const Credentials& who);

/// A program that maps ids, and where it may be.
struct HelperCommand {
  HelperCommand(const char* program, const std::vector<IdMap>& maps, pid_t child);
  std::vector<std::string> arguments;
  std::vector<std::string> paths;
  std::vector<char*> argv;
};
struct HelperCommands {
  HelperCommands(const IdMaps& maps, pid_t child);
  HelperCommand uids;
  HelperCommand gids;
};

/// The pipe by which a child hears of its maps.
struct MapsPlan {
  const IdMaps* maps = nullptr;              ///< null: no user namespace
  int go_read = -1;                          ///< the child's
  int go_write = -1;                         ///< the parent's
  const HelperCommands* commands = nullptr;  ///< for run_map_helper
};

/// Writes the maps of |child| and lets it go on, or tells it why not. REQUIRES: not |by_helper|.
void map_ids(const MapsPlan& plan, pid_t child);

/// The same by the two programs, in a process that may wait for them.
[[noreturn]] void run_map_helper(const MapsPlan& plan, bool close_range_refused) noexcept;

/// To the child, in the place of its maps.
void tell_child(const MapsPlan& plan, const Error& error);

/// In the child: waits for the word on |go_fd|. Where it is not to go on, it fails with it.
void await_maps(int go_fd) noexcept;

}  // namespace contained::process
