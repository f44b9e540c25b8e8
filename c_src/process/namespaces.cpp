#include "process/namespaces.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "process/status_word.hpp"

namespace contained::process {
namespace {

constexpr std::string_view kLoopback = "lo";

// Needs rights in the namespace's owner and in ours: before anything else is left.
void join_network(const char* path) noexcept {
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  require_about(file >= 0, path, Stage::kNetwork);
  require_about(::setns(file, CLONE_NEWNET) == 0, path, Stage::kNetwork);
  ::close(file);
}

void enter_one(const NamespaceName& which, Namespaces wanted) noexcept {
  if ((wanted & which.flag) == 0) return;
  const bool entered = ::unshare(static_cast<int>(which.flag)) == 0;
  require_about(entered, which.name, Stage::kNamespace);
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

}  // namespace

NamespacesPlan namespaces_for(const Isolation& isolation, MountsRoom& room) {
  NamespacesPlan plan;
  plan.enter = isolation.namespaces & ~kMadeByFork;
  if (isolation.hostname) plan.hostname = isolation.hostname->c_str();
  if (isolation.netns) plan.netns = isolation.netns->c_str();
  if (isolation.has(kNewMount)) plan.mounts = mounts_for(isolation, room);
  return plan;
}

void enter(const NamespacesPlan& plan) noexcept {
  if (plan.netns != nullptr) join_network(plan.netns);
  for (const auto& which : kNamespaceNames) enter_one(which, plan.enter);
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
