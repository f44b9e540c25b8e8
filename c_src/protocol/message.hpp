// What travels on the port, as plain values. The bytes are in codec.hpp, their meaning in
// README.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/identity.hpp"
#include "protocol/isolation.hpp"
#include "protocol/seal.hpp"
#include "protocol/terminal.hpp"

namespace contained::protocol {

using Id = std::uint32_t;

inline constexpr int kVersion = 1;
inline constexpr Id kMaxId = 0x7fffffff;
inline constexpr std::uint64_t kInputWindow = 256U * 1024;
inline constexpr std::uint64_t kDefaultWindow = 1U << 20;
inline constexpr std::uint64_t kMaxWindow = 1U << 30;
inline constexpr int kFirstFd = 3;
inline constexpr int kLastFd = 63;
inline constexpr std::size_t kMaxLinkName = 255;

/// An output stream; the number is the descriptor in the command, also one of `fds`.
enum class Stream : std::uint8_t { kStdout = 1, kStderr = 2 };
enum class Target : std::uint8_t { kAll, kLeader };
/// kEmpty: until nothing is left by itself; not on the wire.
enum class Linger : std::uint8_t { kWait, kKill, kLeave, kEmpty };
enum class Stdin : std::uint8_t { kOpen, kNull, kInherit, kPipe, kLink };
enum class Output : std::uint8_t { kPipe, kNull, kInherit, kStdout, kLink };  ///< kStdout: stderr

struct Rung {
  int signal = 0;
  std::uint64_t grace_ms = 0;
  bool operator==(const Rung&) const = default;
};
using Ladder = std::vector<Rung>;

/// One change to the environment; no value removes the variable.
using EnvChange = std::pair<std::string, std::optional<std::string>>;

/// A descriptor beyond 0, 1 and 2.
struct Fd {
  enum class Kind : std::uint8_t { kOutput, kInput, kNull, kStdout, kStderr, kLinkIn, kLinkOut };
  int number = kFirstFd;
  Kind kind = Kind::kNull;
  std::string link = {};  ///< the name, with kLinkIn (which the command reads) and kLinkOut
  bool operator==(const Fd&) const = default;
};

/// "memory" and "64M": see the table in README.md.
struct Limit {
  std::string key;
  std::string value;
  bool operator==(const Limit&) const = default;
};

/// A file of a controller, written as it is.
struct Setting {
  std::string controller;
  std::string file;
  std::string value;
  bool operator==(const Setting&) const = default;
};

/// The control group of a command.
struct Placement {
  std::string group = "default";    ///< its parent: one to four names joined by '/'
  std::optional<std::string> name;  ///< none: a number
  std::vector<Limit> limits;
  std::vector<Limit> group_limits;  ///< for the parent
  std::vector<Setting> settings;
  bool ignore_unsupported = false;
  bool keep = false;      ///< until the launcher ends
  bool delegate = false;  ///< to the command's uid
};

// ---- Requests: VM to worker

struct Hello {
  std::int64_t version = 0;
};

struct Start {
  Id id = 0;
  std::string program;
  std::optional<std::string> path;  ///< where a |program| without a slash is looked for
  std::vector<std::string> args;
  std::vector<EnvChange> env;
  bool clear_env = false;
  std::optional<std::string> cd;
  Stdin in = Stdin::kOpen;
  Output out = Output::kPipe;
  Output err = Output::kInherit;
  std::string in_link;  ///< names of links, with kLink
  std::string out_link;
  std::string err_link;
  std::optional<Terminal> terminal;  ///< in place of the pipes of stdin and stdout
  std::uint64_t window = kDefaultWindow;
  std::optional<std::uint64_t> timeout_ms;
  std::optional<std::uint64_t> max_output;
  Ladder stop = {{15, 500}};
  Target signal_to = Target::kAll;
  Linger linger = Linger::kWait;
  std::vector<Fd> fds;
  Identity identity;
  Placement placement;
  Isolation isolation;
  Seal seal;
  bool keep_session = false;  ///< of ours, with our terminal; not on the wire
  bool keep_arg0 = false;     ///< args[0] stays, also of one found in |path|; not on the wire
  bool hold_started = false;  ///< `started` may wait a moment to share another event's write
  bool orphans = false;       ///< tell of the ends of descendants that have lost their parent
};

/// |data| points into the frame it was decoded from.
struct Input {
  Id id = 0;
  std::string_view data;
  int fd = 0;
};

struct CloseInput {
  Id id = 0;
  int fd = 0;
};

struct Credit {
  Id id = 0;
  Stream stream = Stream::kStdout;
  std::uint64_t bytes = 0;
};

struct Signal {
  Id id = 0;
  int number = 0;
  Target to = Target::kAll;
};

struct Stop {
  Id id = 0;
  std::optional<Ladder> ladder;  ///< none: the session's own
};

/// What Contained.Cgroup asks of a running command's group, see README.md, "Control".
struct Control {
  enum class Op : std::uint8_t {
    kPath,
    kStats,
    kProcesses,
    kLimits,
    kFreeze,
    kThaw,
    kKill,
    kThreads,
    kPlaces,
    kSetLimits,
    kMigrate,
    kGet,
    kSet,
    kResize,  ///< of the command's terminal
    kSweep
  };
  Id id = 0;  ///< 0: the launcher itself
  std::uint32_t ref = 0;
  Op op = Op::kPath;
  std::vector<Limit> limits;
  std::int32_t pid = 0;
  std::string file;
  std::string value;
  TerminalSize size = {};
};

/// The same of a parent group, with the commands in it, see README.md, "Groups".
struct GroupControl {
  enum class Op : std::uint8_t {
    kControl,  ///< |control|, whose id is 0
    kMake,
    kRemove,
    kWatch,
    kUnwatch
  };
  std::string group;
  Op op = Op::kControl;
  Control control;
};

/// Makes a pipe that commands may be given by this name.
struct OpenLink {
  std::string name;
};

struct CloseLink {
  std::string name;
};

struct Ping {
  std::uint64_t number = 0;
};

struct Shutdown {};

/// A well-formed term that is not a request we can carry out. |request| and |id| as far as they
/// could be read ("" and 0 otherwise).
struct Unusable {
  Id id = 0;
  std::string request;
  std::string_view reason;  ///< a static name from README.md: "bad_request", "bad_spec", ...
};

using Request = std::variant<Hello, Start, Input, CloseInput, Credit, Signal, Stop, Control,
                             GroupControl, OpenLink, CloseLink, Ping, Shutdown, Unusable>;

// ---- Events: worker to VM

struct ProcessId {
  std::int64_t pid = 0;
  std::uint64_t start_time = 0;
};

struct HelloBack {
  std::string version;
  ProcessId guardian;
  ProcessId worker;
  std::string containment;
  std::string cgroup;
  std::vector<std::string> refused;
  std::vector<std::string> limits;  ///< keys of limits that can be applied
  bool seccomp = false;             ///< filters can be applied
  int landlock = 0;                 ///< the kernel's version of Landlock; 0: none
};

struct Started {
  Id id = 0;
  std::int64_t os_pid = 0;
};

struct Failed {
  Id id = 0;
  std::string_view stage;
  std::string error;  ///< POSIX name, "enoent"
  std::string subject;
};

struct Closed {
  Id id = 0;
  Stream stream = Stream::kStdout;
};

struct InputCredit {
  Id id = 0;
  std::uint64_t bytes = 0;
  int fd = 0;
};

struct InputClosed {
  Id id = 0;
  std::string error;
  int fd = 0;
};

struct Signaled {
  Id id = 0;
  std::string error;  ///< empty: ok
};

/// Its stop ladder is over and it lives; SIGKILL follows.
struct Stuck {
  Id id = 0;
};

/// A descendant that had lost its parent has exited.
struct OrphanExit {
  Id id = 0;
  std::int64_t os_pid = 0;  ///< as the init of its pid namespace sees it, where there is one
  bool exited = true;
  int code = 0;
  bool core_dumped = false;
};

struct Ended {
  Id id = 0;
  bool exited = true;        ///< else signaled
  int code = 0;              ///< exit code or signal number
  bool core_dumped = false;  ///< only when signaled
  std::string_view reason;   ///< "exit", "signal", "oom", "timeout", "stopped", "output_limit"
  std::uint64_t left_behind = 0;
  std::uint64_t unkilled = 0;
  std::uint64_t wall_us = 0;
  std::uint64_t user_us = 0;
  std::uint64_t system_us = 0;
  std::uint64_t max_rss_kb = 0;
  std::uint64_t stdout_bytes = 0;
  std::uint64_t stderr_bytes = 0;
  std::optional<std::uint64_t> memory_peak = {};  ///< bytes; these only where they are counted
  std::optional<std::uint64_t> oom_kills = {};
  std::optional<std::uint64_t> io_read = {};
  std::optional<std::uint64_t> io_written = {};
  std::optional<std::uint64_t> pids_peak = {};
  std::vector<std::string> not_applied = {};  ///< keys of limits, by `on_unsupported => ignore`
  std::vector<std::string> limits_hit = {};   ///< see cgroup::limits_hit()
};

/// One process of a group, see proc_pid_stat(5).
struct ProcessRow {
  std::int64_t pid = 0;
  std::int64_t ppid = 0;
  std::uint64_t start_time = 0;
  char state = '?';
  std::string name;
  std::string command;  ///< /proc/<pid>/cmdline
};

struct ControlError {
  std::string_view stage;
  std::string error;
  std::string subject;
};

/// A directory of a command's group.
struct PlaceRow {
  std::vector<std::string> controllers;
  std::string path;
  std::uint64_t inode = 0;
  /// User and system time in microseconds that it had counted before the command.
  std::optional<std::pair<std::uint64_t, std::uint64_t>> before;
};

using Counters = std::vector<std::pair<std::string, std::uint64_t>>;

/// Answers Control. monostate: done.
struct Answer {
  Id id = 0;
  std::uint32_t ref = 0;
  std::variant<std::monostate, ControlError, std::string, std::uint64_t, Counters,
               std::vector<Limit>, std::vector<ProcessRow>, std::vector<PlaceRow>,
               std::vector<std::int64_t>>
      what;
};

/// Something has happened in a group that is watched.
struct GroupEvent {
  std::string group;
  std::string_view kind;    ///< "populated", "empty", "oom", "limit_hit"
  std::string_view limit;   ///< of limit_hit, "memory" or "pids"
  std::uint64_t count = 0;  ///< of oom and limit_hit: how often by now
};

struct Refused {
  Id id = 0;
  std::string request;
  std::string_view reason;
};

struct Pong {
  std::uint64_t number = 0;
};

struct VmSignal {
  int number = 0;
};

using Event = std::variant<HelloBack, Started, Failed, Closed, InputCredit, InputClosed, Signaled,
                           Stuck, OrphanExit, Ended, Answer, GroupEvent, Refused, Pong, VmSignal>;

}  // namespace contained::protocol
