#include "job/record.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "base/file.hpp"

namespace contained::job {
namespace {

constexpr std::size_t kLargest = 8U << 20;  // of arguments alone 2 MiB are possible

Status write_whole(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Error::last(Stage::kFile);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return Done{};
}

// What somebody else can write is not to be believed.
Status check_trust(int fd, const std::string& name) {
  struct stat info = {};
  if (::fstat(fd, &info) < 0) return Error::last(Stage::kFile, name);
  const bool ours = info.st_uid == ::geteuid() || info.st_uid == 0;
  const bool closed = (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
  if (!S_ISREG(info.st_mode) || !ours || !closed) return Error{EPERM, Stage::kFile, name};
  return Done{};
}

}  // namespace

std::string escape(std::string_view value) {
  std::string text;
  text.reserve(value.size());
  for (const char c : value) {
    if (c == '\\') text += "\\\\";
    if (c == '\n') text += "\\n";
    if (c != '\\' && c != '\n') text += c;
  }
  return text;
}

Result<std::string> unescape(std::string_view text) {
  std::string value;
  value.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      value += text[i];
      continue;
    }
    const char next = ++i < text.size() ? text[i] : '\0';
    if (next != '\\' && next != 'n') return Error{EINVAL, Stage::kFile, std::string(text)};
    value += next == 'n' ? '\n' : '\\';
  }
  return value;
}

Result<Record> Record::parse(std::string_view text) {
  Record record;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    const auto space = line.find(' ');
    if (end == text.npos || space == line.npos || space == 0) {
      return Error{EINVAL, Stage::kFile, std::string(line)};
    }
    auto value = unescape(line.substr(space + 1));
    if (!value) return value.error();
    record.lines_.emplace_back(line.substr(0, space), std::move(*value));
    text.remove_prefix(end + 1);
  }
  return record;
}

std::string Record::text() const {
  std::string text;
  for (const auto& [key, value] : lines_) text += fmt::format("{} {}\n", key, escape(value));
  return text;
}

std::string Record::get(std::string_view key) const {
  for (const auto& [name, value] : lines_) {
    if (name == key) return value;
  }
  return {};
}

std::vector<std::string> Record::all(std::string_view key) const {
  std::vector<std::string> values;
  for (const auto& [name, value] : lines_) {
    if (name == key) values.push_back(value);
  }
  return values;
}

Status write_record(int dirfd, const std::string& name, const Record& record, mode_t mode) {
  const auto temporary = fmt::format("{}.{}", name, ::getpid());
  // What a dead process of our pid has left is no concern of anybody.
  ::unlinkat(dirfd, temporary.c_str(), 0);
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const UniqueFd file(::openat(dirfd, temporary.c_str(), flags, mode));
  if (!file) return Error::last(Stage::kFile, name);
  if (::fchmod(file.get(), mode) < 0) return Error::last(Stage::kFile, name);
  auto written = write_whole(file.get(), record.text());
  if (written && ::renameat(dirfd, temporary.c_str(), dirfd, name.c_str()) < 0) {
    written = Error::last(Stage::kFile, name);
  }
  if (written) return written;
  ::unlinkat(dirfd, temporary.c_str(), 0);
  return Error{written.error().code, Stage::kFile, name};
}

bool is_draft(std::string_view file, std::string_view name) {
  if (!file.starts_with(name) || file.size() < name.size() + 2) return false;
  file.remove_prefix(name.size());
  return file.front() == '.' && file.find_first_not_of("0123456789", 1) == file.npos;
}

Result<Record> read_record(int dirfd, const std::string& name) {
  // O_NONBLOCK: of a FIFO nothing is waited for.
  const auto file = open_at(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file) return file.error();
  const auto trusted = check_trust(file->get(), name);
  if (!trusted) return trusted.error();
  const auto text = read_all(file->get(), kLargest);
  if (!text) return text.error();
  return Record::parse(*text);
}

}  // namespace contained::job
