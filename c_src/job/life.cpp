#include "job/life.hpp"

#include <fcntl.h>

#include <chrono>

#include "base/file.hpp"
#include "base/proc.hpp"
#include "process/child.hpp"

namespace contained::job {

const std::string& boot_id() {
  static const std::string kId = [] {
    auto text = read_brief_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id");
    if (!text) return std::string();
    return text->substr(0, text->find('\n'));
  }();
  return kId;
}

Mark mark_of(pid_t pid) {
  const auto stat = read_proc_stat(pid);
  return stat ? Mark{pid, stat->start_time} : Mark{};
}

bool is_alive(const Mark& mark) {
  if (mark.pid <= 0) return false;
  const auto stat = read_proc_stat(mark.pid);
  return stat && stat->start_time == mark.start_time && stat->state != 'Z' && stat->state != 'X';
}

Status signal_marked(const Mark& mark, int number) {
  if (mark.pid <= 0) return Error{ESRCH, Stage::kSignal, {}};
  return process::signal_foreign(mark.pid, number, [&](pid_t) { return is_alive(mark); });
}

std::uint64_t now_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

}  // namespace contained::job
