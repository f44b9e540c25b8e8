#include "sink/rotation.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <memory>
#include <optional>

#include "base/file.hpp"

namespace contained::sink {
namespace {

constexpr std::string_view kPacked = ".gz";
constexpr std::uint32_t kMostNumber = std::numeric_limits<std::int32_t>::max();

struct Parsed {
  std::uint32_t number;
  bool packed;
};

// "7" or "7.gz"
std::optional<Parsed> parse(std::string_view suffix) {
  Parsed parsed = {0, suffix.ends_with(kPacked)};
  if (parsed.packed) suffix.remove_suffix(kPacked.size());
  const char* const end = suffix.data() + suffix.size();
  const auto read = std::from_chars(suffix.data(), end, parsed.number);
  const bool good = read.ec == std::errc{} && read.ptr == end && suffix.front() != '0';
  if (!good || parsed.number > kMostNumber) return std::nullopt;
  return parsed;
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

Result<Directory> list(int directory, const std::string& name) {
  auto fd = open_at(directory, ".", O_RDONLY | O_DIRECTORY);
  if (!fd) return fd.error();
  Directory listing(::fdopendir(fd->get()));
  if (!listing) return Error::last(Stage::kFile, name);
  fd->release();
  return listing;
}

// rename(2) would overwrite; where the file system cannot be told not to (EINVAL), link(2) does
// not.
int rename_unless_there(int directory, const char* from, const char* to) {
  if (::syscall(SYS_renameat2, directory, from, directory, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  if (::linkat(directory, from, directory, to, 0) < 0) return errno;
  return ::unlinkat(directory, from, 0) == 0 ? 0 : errno;
}

int remove(int directory, const std::string& name) {
  return ::unlinkat(directory, name.c_str(), 0) == 0 || errno == ENOENT ? 0 : errno;
}

}  // namespace

Result<std::vector<OldFile>> old_files(int directory, const std::string& name) {
  auto listing = list(directory, name);
  if (!listing) return listing.error();
  std::map<std::uint32_t, OldFile> found;
  while (const auto* entry = ::readdir(listing->get())) {
    const std::string_view each = entry->d_name;
    const bool ours = each.size() > name.size() + 1 && each.starts_with(name);
    if (!ours || each[name.size()] != '.') continue;
    const auto parsed = parse(each.substr(name.size() + 1));
    if (!parsed) continue;
    auto& file = found[parsed->number];
    file.number = parsed->number;
    (parsed->packed ? file.packed : file.plain) = true;
  }
  std::vector<OldFile> files;
  files.reserve(found.size());
  for (const auto& [number, file] : found) files.push_back(file);
  return files;
}

std::string old_name(const std::string& name, std::uint32_t number) {
  return fmt::format("{}.{}", name, number);
}

Status set_aside(int directory, const std::string& name) {
  const auto files = old_files(directory, name);
  if (!files) return files.error();
  auto number = files->empty() ? 0 : files->back().number;
  int code = EEXIST;
  while (code == EEXIST && number < kMostNumber) {
    code = rename_unless_there(directory, name.c_str(), old_name(name, ++number).c_str());
  }
  if (code != 0 && code != ENOENT) return Error{code, Stage::kFile, name};
  return Done{};
}

Status prune(int directory, const std::string& name, std::uint32_t keep) {
  const auto files = old_files(directory, name);
  if (!files) return files.error();
  if (files->size() <= keep) return Done{};
  int failed = 0;
  for (std::size_t i = 0; i < files->size() - keep; ++i) {
    const auto old = old_name(name, (*files)[i].number);
    for (const auto& each : {old, old + std::string(kPacked)}) {
      if (const int code = remove(directory, each)) failed = code;
    }
  }
  if (failed != 0) return Error{failed, Stage::kFile, name};
  return Done{};
}

std::size_t fitting(std::string_view text, std::uint64_t size, std::uint64_t limit,
                    bool at_line_start) {
  if (size + text.size() <= limit) return text.size();
  const std::uint64_t room = limit > size ? limit - size : 0;
  const auto last_end = room == 0 ? std::string_view::npos : text.rfind('\n', room - 1);
  if (last_end != std::string_view::npos) return last_end + 1;
  if (at_line_start && size > 0) return 0;
  // A line that begins, or was begun, in this file.
  const std::uint64_t most = limit + kLongestLine > size ? limit + kLongestLine - size : 0;
  const auto line = std::min(text.find('\n'), text.size() - 1) + 1;
  return std::min<std::uint64_t>(line, most);
}

}  // namespace contained::sink
