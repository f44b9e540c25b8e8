// What the child tells over the status pipe when it fails before its exec: one word, and perhaps
// what it is about, in one write(2).
#pragma once

#include <array>
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

/// The subject is |text|, else the detail's name, else empty.
Error decode_status(const StatusWord& word, std::string_view text = {});

/// Writes errno at |stage| to |status_fd| and exits.
[[noreturn]] void fail(Stage stage, Detail detail = kNoDetail, int status_fd = kStatusFd) noexcept;

/// The same about |subject|, such as a path, of which as much is told as one write(2) takes.
[[noreturn]] void fail_about(const char* subject, Stage stage, int status_fd = kStatusFd) noexcept;

inline void require_about(bool good, const char* subject, Stage stage) noexcept {
  if (!good) fail_about(subject, stage);
}

inline void require(bool good, Stage stage, Detail detail = kNoDetail) noexcept {
  if (!good) fail(stage, detail);
}

}  // namespace contained::process
