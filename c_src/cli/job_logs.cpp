#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "base/file.hpp"
#include "cli/exit_codes.hpp"
#include "cli/job_commands.hpp"
#include "cli/report.hpp"
#include "cli/units.hpp"

namespace contained::cli {
namespace {

constexpr int kFollowPauseMs = 100;
constexpr std::size_t kBlock = 64U * 1024;

struct JobLogs {
  SpaceName space;
  std::string name;
  bool follow = false;
  std::optional<std::uint64_t> lines;
};

// False when nobody reads any more.
bool print_all(int fd) {
  std::array<char, kBlock> bytes;
  for (;;) {
    const auto count = ::read(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return true;
    for (ssize_t at = 0; at < count;) {
      const auto written =
          ::write(STDOUT_FILENO, bytes.data() + at, static_cast<std::size_t>(count - at));
      if (written < 0 && errno != EINTR) return false;
      if (written > 0) at += written;
    }
  }
}

// Where the last |lines| lines begin; a last line without its end is one.
off_t start_of_last(int fd, std::uint64_t lines) {
  struct stat info = {};
  if (::fstat(fd, &info) < 0 || lines == 0) return info.st_size;
  std::array<char, kBlock> bytes;
  auto at = info.st_size;
  std::uint64_t seen = 0;
  while (at > 0) {
    const auto size = std::min<off_t>(at, kBlock);
    if (::pread(fd, bytes.data(), static_cast<std::size_t>(size), at - size) != size) return 0;
    for (auto i = size; i > 0; --i) {
      const bool ends_line = bytes[static_cast<std::size_t>(i - 1)] == '\n';
      const bool last = at - size + i == info.st_size;
      if (ends_line && !last && ++seen == lines) return at - size + i;
    }
    at -= size;
  }
  return 0;
}

bool was_replaced(int fd, const std::string& path) {
  struct stat open = {};
  struct stat named = {};
  return ::fstat(fd, &open) == 0 && ::stat(path.c_str(), &named) == 0 &&
         (open.st_ino != named.st_ino || open.st_dev != named.st_dev);
}

// A file that was cut begins anew.
void follow_cut(int fd) {
  struct stat info = {};
  const auto at = ::lseek(fd, 0, SEEK_CUR);
  if (::fstat(fd, &info) == 0 && info.st_size < at) (void)::lseek(fd, 0, SEEK_SET);
}

int follow(const JobLogs& asked, const std::string& path, UniqueFd file) {
  for (;;) {
    // Asked before the file is read: what a job has written before its end is then there.
    const auto entry = look_up(*asked.space, asked.name);
    const bool over = !entry || !entry->running();
    follow_cut(file.get());
    if (!print_all(file.get())) return kOk;
    if (was_replaced(file.get(), path)) {
      auto next = open_at(AT_FDCWD, path, O_RDONLY);
      if (next) file = std::move(*next);
      continue;
    }
    if (over) return kOk;
    ::poll(nullptr, 0, kFollowPauseMs);
  }
}

int show_logs(const JobLogs& asked) {
  const auto space = open_space(*asked.space);
  if (!space) return kNo;
  const auto entry = job::look(*space, asked.name);
  const auto path = entry && !entry->job.log.empty() ? entry->job.log : space->log_of(asked.name);
  auto file = open_at(AT_FDCWD, path, O_RDONLY);
  if (!file) return complain("logs", describe(file.error())), kNo;
  if (asked.lines) (void)::lseek(file->get(), start_of_last(file->get(), *asked.lines), SEEK_SET);
  ::signal(SIGPIPE, SIG_IGN);
  if (asked.follow) return follow(asked, path, std::move(*file));
  (void)print_all(file->get());
  return kOk;
}

}  // namespace

void add_job_logs(CLI::App& job, const SpaceName& space, int& exit_code) {
  auto* const command = job.add_subcommand("logs", "Print what a job has written");
  const auto asked = std::make_shared<JobLogs>(JobLogs{space, {}, false, {}});
  add_job_name(*command, asked->name);
  command->add_flag("-f,--follow", asked->follow, "Go on until the job has ended");
  command
      ->add_option_function<std::string>(
          "-n,--lines",
          [asked](const std::string& text) {
            asked->lines = parse_number<std::uint64_t>(text);
            if (!asked->lines) throw CLI::ValidationError("--lines", text + ": a number of lines");
          },
          "Only the last so many lines")
      ->type_name("N");
  command->footer("Prints the newest log; older ones are beside it.\n");
  command->callback([asked, &exit_code] { exit_code = show_logs(*asked); });
}

}  // namespace contained::cli
