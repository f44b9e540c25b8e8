#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <utility>
#include <vector>

#include "base/file.hpp"
#include "cli/exit_codes.hpp"
#include "cli/job_commands.hpp"
#include "cli/report.hpp"
#include "cli/units.hpp"
#include "sink/rotation.hpp"

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

// The files of one log in the order in which they were written: x.log.7, x.log.8, ..., x.log.
// Those that were compressed before we came to them are left out.
class Trail {
 public:
  /// At the newest.
  static Result<Trail> begin(const std::string& path);

  void to_last(std::uint64_t lines) const {
    (void)::lseek(file_.get(), start_of_last(file_.get(), lines), SEEK_SET);
  }
  Status print_rest() const;
  bool is_newest() const { return leads_to(path_, file_.get()); }
  /// To the next file, if it is there yet.
  void advance();

 private:
  Trail(std::string path, UniqueFd file, std::uint32_t number)
      : path_(std::move(path)), file_(std::move(file)), number_(number) {}
  static bool leads_to(const std::string& path, int fd);

  std::string path_;
  UniqueFd file_;
  std::uint32_t number_;  ///< that the file has, or gets when it is set aside
};

bool Trail::leads_to(const std::string& path, int fd) {
  struct stat open = {};
  struct stat named = {};
  return ::fstat(fd, &open) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open.st_ino == named.st_ino && open.st_dev == named.st_dev;
}

std::vector<sink::OldFile> set_aside_of(const std::string& path) {
  const auto slash = path.rfind('/') + 1;
  const auto directory = open_at(AT_FDCWD, path.substr(0, slash), O_PATH | O_DIRECTORY);
  if (!directory) return {};
  auto files = sink::old_files(directory->get(), path.substr(slash));
  return files ? std::move(*files) : std::vector<sink::OldFile>();
}

Result<Trail> Trail::begin(const std::string& path) {
  for (;;) {
    auto file = open_at(AT_FDCWD, path, O_RDONLY);
    if (!file) return file.error();
    const auto old = set_aside_of(path);
    // Else it was set aside meanwhile, and the number is the next one's.
    if (leads_to(path, file->get())) {
      return Trail(path, std::move(*file), old.empty() ? 1 : old.back().number + 1);
    }
  }
}

void Trail::advance() {
  auto newest = begin(path_);
  if (!newest) return;
  for (const auto& old : set_aside_of(path_)) {
    if (old.number <= number_ || old.number >= newest->number_ || !old.plain) continue;
    auto file = open_at(AT_FDCWD, sink::old_name(path_, old.number), O_RDONLY);
    if (!file) continue;
    file_ = std::move(*file);
    number_ = old.number;
    return;
  }
  *this = std::move(*newest);
}

// A file that was cut begins anew.
Status Trail::print_rest() const {
  struct stat info = {};
  const auto at = ::lseek(file_.get(), 0, SEEK_CUR);
  if (::fstat(file_.get(), &info) == 0 && info.st_size < at)
    (void)::lseek(file_.get(), 0, SEEK_SET);
  std::array<char, kBlock> bytes;
  for (;;) {
    const auto count = ::read(file_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::last(Stage::kFile, path_);
    if (count == 0) return Done{};
    const auto put = put_out({bytes.data(), static_cast<std::size_t>(count)});
    if (!put) return put;
  }
}

// Whether the job that wrote this log runs; another one of its name does not count.
class Writer {
 public:
  explicit Writer(const JobLogs& asked) : asked_(asked) {}
  bool is_over() {
    const auto entry = look_up(*asked_.space, asked_.name);
    if (!entry) return true;
    const auto& keeper = entry->job.guardian;  // empty while it is being started
    if (keeper_ && *keeper_ != keeper) another_ = true;
    if (!keeper_ && keeper.pid != 0) keeper_ = keeper;
    return another_ || !entry->running();
  }
  bool has_heir() const { return another_; }

 private:
  const JobLogs& asked_;
  std::optional<job::Mark> keeper_;
  bool another_ = false;
};

Status follow(const JobLogs& asked, Trail trail) {
  Writer writer(asked);
  for (;;) {
    // Asked before the file is read: what a job has written before its end is then there.
    const bool over = writer.is_over();
    const auto printed = trail.print_rest();
    if (!printed) return printed;
    if (trail.is_newest()) {
      if (over) return Done{};
      ::poll(nullptr, 0, kFollowPauseMs);
      continue;
    }
    // Nothing more is written to a file that was set aside, by the job or at the start of the next.
    const auto rest = trail.print_rest();
    (void)writer.is_over();
    if (!rest || writer.has_heir()) return rest;
    trail.advance();
  }
}

int show_logs(const JobLogs& asked) {
  const auto space = open_space(*asked.space);
  if (!space) return kNo;
  const auto entry = job::look(*space, asked.name);
  const bool silent = entry && !entry->job.name.empty() && entry->job.log.empty();
  if (silent) return complain("logs", fmt::format("job {} has no log", asked.name)), kNo;
  const auto path = entry && !entry->job.log.empty() ? entry->job.log : space->log_of(asked.name);
  auto trail = Trail::begin(path);
  if (!trail) return complain("logs", describe(trail.error())), kNo;
  if (asked.lines) trail->to_last(*asked.lines);
  ::signal(SIGPIPE, SIG_IGN);
  const auto done = asked.follow ? follow(asked, std::move(*trail)) : trail->print_rest();
  // Who reads no more has read enough.
  if (done || done.error().code == EPIPE) return kOk;
  return complain("logs", describe(done.error())), kNo;
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
