// The command line of contained_port.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "process/identity.hpp"

namespace contained::port {

struct Victim {
  pid_t pid = 0;
  std::uint64_t start_time = 0;  ///< as in proc_pid_stat(5), field 22
  bool operator==(const Victim&) const = default;
};

struct Arguments {
  enum class Mode : std::uint8_t { kServe, kKill, kVersion, kIdentity, kSink, kLock, kProbe };
  Mode mode = Mode::kServe;

  // kServe
  std::string cgroup_base;
  std::string containment = "auto";  ///< see cgroup::Wanted
  bool take_over = false;            ///< move the base's own processes into a leaf

  std::vector<Victim> victims;        ///< kKill
  process::IdentityRequest identity;  ///< kIdentity
  std::span<char* const> sink;        ///< kSink: words of sink/options.hpp
  std::string lock;                   ///< kLock: a file, see lock.hpp
};

inline constexpr char kUsage[] =
    "usage: contained_port [--cgroup-base DIR] [--take-over]\n"
    "                      [--containment auto|required|cgroup2|hybrid|cgroup1|best_effort]\n"
    "                                            started by the Erlang VM, protocol on fds 3 and "
    "4\n"
    "       contained_port --kill PID:START...    SIGKILL to these, if the start times still "
    "match\n"
    "       contained_port --identity [user=NAME|UID] [group=NAME|GID] [groups=A,B...]\n"
    "                                            the ids to run a command with\n"
    "       contained_port --sink [report=FD] file=PATH|syslog=IDENT|fd=N [WORD...]...\n"
    "                                            writes stdin to logs, see c_src/sink/options.hpp\n"
    "       contained_port --lock FILE            holds it locked, see c_src/port/lock.hpp\n"
    "       contained_port --probe                what this machine allows, see "
    "c_src/port/probe.hpp\n"
    "       contained_port --version\n";

/// |arguments| without the program's name. EINVAL, the offending word as subject.
Result<Arguments> parse_arguments(std::span<char* const> arguments);

}  // namespace contained::port
