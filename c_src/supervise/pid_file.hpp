// PidFile: tells others which process to signal, and keeps a second supervisor from starting.
//
// The file is locked (flock(2)) as long as its owner lives, comes into sight whole, and goes with
// its owner. What a dead owner has left is replaced; what is no pid file is not.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace contained::supervise {

class PidFile {
 public:
  PidFile() = default;

  /// Writes |pid|. EWOULDBLOCK: another one holds it, and |holder| is the number in it, or 0.
  /// EPERM: the file is not ours, has several names, or holds something else; ENOTSUP: it is not
  /// regular.
  static Result<PidFile> take(const std::string& path, pid_t pid, pid_t& holder);

  /// If it is still ours. In one process only of those that have inherited it.
  void remove();

 private:
  PidFile(std::string path, UniqueFd file) : path_(std::move(path)), file_(std::move(file)) {}

  std::string path_;
  UniqueFd file_;
};

}  // namespace contained::supervise
