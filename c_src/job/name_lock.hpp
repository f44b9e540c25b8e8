// NameLock: whoever holds it is the job of that name, and its directory is his.
//
// An open file description lock (fcntl_locking(2), F_OFD_SETLK): guardian and worker hold it
// together, the kernel takes it back when both are dead, and no process that is started by them has
// it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace contained::job {

class NameLock {
 public:
  /// Makes `<jobs>/<name>` and its lock when they are not there. EAGAIN: another holds it. ENOENT:
  /// |jobs| is removed.
  static Result<NameLock> take(int jobs, const std::string& name);

  int directory() const { return directory_.get(); }  ///< of the job

  /// Removes the job's directory with all that is ours in it, and gives the name up. ENOTEMPTY:
  /// there is something else in it.
  Status remove(const std::string& name) &&;

  /// Closes every descriptor of ours beyond stderr but its own and |other|, for a daemon.
  void close_all_but(UniqueFd& other);

 private:
  NameLock(UniqueFd directory, UniqueFd file)
      : directory_(std::move(directory)), file_(std::move(file)) {}

  UniqueFd directory_;
  UniqueFd file_;
};

/// Whether somebody holds the lock in the job's |directory|.
bool is_locked(int directory);

/// Whether |name| in the directory of all jobs is that of one on its way out, see remove().
bool is_aside(std::string_view name);

/// Carries such a removal to its end; what is not ours in it stays, and it too.
void remove_aside(int jobs, const std::string& name);

}  // namespace contained::job
