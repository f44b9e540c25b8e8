// Old files of a log: "app.log" is set aside as "app.log.7", the next as "app.log.8". A number is
// given once, so no file is renamed twice; the smallest is the oldest. Compressed they are
// "app.log.7.gz".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace contained::sink {

struct OldFile {
  std::uint32_t number = 0;
  bool plain = false;
  bool packed = false;
};

/// The old files of |name|, the oldest first.
Result<std::vector<OldFile>> old_files(int directory, const std::string& name);

/// "app.log.7"
std::string old_name(const std::string& name, std::uint32_t number);

/// Gives |name| the next number. Nothing is overwritten. Without such a file: done.
Status set_aside(int directory, const std::string& name);

/// Removes all but the |keep| newest.
Status prune(int directory, const std::string& name, std::uint32_t keep);

/// A line of so many bytes beyond the size of a file is still ended in it.
inline constexpr std::uint64_t kLongestLine = 64U * 1024;

/// How much of |text| belongs into a file of |size| bytes that is to have |limit|: files end with a
/// line, but for lines longer than kLongestLine. 0: begin the next file.
std::size_t fitting(std::string_view text, std::uint64_t size, std::uint64_t limit,
                    bool at_line_start);

}  // namespace contained::sink
