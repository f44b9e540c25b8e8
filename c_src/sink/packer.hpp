// Packer: compresses the old files of a log, one at a time, in a process of its own at the lowest
// priority.
//
// A file is complete under its new name before it goes under its old one, so whatever kills the
// process costs nothing but the work.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.hpp"

namespace contained::sink {

/// Makes |name|.gz of |name|, which is removed. Returns an errno value, 0 when it is done.
int pack(int directory, const std::string& name);

class Packer {
 public:
  ~Packer();

  /// Begins with the oldest file that is not compressed, unless one is being compressed.
  Status wake(int directory, const std::string& name);

  bool busy() const { return child_ > 0; }

  /// REQUIRES: busy(). The errno value of a file that is done, or -1 while it is not.
  int reap(bool wait);

 private:
  pid_t child_ = 0;
};

}  // namespace contained::sink
