// Paths as they are followed within another root, between fork and exec.
#pragma once

#include <sys/types.h>

namespace contained::process {

/// Opens |path| as if the directory |root| were "/": neither "..", nor an absolute or another
/// symbolic link leads out of it (openat2(2) RESOLVE_IN_ROOT). Where that call is refused a
/// symbolic link is ELOOP. -1 with errno.
int resolve_in(int root, const char* path, int flags) noexcept;

/// On which file systems a missing file may be made.
struct MayMake {
  bool (*on)(dev_t device, const void* context) noexcept;
  const void* context;
};

/// The same with O_PATH; what is missing is made, directories and at last a |file| or a directory,
/// on file systems of |may| only.
int resolve_or_make(int root, const char* path, bool file, MayMake may) noexcept;

}  // namespace contained::process
