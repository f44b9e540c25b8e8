// Guardian: the process that is started. It forks the worker and then does nothing but watch it:
// whatever becomes of the worker, the guardian kills what the worker had started.
//
// It watches by SIGCHLD and waitid(2), never by end of file on a pipe: a child that is forked and
// not yet executed holds the worker's pipes and would hide its death.
#pragma once

#include <chrono>
#include <csignal>
#include <functional>
#include <vector>

#include "cgroup/ground.hpp"
#include "engine/household.hpp"

namespace contained::engine {

struct GuardianOptions {
  cgroup::Wanted cgroups;

  /// The worker's life; returns its exit code.
  std::function<int(asio::io_context&, const Place&)> work;

  /// In the guardian, once the worker is forked: closes what only the worker may hold.
  std::function<void()> release = [] {};

  /// Whether the worker leaves the guardian's session and process group.
  bool new_session = true;

  /// When to look for what dead launchers have left.
  std::chrono::milliseconds sweep_after{0};

  /// Signals that are neither to kill nor to interrupt, besides Reaper::signals(). The worker has
  /// them blocked.
  std::vector<int> signals = {};

  /// A signal to the guardian that is not of a child. By default nothing is done: TERM, HUP and INT
  /// are meant for the VM, which decides, and the worker tells it of its own.
  std::function<void(const siginfo_t&)> on_signal = [](const siginfo_t&) {};
};

/// Returns the exit code of the program, in the guardian and in the worker.
int run_guardian(const GuardianOptions& options);

}  // namespace contained::engine
