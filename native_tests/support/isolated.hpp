// Namespaces as far as this process may make them: without root by way of a user namespace.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/isolation.hpp"

namespace contained::test {

inline process::Namespaces as_we_may(process::Namespaces wanted) {
  return ::geteuid() == 0 ? wanted : wanted | process::kNewUser;
}

/// Whether a child of ours may make a mount namespace, if need be in a user namespace.
inline bool may_isolate() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::unshare(static_cast<int>(as_we_may(process::kNewMount))) == 0 ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  return status == 0;
}

}  // namespace contained::test

#define CONTAINED_NEEDS_NAMESPACES() \
  if (!::contained::test::may_isolate()) GTEST_SKIP() << "needs CAP_SYS_ADMIN or user namespaces"
