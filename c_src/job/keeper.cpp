#include "job/keeper.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <optional>

#include "base/file.hpp"
#include "engine/front.hpp"
#include "engine/not_started.hpp"
#include "job/lines.hpp"
#include "job/worker.hpp"
#include "process/close_fds.hpp"

namespace contained::job {
namespace {

// Where the plot cannot be used the keeper stays where it is, with the groups that can be had
// there.
void settle_groups(Plan& plan) {
  const bool groups = plan.cgroups.base.empty() && plan.cgroups.containment != "best_effort";
  if (groups && is_usable(plan.plot) && enter(plan.plot)) plan.cgroups.base = plan.plot.path;
}

// The worker was killed: of the job nothing is left, and nobody has said so.
Outcome settle_result(int directory, const Job& job) {
  if (const auto record = read_record(directory, kResultFile)) {
    if (auto outcome = outcome_of(*record)) return *outcome;
  }
  auto outcome = killed_outcome(job);
  (void)write_record(directory, kResultFile, record_of(outcome));
  return outcome;
}

// In the guardian, when the worker and all groups are gone.
void conclude(const Plan& plan, NameLock lock) {
  const auto record = read_record(lock.directory(), kJobFile);
  const auto job = record ? job_of(*record) : Result<Job>(record.error());
  if (!job) return (void)std::move(lock).remove(plan.job.name);
  const auto outcome = settle_result(lock.directory(), *job);
  (void)::unlinkat(lock.directory(), kControlFile, 0);
  { const auto free = std::move(lock); }
  // Nobody's launcher from here on: what the hook starts may outlive it, also another job.
  ::prctl(PR_SET_NAME, "on-exit");
  run_hook(plan.space, *job, outcome, plan.foreground);
}

int keep(Plan plan, NameLock lock, UniqueFd told) {
  settle_groups(plan);
  const pid_t guardian = ::getpid();
  engine::FrontOptions options;
  options.cgroups = plan.cgroups;
  options.new_session = !plan.foreground;
  options.work = [&](engine::asio::io_context& io, const engine::Place& place,
                     engine::FrontSignals& signals) {
    return Worker(io, place, plan, lock.directory(), std::move(told)).run(signals);
  };
  const int code = engine::run_front(options);
  if (::getpid() == guardian) conclude(plan, std::move(lock));
  return code;
}

void leave_streams() {
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int fd : {0, 1, 2}) ::dup2(null.get(), fd);
}

// In the grandchild. Descriptors of the caller would keep his pipes open.
[[noreturn]] void become_keeper(Plan plan, NameLock lock, UniqueFd told) {
  leave_streams();
  (void)!::chdir("/");
  lock.close_all_but(told);
  ::_exit(keep(std::move(plan), std::move(lock), std::move(told)));
}

// The middle one ends at once, and its child is adopted by init.
pid_t fork_away(Plan& plan, NameLock& lock, UniqueFd& told) {
  const pid_t middle = ::fork();
  if (middle != 0) return middle;
  ::setsid();
  const pid_t keeper = ::fork();
  if (keeper == 0) become_keeper(std::move(plan), std::move(lock), std::move(told));
  ::_exit(keeper < 0 ? 1 : 0);
}

// One line, or nothing at the keeper's end. Its guardian holds the pipe as well: there is no end of
// file while it lives.
std::string read_line(int fd) {
  std::string line;
  char c = 0;
  for (;;) {
    const auto count = ::read(fd, &c, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0 || c == '\n') return line;
    line += c;
  }
}

Result<Started> read_told(int fd) {
  const auto line = read_line(fd);
  const auto words = split_words(line);
  if (words.size() == 2 && words[0] == "started") return Started{std::atoi(words[1].c_str())};
  return line.empty() ? Error{EPIPE, Stage::kFork, "keeper"} : error_in(line);
}

// What the last one of that name has left.
void clear(int directory) {
  for (const char* file : {kJobFile, kResultFile, kControlFile}) ::unlinkat(directory, file, 0);
}

}  // namespace

Result<Started> start(Plan plan, NameLock lock) {
  auto pipe = make_pipe();
  if (!pipe) return pipe.error();
  clear(lock.directory());
  const pid_t middle = fork_away(plan, lock, pipe->write);
  if (middle < 0) return Error::last(Stage::kFork, plan.job.name);
  pipe->write.reset();
  { const auto theirs = std::move(lock); }
  while (::waitpid(middle, nullptr, 0) < 0 && errno == EINTR) {
  }
  auto started = read_told(pipe->read.get());
  // A keeper without a job ends; when it has, the pipe has, and nothing is left of either.
  if (!started) (void)read_line(pipe->read.get());
  return started;
}

int run(Plan plan, NameLock lock, const std::function<void(const Error&)>& on_error) {
  auto pipe = make_pipe();
  if (!pipe) {
    on_error(pipe.error());
    return engine::kExitFailed;
  }
  clear(lock.directory());
  const pid_t guardian = ::getpid();
  const int code = keep(std::move(plan), std::move(lock), std::move(pipe->write));
  if (::getpid() != guardian) return code;
  const auto started = read_told(pipe->read.get());
  if (!started) on_error(started.error());
  return code;
}

}  // namespace contained::job
