// Home: where the files of namespaces are, and directories that can be trusted.
//
// The runtime directory is $CONTAINED_RUNTIME_DIR; else of root /run/contained; else
// $XDG_RUNTIME_DIR/contained; without that, /tmp/contained-<uid>. Logs are below
// $CONTAINED_LOG_DIR; else of root /var/log/contained; else $XDG_STATE_HOME/contained,
// ~/.local/state/contained.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace contained::job {

/// Where we make namespaces. EINVAL: CONTAINED_RUNTIME_DIR, the subject, is no absolute path.
/// EPERM: $XDG_RUNTIME_DIR is somebody else's (as after su(1)).
Result<std::string> runtime_home();

/// Where namespaces of ours may be, the first that has one counts: what root has made for us in
/// /run/contained before our own.
std::vector<std::string> runtime_homes();

/// ENOENT: no home directory is known; subject CONTAINED_LOG_DIR, which helps. EINVAL: that is no
/// absolute path.
Result<std::string> log_home();

/// An open directory that we can rely on: no symbolic link, ours or root's, and writable by nobody
/// else. EPERM when it is not, ENOTDIR or ELOOP when it is something else; subject |path|.
Result<UniqueFd> open_trusted(int dirfd, const std::string& path);

/// The same, made with |mode| (whatever the umask) when it is not there. Parents are not made.
struct Made {
  UniqueFd fd;
  bool fresh = false;
};
Result<Made> make_trusted(int dirfd, const std::string& path, mode_t mode);

/// The |wanted| names in the directory |path|, sorted; none when it cannot be read.
std::vector<std::string> names_in(int dirfd, const std::string& path,
                                  bool (*wanted)(std::string_view));

/// Makes what is missing of |path|: for others to enter when we are root, else for us alone.
Result<UniqueFd> make_all(const std::string& path);

}  // namespace contained::job
