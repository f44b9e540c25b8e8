// In place of seccomp.cpp where there is to be no libseccomp (CONTAINED_SECCOMP=OFF).
#include <cerrno>

#include "process/seccomp.hpp"

namespace contained::process {

Result<SeccompFilter> compile(const SeccompProfile&) { return Error{ENOTSUP, Stage::kSeccomp, {}}; }

bool seccomp_available() { return false; }

bool install(const SeccompFilter&) noexcept {
  errno = ENOTSUP;
  return false;
}

}  // namespace contained::process
