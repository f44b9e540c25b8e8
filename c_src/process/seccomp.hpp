// A filter of system calls, seccomp(2): a profile by names, compiled by libseccomp in the parent
// into the program that the child hands to the kernel.
//
// The filter covers every architecture whose calls the kernel takes from a process of ours (on
// x86_64 also i386 and x32), so that none of them is a way around it. A call of any other kills.
#pragma once

#include <linux/filter.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace contained::process {

struct SeccompAction {
  enum class Kind : std::uint8_t { kAllow, kErrno, kKill, kLog };  ///< kLog: allowed, and audited
  Kind kind = Kind::kAllow;
  int code = 0;  ///< with kErrno
  bool operator==(const SeccompAction&) const = default;
};

/// Of one argument of a call, as the kernel sees it: 64 bits, of which it may ignore the upper
/// half.
struct SeccompCondition {
  enum class Op : std::uint8_t { kEq, kNe, kLt, kLe, kGe, kGt, kMasked };
  unsigned argument = 0;  ///< 0 to 5
  Op op = Op::kEq;
  std::uint64_t value = 0;
  std::uint64_t mask = 0;  ///< with kMasked: (argument & mask) == value
};

/// All conditions have to hold; each is of another argument.
struct SeccompRule {
  SeccompAction action;
  std::string call;
  std::vector<SeccompCondition> conditions = {};
};

struct SeccompProfile {
  SeccompAction otherwise;  ///< for calls without a rule
  std::vector<SeccompRule> rules;
};

using SeccompFilter = std::vector<sock_filter>;

/// libseccomp's time grows with the cube of the conditions: with so many it is a tenth of a second.
inline constexpr std::size_t kMostConditions = 256;
inline constexpr std::size_t kMostRules = 1024;

/// Needs no privilege and changes nothing. At Stage::kSeccomp: EINVAL with the call as subject for
/// a name that libseccomp does not know, conditions that it does not take, a condition that leads
/// to |otherwise|, and for `execve` if a call of it could kill: the program itself is started under
/// the filter. E2BIG for more than kMostRules, kMostConditions or the kernel's 4096 instructions;
/// ENOTSUP when built without libseccomp.
Result<SeccompFilter> compile(const SeccompProfile& profile);

/// Whether profiles can be compiled and this kernel has filters.
bool seccomp_available();

/// For the calling process and all that it starts, for ever; false with errno. Allocates nothing.
/// Needs no_new_privs, or CAP_SYS_ADMIN in the user namespace.
bool install(const SeccompFilter& filter) noexcept;

}  // namespace contained::process
