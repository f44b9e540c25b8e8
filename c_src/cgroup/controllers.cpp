#include "cgroup/controllers.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/file.hpp"
#include "cgroup/knobs.hpp"
#include "cgroup/text.hpp"

namespace contained::cgroup {
namespace {

constexpr int kBusyTries = 20;
constexpr useconds_t kBusyPause = 1000;

using Names = std::vector<std::string>;

bool may_enable(int dirfd) {
  if (::faccessat(dirfd, kSubtreeControl, W_OK, AT_EACCESS) != 0) return false;
  if (::faccessat(dirfd, kEvents, F_OK, 0) != 0) return true;  // the root
  const auto members = read_file_at(dirfd, kProcs, 64U << 20);
  return members && members->empty();
}

Status enable_one(int dirfd, const std::string& name) {
  for (int attempt = 1;; ++attempt) {
    auto written = write_file_at(dirfd, kSubtreeControl, std::string("+").append(name));
    if (written) return written;
    const int code = written.error().code;
    if (code != EBUSY || attempt == kBusyTries) return Error{code, Stage::kCgroup, name};
    ::usleep(kBusyPause);
  }
}

}  // namespace

Names listed(int dirfd, const char* file) {
  const auto text = read_brief_at(dirfd, file);
  if (!text) return {};
  const auto words = split(*text, ' ');
  return {words.begin(), words.end()};
}

Names usable_controllers(int dirfd) {
  return listed(dirfd, may_enable(dirfd) ? kControllers : kSubtreeControl);
}

Status enable(int dirfd, const Names& wanted) {
  const auto enabled = listed(dirfd, kSubtreeControl);
  Names missing;
  std::string all;
  for (const auto& name : wanted) {
    if (has(enabled, name)) continue;
    missing.push_back(name);
    all += (all.empty() ? "+" : " +") + name;
  }
  if (missing.empty() || write_file_at(dirfd, kSubtreeControl, all)) return Done{};
  Status first = Done{};
  for (const auto& name : missing) {
    auto written = enable_one(dirfd, name);
    if (first && !written) first = std::move(written);
  }
  return first;
}

}  // namespace contained::cgroup
