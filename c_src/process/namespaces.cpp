#include "process/namespaces.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>

#include "process/status_word.hpp"

namespace contained::process {
namespace {

constexpr std::string_view kLoopback = "lo";
constexpr const char* kTimeOffsets = "time_offsets";

// Needs rights in the namespace's owner and in ours: before anything else is left.
void join_network(const char* path) noexcept {
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  require_about(file >= 0, path, Stage::kNetwork);
  require_about(::setns(file, CLONE_NEWNET) == 0, path, Stage::kNetwork);
  ::close(file);
}

void set_clocks(const std::string& offsets) noexcept {
  const int file = ::open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
  require_about(file >= 0, kTimeOffsets, Stage::kNamespace);
  const bool set = ::write(file, offsets.data(), offsets.size()) >= 0;
  require_about(set, kTimeOffsets, Stage::kNamespace);
  ::close(file);
}

// An exec enters it as well, but only since Linux 6.3.
void enter_time(const char* name) noexcept {
  const int file = ::open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
  require_about(file >= 0, name, Stage::kNamespace);
  require_about(::setns(file, CLONE_NEWTIME) == 0, name, Stage::kNamespace);
  ::close(file);
}

void enter_one(const NamespaceName& which, const NamespacesPlan& plan) noexcept {
  if ((plan.enter & which.flag) == 0) return;
  const bool made = ::unshare(static_cast<int>(which.flag)) == 0;
  require_about(made, which.name, Stage::kNamespace);
  if (which.flag != kNewTime) return;
  if (plan.time_offsets != nullptr) set_clocks(*plan.time_offsets);
  enter_time(which.name);
}

// Up, it has its addresses by itself.
void raise_loopback() noexcept {
  ifreq request = {};
  std::copy(kLoopback.begin(), kLoopback.end(), std::begin(request.ifr_name));
  const int any = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  require_about(any >= 0, kLoopback.data(), Stage::kNetwork);
  bool up = ::ioctl(any, SIOCGIFFLAGS, &request) == 0;
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  up = up && ::ioctl(any, SIOCSIFFLAGS, &request) == 0;
  require_about(up, kLoopback.data(), Stage::kNetwork);
  ::close(any);
}

// As the kernel reads it: seconds, which may be negative, and nanoseconds, which may not.
std::string offsets_text(const std::vector<TimeOffset>& offsets) {
  std::string text;
  for (const auto& [clock, milliseconds] : offsets) {
    const auto rest = (milliseconds % 1000 + 1000) % 1000;
    const auto* const name = clock == TimeOffset::Clock::kMonotonic ? "monotonic" : "boottime";
    fmt::format_to(std::back_inserter(text), "{} {} {}\n", name, (milliseconds - rest) / 1000,
                   rest * 1'000'000);
  }
  return text;
}

}  // namespace

NamespacesPlan namespaces_for(const Isolation& isolation, NamespacesRoom& room) {
  NamespacesPlan plan;
  plan.enter = isolation.namespaces & ~kMadeByFork;
  if (isolation.hostname) plan.hostname = isolation.hostname->c_str();
  if (isolation.netns) plan.netns = isolation.netns->c_str();
  if (!isolation.time_offsets.empty()) {
    plan.time_offsets = &room.time_offsets.emplace_back(offsets_text(isolation.time_offsets));
  }
  if (isolation.has(kNewMount)) plan.mounts = mounts_for(isolation, room.mounts);
  return plan;
}

void enter(const NamespacesPlan& plan) noexcept {
  if (plan.netns != nullptr) join_network(plan.netns);
  for (const auto& which : kNamespaceNames) enter_one(which, plan);
  if ((plan.enter & kNewNet) != 0) raise_loopback();
  if (plan.hostname != nullptr) {
    const bool named = ::sethostname(plan.hostname, std::strlen(plan.hostname)) == 0;
    require_about(named, plan.hostname, Stage::kNamespace);
  }
  if ((plan.enter & kNewMount) != 0) build_mounts(plan.mounts);
}

const char* first_name(Namespaces namespaces) noexcept {
  const auto* const found =
      std::find_if(std::begin(kNamespaceNames), std::end(kNamespaceNames),
                   [namespaces](const auto& each) { return (each.flag & namespaces) != 0; });
  return found == std::end(kNamespaceNames) ? "" : found->name;
}

}  // namespace contained::process
