// LogFile: a regular file that is appended to, and found again by its path.
//
// A log is often written with more rights than those have who may write into its directory, so what
// is found under its name is not trusted: it must be a regular file with one link, of our user or
// of root, or in a directory that only root can write. Symbolic links are never followed (the
// directory itself may be reached by one), and a FIFO is never waited for.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace contained::sink {

class LogFile {
 public:
  /// |path| is absolute. A file that has to be made gets |mode|, whatever the umask.
  LogFile(std::string path, mode_t mode);

  /// Looks the path up, and makes the file when there is none. What was open before stays so when
  /// it fails: ELOOP for a symbolic link, ENOTSUP for what is no regular file, EPERM for a foreign
  /// user's, EMLINK for one with several names.
  Status open();

  /// Opens anew if the path leads elsewhere by now.
  Status follow();

  /// What write(2) took, at least one byte of |text|.
  Result<std::size_t> write(std::string_view text);

  Status sync();

  /// Nothing that is written can be found any more.
  bool lost() const;

  const std::string& path() const { return path_; }
  const std::string& name() const { return name_; }
  int directory() const { return directory_.get(); }
  std::uint64_t size() const { return size_; }
  std::time_t modified() const { return modified_; }  ///< when it was opened
  bool at_line_start() const { return at_line_start_; }

 private:
  Result<UniqueFd> open_in(int directory) const;
  void adopt(UniqueFd directory, UniqueFd file, const struct stat& found);

  std::string path_;
  std::string name_;
  mode_t mode_;
  UniqueFd directory_;
  UniqueFd file_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::uint64_t size_ = 0;
  std::time_t modified_ = 0;
  bool at_line_start_ = true;
};

}  // namespace contained::sink
