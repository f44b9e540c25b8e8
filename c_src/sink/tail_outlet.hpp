// TailOutlet: keeps the last bytes, and writes them to an inherited descriptor at the end: for
// whoever asks then what there was, and did not want to read along.
#pragma once

#include <string>
#include <string_view>

#include "sink/fd_outlet.hpp"

namespace contained::sink {

class TailOutlet : public Outlet {
 public:
  /// Fits into a pipe that nobody reads.
  static constexpr std::size_t kMost = 8192;

  TailOutlet(const FdOptions& options, Reports& reports) : fd_(options, reports) {}

  Status open() override { return fd_.open(); }
  void write(std::string_view text, const Moment& now) override;
  void finish(const Moment& now) override;

 private:
  FdOutlet fd_;
  std::string tail_;
};

}  // namespace contained::sink
