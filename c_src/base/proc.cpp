#include "base/proc.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <charconv>
#include <memory>
#include <string>

#include "base/file.hpp"

namespace contained {
namespace {

template <class Number>
bool parse_number(std::string_view text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

// Cuts the next space-separated word off |text|.
std::string_view next_word(std::string_view& text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\n')) text.remove_prefix(1);
  const auto word = text.substr(0, text.find_first_of(" \n"));
  text.remove_prefix(word.size());
  return word;
}

std::vector<pid_t> parse_pids(std::string_view text) {
  std::vector<pid_t> pids;
  pid_t pid = 0;
  while (parse_number(next_word(text), pid)) pids.push_back(pid);
  return pids;
}

// The entries of |directory| that are numbers; none when it is gone.
std::vector<pid_t> numbers_in(const std::string& directory) {
  std::vector<pid_t> numbers;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(directory.c_str()), ::closedir);
  if (!dir) return numbers;
  while (const dirent* entry = ::readdir(dir.get())) {
    pid_t number = 0;
    if (parse_number(std::string_view(entry->d_name), number)) numbers.push_back(number);
  }
  return numbers;
}

std::vector<pid_t> walk_for_children(pid_t parent) {
  auto pids = numbers_in("/proc");
  std::erase_if(pids, [parent](pid_t pid) {
    const auto stat = read_proc_stat(pid);
    return !stat || stat->ppid != parent;
  });
  return pids;
}

// Without its line end; "" when it is gone or hidden.
std::string text_of(pid_t pid, const char* file) {
  auto text = read_file_at(AT_FDCWD, fmt::format("/proc/{}/{}", pid, file));
  if (!text) return {};
  while (text->ends_with('\n')) text->pop_back();
  return std::move(text).value();
}

}  // namespace

Result<ProcStat> parse_proc_stat(std::string_view text) {
  const auto close = text.rfind(')');
  if (close == std::string_view::npos) return Error{EINVAL, Stage::kFile, std::string(text)};
  ProcStat stat;
  auto head = text;
  auto rest = text.substr(close + 1);
  const auto state = next_word(rest);
  bool good = parse_number(next_word(head), stat.pid) && state.size() == 1 &&
              parse_number(next_word(rest), stat.ppid);
  for (int field = 5; field < 22; ++field) next_word(rest);
  good = good && parse_number(next_word(rest), stat.start_time);
  if (!good) return Error{EINVAL, Stage::kFile, std::string(text)};
  stat.state = state.front();
  return stat;
}

Result<ProcStat> read_proc_stat(pid_t pid) {
  auto text = read_file_at(AT_FDCWD, fmt::format("/proc/{}/stat", pid));
  if (!text) return text.error();
  return parse_proc_stat(*text);
}

Result<ProcRow> read_proc_row(pid_t pid) {
  const auto stat = read_proc_stat(pid);
  if (!stat) return stat.error();
  return ProcRow{*stat, text_of(pid, "comm"), text_of(pid, "cmdline")};
}

std::vector<pid_t> threads_of(pid_t pid) { return numbers_in(fmt::format("/proc/{}/task", pid)); }

std::vector<pid_t> children_of(pid_t pid) {
  auto text = read_file_at(AT_FDCWD, fmt::format("/proc/{0}/task/{0}/children", pid));
  return text ? parse_pids(*text) : walk_for_children(pid);
}

std::uint64_t pid_namespace() {
  struct stat info = {};
  return ::stat("/proc/self/ns/pid", &info) == 0 ? info.st_ino : 0;
}

}  // namespace contained
