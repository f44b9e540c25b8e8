// SpawnSpec: all that a child needs, prepared before the fork so that the child allocates nothing.
#pragma once

#include <sys/resource.h>

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "process/credentials.hpp"
#include "process/isolation.hpp"
#include "process/seal.hpp"

namespace contained::process {

/// More v1 hierarchies than there are controllers.
inline constexpr std::size_t kMostAttachments = 16;
inline constexpr std::size_t kMostExtras = 61;

struct SpawnSpec {
  std::string program;            ///< a path with a slash; execve(2) is given it as it is
  std::vector<std::string> args;  ///< the whole argv

  /// When not empty, the program is the first of these paths that is an executable regular file, as
  /// System.find_executable/1 has it, and argv[0] is that path; with |keep_arg0| it stays args[0],
  /// as execvp(3) has it.
  std::vector<std::string> candidates;
  bool keep_arg0 = false;

  std::vector<std::string> env;   ///< the whole environment, "NAME=value"
  std::optional<std::string> cd;  ///< default: ours

  /// |cd| is entered before the ids are taken, as a directory that is inherited: nobody asks
  /// whether the user may enter it.
  bool inherit_cd = false;

  /// setsid(2). Else it stays in our session and process group, with our terminal.
  bool new_session = true;

  /// Descriptors that become 0, 1 and 2 in the child; not owned. The same one may stand twice.
  std::array<int, 3> stdio = {0, 1, 2};

  /// Further descriptors, from 3 on: the number in the child, each once, and what becomes it; not
  /// owned. At most kMostExtras.
  std::vector<std::pair<int, int>> extra_fds;

  /// Which of |stdio| is the terminal that its new session is to have; -1: none.
  int terminal = -1;

  /// Directory of the v2 control group to start in; not owned. -1: stay in ours.
  int cgroup_fd = -1;

  /// cgroup.procs of v1 groups, open for writing, which the child enters before anything else; not
  /// owned, at most kMostAttachments.
  std::vector<int> attach_fds;

  /// As whom it runs.
  Credentials who;

  /// What it does not share with us.
  Isolation isolation;

  /// What it may do no more, from the exec on.
  Seal seal;

  /// Its stub or init tells of the descendants that it reaps, see StubOrphanExited.
  bool tell_orphans = false;

  /// Given back to the child before |who|; the worker raises its own. None: inherited.
  std::optional<rlimit> open_files;
};

}  // namespace contained::process
