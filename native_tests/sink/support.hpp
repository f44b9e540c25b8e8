// What the tests of sinks share.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "sink/moment.hpp"
#include "sink/report.hpp"

namespace contained::sink {

inline std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// 2026-11-21T06:57:41Z and so many milliseconds, by both clocks.
inline Moment at(std::int64_t milliseconds = 0) {
  const std::chrono::milliseconds since(milliseconds);
  const auto begin = std::chrono::system_clock::from_time_t(1795244261);
  return {begin + since, std::chrono::steady_clock::time_point(std::chrono::hours(1)) + since};
}

/// Reports into a pipe, read at the end.
class Told {
 public:
  Told() : ends_(std::move(make_pipe().value())), reports(ends_.write.get()) {}

  /// All that was told so far, a line each.
  std::string text() {
    (void)set_nonblocking(ends_.read.get());
    std::string told(65536, '\0');
    const auto count = ::read(ends_.read.get(), told.data(), told.size());
    told.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return told;
  }

 private:
  PipeEnds ends_;

 public:
  Reports reports;
};

/// No file can grow beyond |size| meanwhile: writes fail with EFBIG.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t size) {
    handler_ = ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    set(size);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    set(before_.rlim_cur);
    ::signal(SIGXFSZ, handler_);
  }

  void set(rlim_t size) const {
    const rlimit limit = {size, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }

 private:
  rlimit before_ = {};
  void (*handler_)(int) = nullptr;
};

}  // namespace contained::sink
