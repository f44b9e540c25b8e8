#include "process/spawn.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <string_view>

#include "base/linux.hpp"
#include "process/fork.hpp"
#include "process/prepare.hpp"
#include "process/status_word.hpp"

namespace contained::process {
namespace {

SignalBits signals_ignored() {
  SignalBits ignored = 0;
  for (int number = 1; number <= kLastSignal; ++number) {
    struct sigaction action = {};
    const bool known = ::sigaction(number, nullptr, &action) == 0;
    if (known && action.sa_handler == SIG_IGN) ignored |= SignalBits{1} << (number - 1);
  }
  return ignored;
}

// Both calls are harmless as they stand: no descriptor has that number, no clone_args that size.
bool close_range_is_refused() { return ::syscall(SYS_close_range, UINT_MAX, UINT_MAX, 0) < 0; }
bool clone3_is_refused() { return ::syscall(SYS_clone3, nullptr, 0) < 0 && is_refused(errno); }

}  // namespace

void probe(Refused& refused) {
  if (!refused.ignored_signals) refused.ignored_signals = signals_ignored();
  refused.close_range = refused.close_range || close_range_is_refused();
  refused.clone3 = refused.clone3 || clone3_is_refused();
  pidfd_of(::getpid(), refused);
}

Result<Spawned> spawn(const SpawnSpec& spec, Refused& refused) {
  if (const auto good = check(spec); !good) return good.error();
  if (!refused.ignored_signals) probe(refused);
  std::array<int, 2> ends;
  // Non-blocking on both ends: the one word always fits.
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) < 0) return Error::last(Stage::kPipe);
  UniqueFd status(ends[0]);
  const UniqueFd status_write(ends[1]);
  auto pointers = pointers_for(spec);
  if (!pointers) return pointers.error();
  const auto plan = plan_for(spec, *pointers, status_write.get(), refused);
  auto forked = fork_child(plan, spec.cgroup_fd, refused);
  if (!forked) return forked.error();
  return Spawned{Child(forked->pid, std::move(forked->pidfd)), std::move(status)};
}

ExecStatus read_exec_status(int status_fd) {
  std::array<char, PIPE_BUF> bytes;
  ssize_t n = 0;
  do {
    n = ::read(status_fd, bytes.data(), bytes.size());
  } while (n < 0 && errno == EINTR);
  if (n < 0 && errno == EAGAIN) return {ExecState::kPending, {}};
  if (n < 0) return {ExecState::kFailed, Error::last(Stage::kPipe)};
  if (n == 0) return {ExecState::kDone, {}};
  StatusWord word = {};
  const auto size = static_cast<std::size_t>(n);
  if (size < word.size()) return {ExecState::kFailed, Error{EPROTO, Stage::kPipe, {}}};
  std::copy_n(bytes.begin(), word.size(), word.begin());
  const std::string_view text(bytes.data() + word.size(), size - word.size());
  return {ExecState::kFailed, decode_status(word, text)};
}

}  // namespace contained::process
