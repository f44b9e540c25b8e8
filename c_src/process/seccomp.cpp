#include "process/seccomp.hpp"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "base/file.hpp"
#include "base/unique_fd.hpp"

namespace contained::process {
namespace {

using What = SeccompAction::Kind;
using Compare = SeccompCondition::Op;

struct Release {
  void operator()(scmp_filter_ctx context) const { ::seccomp_release(context); }
};
using Context = std::unique_ptr<void, Release>;

Error refusal(int code, std::string_view subject = {}) {
  return {code, Stage::kSeccomp, std::string(subject)};
}

std::uint32_t libseccomp_action(const SeccompAction& action) {
  switch (action.kind) {
    case What::kErrno:
      return SCMP_ACT_ERRNO(static_cast<std::uint32_t>(action.code));
    case What::kKill:
      return SCMP_ACT_KILL_PROCESS;
    case What::kLog:
      return SCMP_ACT_LOG;
    default:
      return SCMP_ACT_ALLOW;
  }
}

scmp_compare libseccomp_op(Compare op) {
  static constexpr std::array kOps = {SCMP_CMP_EQ, SCMP_CMP_NE, SCMP_CMP_LT,       SCMP_CMP_LE,
                                      SCMP_CMP_GE, SCMP_CMP_GT, SCMP_CMP_MASKED_EQ};
  return kOps[static_cast<std::size_t>(op)];
}

// ---- Architectures

struct Also {
  std::uint32_t native;
  std::uint32_t other;
};

// Whose programs a kernel of the native one may run as well.
constexpr std::array kAlso = {Also{SCMP_ARCH_X86_64, SCMP_ARCH_X86},
                              Also{SCMP_ARCH_X86_64, SCMP_ARCH_X32},
                              Also{SCMP_ARCH_AARCH64, SCMP_ARCH_ARM},
                              Also{SCMP_ARCH_MIPS64, SCMP_ARCH_MIPS},
                              Also{SCMP_ARCH_MIPS64, SCMP_ARCH_MIPS64N32},
                              Also{SCMP_ARCH_MIPSEL64, SCMP_ARCH_MIPSEL},
                              Also{SCMP_ARCH_MIPSEL64, SCMP_ARCH_MIPSEL64N32},
                              Also{SCMP_ARCH_PPC64, SCMP_ARCH_PPC},
                              Also{SCMP_ARCH_S390X, SCMP_ARCH_S390}};

int add_architectures(scmp_filter_ctx context) {
  const auto native = ::seccomp_arch_native();
  for (const auto& [of, other] : kAlso) {
    if (of != native) continue;
    if (const int code = ::seccomp_arch_add(context, other); code < 0) return code;
  }
  return ::seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
}

// ---- Rules

scmp_arg_cmp libseccomp_condition(const SeccompCondition& condition) {
  const auto op = libseccomp_op(condition.op);
  if (condition.op != Compare::kMasked) return {condition.argument, op, condition.value, 0};
  return {condition.argument, op, condition.mask, condition.value};
}

int add_rule(scmp_filter_ctx context, const SeccompRule& rule, int call) {
  std::vector<scmp_arg_cmp> conditions;
  conditions.reserve(rule.conditions.size());
  for (const auto& condition : rule.conditions) {
    conditions.push_back(libseccomp_condition(condition));
  }
  return ::seccomp_rule_add_array(context, libseccomp_action(rule.action), call,
                                  static_cast<unsigned>(conditions.size()), conditions.data());
}

// A call that this architecture has not, but others have, gets a number below zero.
Status add_rule(scmp_filter_ctx context, const SeccompRule& rule, const SeccompAction& otherwise) {
  const int call = ::seccomp_syscall_resolve_name(rule.call.c_str());
  if (call == __NR_SCMP_ERROR) return refusal(EINVAL, rule.call);
  if (rule.action == otherwise) {
    // libseccomp takes no such rule. Without conditions it says nothing new; with them it would be
    // an exception from other rules, which there is not.
    return rule.conditions.empty() ? Status(Done{}) : refusal(EINVAL, rule.call);
  }
  if (const int code = add_rule(context, rule, call); code < 0) return refusal(-code, rule.call);
  return Done{};
}

bool is_too_large(const SeccompProfile& profile) {
  std::size_t conditions = 0;
  for (const auto& rule : profile.rules) conditions += rule.conditions.size();
  return profile.rules.size() > kMostRules || conditions > kMostConditions;
}

bool kills(const SeccompAction& action) { return action.kind == What::kKill; }

bool may_kill_the_exec(const SeccompProfile& profile) {
  bool settled = false;
  for (const auto& rule : profile.rules) {
    if (rule.call != "execve") continue;
    if (kills(rule.action)) return true;
    settled = settled || rule.conditions.empty();
  }
  return !settled && kills(profile.otherwise);
}

// ---- The program

// Through a file: libseccomp before 2.6 exports to descriptors only.
Result<SeccompFilter> export_filter(scmp_filter_ctx context) {
  const UniqueFd file(::memfd_create("seccomp", MFD_CLOEXEC));
  if (!file) return Error::last(Stage::kSeccomp);
  if (const int code = ::seccomp_export_bpf(context, file.get()); code < 0) return refusal(-code);
  const auto size = ::lseek(file.get(), 0, SEEK_END);
  SeccompFilter filter(static_cast<std::size_t>(size) / sizeof(sock_filter));
  if (filter.empty() || filter.size() > BPF_MAXINSNS) return refusal(E2BIG);
  if (::pread(file.get(), filter.data(), static_cast<std::size_t>(size), 0) != size) {
    return refusal(EIO);
  }
  return filter;
}

}  // namespace

Result<SeccompFilter> compile(const SeccompProfile& profile) {
  if (is_too_large(profile)) return refusal(E2BIG);
  if (may_kill_the_exec(profile)) return refusal(EINVAL, "execve");
  const Context context(::seccomp_init(libseccomp_action(profile.otherwise)));
  if (!context) return refusal(EINVAL);
  if (const int code = add_architectures(context.get()); code < 0) return refusal(-code);
  for (const auto& rule : profile.rules) {
    if (auto added = add_rule(context.get(), rule, profile.otherwise); !added) return added.error();
  }
  return export_filter(context.get());
}

bool seccomp_available() {
  // Filters are there if the call goes as far as to look for this one, seccomp(2).
  return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, nullptr) < 0 && errno == EFAULT;
}

bool install(const SeccompFilter& filter) noexcept {
  // The kernel takes a pointer to non-const for history's sake and changes nothing.
  const sock_fprog program = {static_cast<unsigned short>(filter.size()),
                              const_cast<sock_filter*>(filter.data())};
  return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace contained::process
