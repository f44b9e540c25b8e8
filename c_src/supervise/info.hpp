// Info: a line for each thing that happens, for scripts that read it:
//
//     cmd start PID          log start PID
//     cmd stop PID           it was told to end
//     cmd exit PID STATUS    as waitpid(2) has it: 3 * 256 for an exit with 3, 15 for SIGTERM
//     cmd signal PID NUMBER  passed on
//     cmd timeout PID, cmd pause PID, cmd resume PID
#pragma once

#include <chrono>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "supervise/machine.hpp"

namespace contained::supervise {

/// Without its end.
std::string line_of(const Tell& what);

class Info {
 public:
  /// Appends to |path|. A FIFO's readers may come and go: what nobody reads is kept there, as much
  /// as fits. With |stamped| each line begins with the time, as in RFC 3339.
  Status open(const std::string& path, bool stamped);

  /// Does nothing without a file. A FIFO that is full is no error: the line is lost.
  Status tell(const Tell& what);

 private:
  UniqueFd file_;
  std::string path_;
  bool stamped_ = false;
};

}  // namespace contained::supervise
