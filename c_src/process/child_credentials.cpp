#include "process/child_credentials.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "base/linux.hpp"
#include "process/status_word.hpp"

namespace contained::process {
namespace {

// The libraries' own set*id calls tell all threads, by locks and signals: the kernel's are meant.
#ifdef SYS_setresuid32
constexpr long kSetGroups = SYS_setgroups32;
constexpr long kSetGid = SYS_setresgid32;
constexpr long kSetUid = SYS_setresuid32;
#else
constexpr long kSetGroups = SYS_setgroups;
constexpr long kSetGid = SYS_setresgid;
constexpr long kSetUid = SYS_setresuid;
#endif

void must_be(bool as_asked, int otherwise, Stage stage, Detail detail = kNoDetail) noexcept {
  errno = otherwise;
  require(as_asked, stage, detail);
}

void set_oom_score_adj(int value) noexcept {
  std::array<char, 16> text = {};
  const auto* const end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  const auto length = end - text.data();
  const int file = ::open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
  require(file >= 0, Stage::kOomScoreAdj);
  require(::write(file, text.data(), static_cast<std::size_t>(length)) == length,
          Stage::kOomScoreAdj);
  const auto count = ::pread(file, text.data(), text.size(), 0);
  require(count >= 0, Stage::kOomScoreAdj);
  int now = 0;
  const auto read = std::from_chars(text.data(), text.data() + count, now);
  must_be(read.ec == std::errc{} && now == value, ERANGE, Stage::kOomScoreAdj);
  ::close(file);
}

void set_limit(const ResourceLimit& limit) noexcept {
  require(::setrlimit(limit.resource, &limit.value) == 0, Stage::kRlimit, limit.resource);
  rlimit now = {};
  require(::getrlimit(limit.resource, &now) == 0, Stage::kRlimit, limit.resource);
  must_be(now.rlim_cur == limit.value.rlim_cur && now.rlim_max == limit.value.rlim_max, ERANGE,
          Stage::kRlimit, limit.resource);
}

void set_nice(int value) noexcept {
  require(::setpriority(PRIO_PROCESS, 0, value) == 0, Stage::kNice);
  must_be(::getpriority(PRIO_PROCESS, 0) == value, ERANGE, Stage::kNice);
}

// ---- Ids. A call that is refused and would have changed nothing is no failure: an unprivileged
// caller may become what it is.

void set_ids(bool as_asked, int refusal, IdField field) noexcept {
  must_be(as_asked, refusal == 0 ? EPERM : refusal, Stage::kIds, static_cast<Detail>(field));
}

int code_of(long result) noexcept { return result == 0 ? 0 : errno; }

void set_groups(const CredentialsPlan& plan) noexcept {
  const int refusal = code_of(::syscall(kSetGroups, plan.group_count, plan.groups));
  const int seen = ::getgroups(static_cast<int>(plan.group_count) + 1, plan.room);
  const bool same = seen >= 0 && static_cast<std::size_t>(seen) == plan.group_count &&
                    std::equal(plan.room, plan.room + seen, plan.groups);
  set_ids(same, refusal, IdField::kGroups);
}

void set_gid(gid_t gid) noexcept {
  const int refusal = code_of(::syscall(kSetGid, gid, gid, gid));
  gid_t real = 0;
  gid_t effective = 0;
  gid_t saved = 0;
  ::getresgid(&real, &effective, &saved);
  set_ids(real == gid && effective == gid && saved == gid, refusal, IdField::kGid);
}

void set_uid(uid_t uid) noexcept {
  const int refusal = code_of(::syscall(kSetUid, uid, uid, uid));
  uid_t real = 0;
  uid_t effective = 0;
  uid_t saved = 0;
  ::getresuid(&real, &effective, &saved);
  set_ids(real == uid && effective == uid && saved == uid, refusal, IdField::kUid);
}

// ---- Capabilities, by the kernel's calls: libcap's allocate.

struct ProcessCaps {
  CapSet effective = 0;
  CapSet permitted = 0;
  CapSet inheritable = 0;
  bool operator==(const ProcessCaps&) const = default;
};

constexpr int kHalf = 32;
using RawCaps = std::array<__user_cap_data_struct, 2>;

CapSet joined(std::uint32_t low, std::uint32_t high) noexcept {
  return low | (static_cast<CapSet>(high) << kHalf);
}

ProcessCaps read_caps() noexcept {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  RawCaps raw = {};
  require(::syscall(SYS_capget, &header, raw.data()) == 0, Stage::kCapabilities);
  return {joined(raw[0].effective, raw[1].effective), joined(raw[0].permitted, raw[1].permitted),
          joined(raw[0].inheritable, raw[1].inheritable)};
}

void write_caps(const ProcessCaps& caps) noexcept {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  RawCaps raw = {};
  for (std::size_t half = 0; half < raw.size(); ++half) {
    const auto shift = half * kHalf;
    raw[half].effective = static_cast<std::uint32_t>(caps.effective >> shift);
    raw[half].permitted = static_cast<std::uint32_t>(caps.permitted >> shift);
    raw[half].inheritable = static_cast<std::uint32_t>(caps.inheritable >> shift);
  }
  require(::syscall(SYS_capset, &header, raw.data()) == 0, Stage::kCapabilities);
  must_be(read_caps() == caps, EPERM, Stage::kCapabilities);
}

template <class Use>
void for_each_capability(CapSet set, Use use) noexcept {
  for (int capability = 0; capability < kMostCapabilities; ++capability) {
    if ((set & cap_bit(capability)) != 0) use(capability);
  }
}

// Needs CAP_SETPCAP, so it comes before the user is changed. What the set does not hold any more,
// or what this kernel has not heard of (EINVAL), is no loss.
void drop_from_bounding(CapSet drop) noexcept {
  for_each_capability(drop, [](int capability) noexcept {
    if (::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) != 1) return;
    require(::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0, Stage::kCapabilities, capability);
    must_be(::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 0, EPERM, Stage::kCapabilities,
            capability);
  });
}

void raise_ambient(CapSet ambient) noexcept {
  for_each_capability(ambient, [](int capability) noexcept {
    require(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) == 0,
            Stage::kCapabilities, capability);
    must_be(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, capability, 0, 0) == 1, EPERM,
            Stage::kCapabilities, capability);
  });
}

// Ambient ones survive the exec of a program without set-user-ID bit or file capabilities, if they
// are permitted and inheritable. |kept|: by PR_SET_KEEPCAPS, which leaves all of them permitted.
void set_capabilities(const Capabilities& wanted, bool kept) noexcept {
  auto caps = read_caps();
  for_each_capability(wanted.ambient & ~caps.permitted, [](int capability) noexcept {
    must_be(false, EPERM, Stage::kCapabilities, capability);
  });
  caps.permitted &= kept ? wanted.ambient : ~wanted.drop;
  caps.effective &= caps.permitted;
  caps.inheritable = (caps.inheritable & ~wanted.drop) | wanted.ambient;
  write_caps(caps);
  raise_ambient(wanted.ambient);
}

void forbid_new_privileges() noexcept {
  require(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, Stage::kNoNewPrivs);
  must_be(::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, EPERM, Stage::kNoNewPrivs);
}

// In the only order there is: each step takes away the right to do the one before.
void change_ids(const CredentialsPlan& plan) noexcept {
  const auto& who = *plan.who;
  const auto* const capabilities = who.capabilities ? &*who.capabilities : nullptr;
  // Leaving uid 0 clears the permitted set.
  const bool keep =
      capabilities != nullptr && capabilities->ambient != 0 && who.uid.value_or(0) != 0;
  if (capabilities != nullptr) drop_from_bounding(capabilities->drop);
  if (keep) require(::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0, Stage::kCapabilities);
  if (plan.set_groups) set_groups(plan);
  if (who.gid) set_gid(*who.gid);
  if (who.uid) set_uid(*who.uid);
  if (capabilities != nullptr) set_capabilities(*capabilities, keep);
}

}  // namespace

void become(const CredentialsPlan& plan) noexcept {
  const auto& who = *plan.who;
  if (who.oom_score_adj) set_oom_score_adj(*who.oom_score_adj);
  for (const auto& limit : who.limits) set_limit(limit);
  if (who.nice) set_nice(*who.nice);
  change_ids(plan);
  if (who.umask) ::umask(*who.umask);
  if (who.no_new_privs) forbid_new_privileges();
}

}  // namespace contained::process
