// Plot: the directory of a namespace in control groups, `<base>/contained-jobs-<namespace>`. The
// trees of its jobs' keepers are in it, and their own processes in `keepers`: not where the program
// was that has started them, so that its end is not theirs.
//
// In the v2 hierarchy, or without one in that of v1's freezer. Groups of v1 for limits are made
// where the keeper has come from: they kill nobody.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.hpp"

namespace contained::job {

/// Who is to work in it.
struct Heir {
  uid_t uid = 0;
  gid_t gid = 0;
};

struct Plot {
  std::string path;       ///< absolute; empty: none
  std::string hierarchy;  ///< of v1, see cgroup::Group
};

/// Makes it, or finds it made, below |base| (empty: cgroup::choose_base()), gives its controllers
/// to it and, when the heir is another user, the directory to him (cgroup-v2.rst, "Model of
/// Delegation"). EEXIST: it is another's. ENOTSUP: v1 is not given away, its members could freeze
/// and move what is not theirs (systemd's CGROUP_DELEGATION). Else why no group can be made here.
Result<Plot> make_plot(const std::string& name, const Heir& heir, const std::string& base = {});

/// The one that make_plot() makes without a |base|, if it is there; else an empty one.
Plot find_plot(const std::string& name);

/// Whether it is there and ours to work in.
bool is_usable(const Plot& plot);

/// Moves us into its `keepers`. EACCES: of v2 this takes the right to write to the cgroup.procs of
/// the group that is above both places.
Status enter(const Plot& plot);

/// Whether a process is in it or below.
bool is_populated(const Plot& plot);

/// Removes what is empty. EBUSY while it is not.
Status remove(const Plot& plot);

}  // namespace contained::job
