// The parent's half of a spawn: a SpawnSpec made into the ChildPlan that the child reads.
#pragma once

#include <sys/types.h>

#include <optional>
#include <vector>

#include "base/file.hpp"
#include "base/result.hpp"
#include "process/child_setup.hpp"
#include "process/spawn.hpp"
#include "process/spawn_spec.hpp"

namespace contained::process {

/// What spawn() refuses, before anything is done.
Status check(const SpawnSpec& spec);

/// What a plan points to besides the spec's own strings.
struct Pointers {
  std::vector<char*> argv;
  std::vector<char*> envp;
  std::vector<char*> candidates;
  std::optional<std::vector<gid_t>> groups;
  std::vector<gid_t> groups_room;
  IdMaps maps;
  PipeEnds go;  ///< by which the child hears of its id maps
  NamespacesRoom namespaces_room;
  NamespacesPlan namespaces;
};

Result<Pointers> pointers_for(const SpawnSpec& spec);

/// Valid as long as |spec| and |pointers| are. The parent is the calling process.
ChildPlan plan_for(const SpawnSpec& spec, Pointers& pointers, int status_fd,
                   const Refused& refused);

}  // namespace contained::process
