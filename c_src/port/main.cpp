// contained_port: the program behind an Erlang port that owns every OS process started for the VM.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <utility>

#include "base/proc.hpp"
#include "engine/engine.hpp"
#include "engine/guardian.hpp"
#include "port/arguments.hpp"
#include "port/lock.hpp"
#include "port/probe.hpp"
#include "process/child.hpp"
#include "process/identity.hpp"
#include "sink/sink.hpp"

namespace {

using contained::port::Arguments;

constexpr int kExitUsage = 64;

// The descriptors that `nouse_stdio` gives to a port program, from now on not inherited.
constexpr int kFromVm = 3;
constexpr int kToVm = 4;

int kill_victims(const std::vector<contained::port::Victim>& victims) {
  int failures = 0;
  for (const auto& victim : victims) {
    const auto same = [&victim](pid_t pid) {
      const auto stat = contained::read_proc_stat(pid);
      return stat && stat->start_time == victim.start_time;
    };
    const auto stat = contained::read_proc_stat(victim.pid);
    const auto killed = contained::process::signal_foreign(victim.pid, SIGKILL, same);
    // The guardian of a killed worker has to tidy up, and may be stopped as well.
    if (killed && stat && stat->ppid > 1) ::kill(stat->ppid, SIGCONT);
    if (!killed && killed.error().code != ESRCH) ++failures;
  }
  return failures == 0 ? 0 : 1;
}

// On stdout, for the caller to read.
int print_identity(const contained::process::IdentityRequest& request) {
  std::string culprit;
  const auto identity = contained::process::look_up(request, culprit);
  if (identity) {
    fmt::print("{}", contained::process::text_of(*identity));
    return 0;
  }
  const auto& error = identity.error();
  fmt::print("error {} {} {}\n", error.subject, contained::errno_name(error.code), culprit);
  return 1;
}

int serve(const Arguments& arguments) {
  if (::fcntl(kFromVm, F_SETFD, FD_CLOEXEC) < 0 || ::fcntl(kToVm, F_SETFD, FD_CLOEXEC) < 0) {
    fmt::print(stderr, "contained_port: fds 3 and 4 are not open; the Erlang VM starts this\n{}",
               contained::port::kUsage);
    return kExitUsage;
  }
  contained::UniqueFd from_vm(kFromVm);
  contained::UniqueFd to_vm(kToVm);
  contained::engine::GuardianOptions options;
  options.cgroups = {arguments.cgroup_base, arguments.containment, arguments.take_over};
  options.work = [&](boost::asio::io_context& io, const contained::engine::Place& place) {
    return contained::engine::Engine(io, {std::move(from_vm), std::move(to_vm), place}).run();
  };
  // The guardian's would keep the VM from seeing the end of file.
  options.release = [&] { from_vm.reset(), to_vm.reset(); };
  return contained::engine::run_guardian(options);
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = contained::port::parse_arguments({argv + 1, argv + argc});
  if (!arguments) {
    fmt::print(stderr, "contained_port: unknown argument {}\n{}", arguments.error().subject,
               contained::port::kUsage);
    return kExitUsage;
  }
  switch (arguments.value().mode) {
    case Arguments::Mode::kKill:
      return kill_victims(arguments.value().victims);
    case Arguments::Mode::kIdentity:
      return print_identity(arguments.value().identity);
    case Arguments::Mode::kVersion:
      fmt::print("contained_port {}\n", CONTAINED_VERSION);
      return 0;
    case Arguments::Mode::kSink:
      return contained::sink::run(arguments.value().sink);
    case Arguments::Mode::kLock:
      return contained::port::hold_lock(arguments.value().lock);
    case Arguments::Mode::kProbe:
      fmt::print("{}", contained::port::probe_report());
      return 0;
    case Arguments::Mode::kServe:
      break;
  }
  return serve(arguments.value());
}
