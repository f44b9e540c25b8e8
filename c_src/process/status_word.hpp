// What the child tells over the status pipe when it fails before its exec: one word, one write(2).
#pragma once

#include <array>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.hpp"

namespace contained::process {

/// Where the child keeps the write end.
inline constexpr int kStatusFd = 3;

/// What a child that failed exits with; nobody sees it, the word counts.
inline constexpr int kSetupFailed = 127;

/// Which of several things of one stage it was: a resource (kRlimit), an IdField (kIds), a
/// capability's number (kCapabilities).
using Detail = std::int32_t;
inline constexpr Detail kNoDetail = -1;
enum class IdField : Detail { kGroups, kGid, kUid };

/// The stage, errno and the detail, in host order.
using StatusWord = std::array<char, sizeof(std::uint8_t) + sizeof(std::int32_t) + sizeof(Detail)>;
StatusWord encode_status(Stage stage, int code, Detail detail = kNoDetail) noexcept;

/// A word and its subject are written at once, see pipe(7), "PIPE_BUF".
inline constexpr std::size_t kMostStatusBytes = PIPE_BUF;
inline constexpr std::size_t kLongestSubject = kMostStatusBytes - sizeof(StatusWord);

/// The subject is the detail's name, else empty.
Error decode_status(const StatusWord& word);

/// What a child wrote: a word, and what it was about if the child said so.
Error decode_status(std::string_view written);

/// Writes errno at |stage| to |status_fd| and exits.
[[noreturn]] void fail(Stage stage, Detail detail = kNoDetail, int status_fd = kStatusFd) noexcept;

/// The same with a subject of up to kLongestSubject bytes.
[[noreturn]] void fail_about(Stage stage, const char* subject, int status_fd = kStatusFd) noexcept;

inline void require(bool good, Stage stage, Detail detail = kNoDetail) noexcept {
  if (!good) fail(stage, detail);
}

}  // namespace contained::process
