#include "supervise/info.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <string_view>

namespace contained::supervise {
namespace {

std::string_view name(Event event) {
  switch (event) {
    case Event::kStart:
      return "start";
    case Event::kStop:
      return "stop";
    case Event::kExit:
      return "exit";
    case Event::kSignal:
      return "signal";
    case Event::kTimeout:
      return "timeout";
    case Event::kPause:
      return "pause";
    case Event::kResume:
      return "resume";
  }
  return "";
}

bool has_number(Event event) { return event == Event::kExit || event == Event::kSignal; }

std::string stamp() {
  constexpr long kNanosecondsPerMillisecond = 1'000'000;
  timespec now = {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  std::tm tm = {};
  ::gmtime_r(&now.tv_sec, &tm);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z ", tm.tm_year + 1900,
                     tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                     now.tv_nsec / kNanosecondsPerMillisecond);
}

}  // namespace

std::string line_of(const Tell& what) {
  const auto* const task = what.task == Task::kCommand ? "cmd" : "log";
  if (!has_number(what.event)) return fmt::format("{} {} {}", task, name(what.event), what.pid);
  return fmt::format("{} {} {} {}", task, name(what.event), what.pid, what.number);
}

// A FIFO that is open for reading too is never without a reader, see fifo(7).
Status Info::open(const std::string& path, bool stamped) {
  constexpr int kFlags = O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
  constexpr mode_t kMode = 0644;
  file_.reset(::open(path.c_str(), O_RDWR | kFlags, kMode));
  if (!file_ && errno == EACCES) file_.reset(::open(path.c_str(), O_WRONLY | kFlags, kMode));
  if (!file_) return Error::last(Stage::kFile, path);
  path_ = path;
  stamped_ = stamped;
  return Done{};
}

Status Info::tell(const Tell& what) {
  if (!file_) return Done{};
  const auto line = fmt::format("{}{}\n", stamped_ ? stamp() : "", line_of(what));
  const auto written = ::write(file_.get(), line.data(), line.size());
  if (written >= 0 || errno == EAGAIN) return Done{};
  return Error::last(Stage::kFile, path_);
}

}  // namespace contained::supervise
