#include "cgroup/alarm.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/eventfd.h>

#include "base/file.hpp"

namespace contained::cgroup {

// The kernel needs the second descriptor for this write alone.
Result<UniqueFd> memory_alarm(int dirfd) {
  const auto control = open_at(dirfd, "memory.oom_control", O_RDONLY, Stage::kCgroup);
  if (!control) return control.error();
  UniqueFd alarm(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!alarm) return Error::last(Stage::kCgroup, "eventfd");
  const auto wish = fmt::format("{} {}", alarm.get(), control->get());
  const auto wished = write_file_at(dirfd, "cgroup.event_control", wish);
  if (!wished) return wished.error();
  return alarm;
}

}  // namespace contained::cgroup
