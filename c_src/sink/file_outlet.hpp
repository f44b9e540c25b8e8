// FileOutlet: a log file, with its old ones.
//
// Whatever happens to the file, the program goes on: what cannot be written is dropped and counted,
// or waited with (Policy). After a gap it begins with the next whole line.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "sink/format.hpp"
#include "sink/log_file.hpp"
#include "sink/options.hpp"
#include "sink/outlet.hpp"
#include "sink/packer.hpp"
#include "sink/report.hpp"

namespace contained::sink {

class FileOutlet : public Outlet {
 public:
  FileOutlet(FileOptions options, Reports& reports);

  Status open() override;
  void write(std::string_view text, const Moment& now) override;
  void reopen(const Moment& now) override;
  void tick(const Moment& now) override;
  bool restless() const override { return packer_.busy() || unsynced_; }
  void finish(const Moment& now) override;

 private:
  void write_all(std::string_view text, const Moment& now);
  void put(std::string_view text, const Moment& now);
  bool put_some(std::string_view& text, const Moment& now);
  bool fail(std::string_view text, const Error& error, const Moment& now);
  std::string_view behind_gap(std::string_view text);
  void rotate_by_age(const Moment& now);
  bool rotate(const Moment& now);
  Status turn_over();
  void pack(const Moment& now);
  void settle_pack(bool wait, const Moment& now);
  void sync(const Moment& now);

  FileOptions options_;
  LogFile file_;
  Format format_;
  Packer packer_;
  Trouble writing_;
  Trouble rotating_;
  std::optional<std::uint64_t> period_;
  bool skipping_ = false;  ///< what is left of a line whose begin was dropped
  bool torn_ = false;      ///< the file may end within a line that does not go on
  bool unsynced_ = false;
  std::chrono::steady_clock::time_point synced_;
};

}  // namespace contained::sink
