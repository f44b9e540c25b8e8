#include "engine/front.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <utility>
#include <vector>

#include "base/file.hpp"

namespace contained::engine {
namespace {

// TERM, HUP and INT are Reaper::signals(). TTIN and TTOU would stop the worker at a terminal.
const std::vector<int> kPassedOn = {SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH, SIGCONT, SIGTSTP};

// A command that is over sooner is not to wait for what others have left.
constexpr std::chrono::milliseconds kSweepAfter{200};

// The foreground group of a terminal is sent to by the kernel, and the command is in it.
bool is_from_terminal(const siginfo_t& info) { return info.si_code == SI_KERNEL; }

bool is_to_end(int number) {
  return number == SIGTERM || number == SIGINT || number == SIGHUP || number == SIGQUIT;
}

void pass_on(int pipe, const siginfo_t& info, const FrontOptions& options) {
  const bool direct = options.new_session || options.other_terminal || !is_from_terminal(info) ||
                      (options.terminal_ends && is_to_end(info.si_signo));
  const auto number = static_cast<std::uint8_t>(info.si_signo);
  if (direct) (void)!::write(pipe, &number, 1);
  if (info.si_signo == SIGTSTP) ::raise(SIGSTOP);
}

}  // namespace

FrontSignals::FrontSignals(asio::io_context& io, UniqueFd pipe) : pipe_(io, pipe.release()) {}

void FrontSignals::listen(std::function<void(int)> on_signal) {
  on_signal_ = std::move(on_signal);
  wait();
}

void FrontSignals::wait() {
  pipe_.async_wait(Descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    std::array<std::uint8_t, 64> numbers = {};
    const auto count = ::read(pipe_.native_handle(), numbers.data(), numbers.size());
    // The end of it is the end of the front, which its pidfd tells.
    if (count == 0) return;
    for (ssize_t i = 0; i < count; ++i) on_signal_(numbers[static_cast<std::size_t>(i)]);
    wait();
  });
}

int run_front(const FrontOptions& options) {
  auto pipe = make_pipe();
  if (!pipe) {
    fmt::print(stderr, "contained: {}\n", pipe.error().message());
    return kExitInternal;
  }
  (void)set_nonblocking(pipe->read.get());
  (void)set_nonblocking(pipe->write.get());
  GuardianOptions guardian;
  guardian.cgroups = options.cgroups;
  guardian.new_session = options.new_session;
  guardian.signals = kPassedOn;
  guardian.sweep_after = kSweepAfter;
  guardian.work = [&](asio::io_context& io, const Place& place) {
    pipe->write.reset();
    FrontSignals signals(io, std::move(pipe->read));
    return options.work(io, place, signals);
  };
  guardian.release = [&] { pipe->read.reset(); };
  guardian.on_signal = [&](const siginfo_t& info) { pass_on(pipe->write.get(), info, options); };
  return run_guardian(guardian);
}

}  // namespace contained::engine
