#include "process/status_word.hpp"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

#include "process/capabilities.hpp"
#include "process/credentials.hpp"

namespace contained::process {
namespace {

std::string name_of(IdField field) {
  switch (field) {
    case IdField::kGroups:
      return "groups";
    case IdField::kGid:
      return "gid";
    case IdField::kUid:
      return "uid";
  }
  return {};
}

std::string subject_of(Stage stage, Detail detail) {
  if (detail == kNoDetail) return {};
  switch (stage) {
    case Stage::kRlimit:
      return std::string(resource_name(detail));
    case Stage::kIds:
      return name_of(static_cast<IdField>(detail));
    case Stage::kCapabilities:
      return capability_name(detail);
    default:
      return {};
  }
}

}  // namespace

StatusWord encode_status(Stage stage, int code, Detail detail) noexcept {
  StatusWord word;
  const auto errno_value = static_cast<std::int32_t>(code);
  word[0] = static_cast<char>(stage);
  std::memcpy(word.data() + 1, &errno_value, sizeof errno_value);
  std::memcpy(word.data() + 1 + sizeof errno_value, &detail, sizeof detail);
  return word;
}

Error decode_status(const StatusWord& word, std::string_view text) {
  std::int32_t code = 0;
  Detail detail = kNoDetail;
  std::memcpy(&code, word.data() + 1, sizeof code);
  std::memcpy(&detail, word.data() + 1 + sizeof code, sizeof detail);
  const auto stage = static_cast<Stage>(word[0]);
  return Error{code, stage, text.empty() ? subject_of(stage, detail) : std::string(text)};
}

void fail(Stage stage, Detail detail, int status_fd) noexcept {
  const auto word = encode_status(stage, errno, detail);
  [[maybe_unused]] const auto written = ::write(status_fd, word.data(), word.size());
  ::_exit(kSetupFailed);
}

// A write of up to PIPE_BUF bytes comes in one piece, pipe(7).
void fail_about(const char* subject, Stage stage, int status_fd) noexcept {
  auto word = encode_status(stage, errno);
  const auto length = std::min<std::size_t>(std::strlen(subject), PIPE_BUF - word.size());
  const std::array<iovec, 2> parts = {
      {{word.data(), word.size()}, {const_cast<char*>(subject), length}}};
  [[maybe_unused]] const auto written = ::writev(status_fd, parts.data(), parts.size());
  ::_exit(kSetupFailed);
}

}  // namespace contained::process
