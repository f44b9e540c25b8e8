// What travels on the port, as plain values. The bytes are in codec.hpp, their meaning in
// README.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace contained::protocol {

using Id = std::uint32_t;

inline constexpr int kVersion = 1;
inline constexpr Id kMaxId = 0x7fffffff;
inline constexpr std::uint64_t kInputWindow = 256U * 1024;
inline constexpr std::uint64_t kDefaultWindow = 1U << 20;
inline constexpr std::uint64_t kMaxWindow = 1U << 30;

/// The number is the descriptor in the command.
enum class Stream : std::uint8_t { kStdout = 1, kStderr = 2 };
enum class Target : std::uint8_t { kAll, kLeader };
enum class Linger : std::uint8_t { kWait, kKill, kLeave };
enum class Stdin : std::uint8_t { kOpen, kNull, kInherit, kPipe };
enum class Output : std::uint8_t { kPipe, kNull, kInherit, kStdout };  ///< kStdout: stderr only

struct Rung {
  int signal = 0;
  std::uint64_t grace_ms = 0;
  bool operator==(const Rung&) const = default;
};
using Ladder = std::vector<Rung>;

/// One change to the environment; no value removes the variable.
using EnvChange = std::pair<std::string, std::optional<std::string>>;

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
  std::uint64_t window = kDefaultWindow;
  std::optional<std::uint64_t> timeout_ms;
  std::optional<std::uint64_t> max_output;
  Ladder stop = {{15, 500}};
  Target signal_to = Target::kAll;
  Linger linger = Linger::kWait;
  std::string group = "default";
  bool hold_started = false;  ///< `started` may wait a moment to share another event's write
};

/// |data| points into the frame it was decoded from.
struct Input {
  Id id = 0;
  std::string_view data;
};

struct CloseInput {
  Id id = 0;
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

using Request =
    std::variant<Hello, Start, Input, CloseInput, Credit, Signal, Stop, Ping, Shutdown, Unusable>;

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
};

struct InputClosed {
  Id id = 0;
  std::string error;
};

struct Signaled {
  Id id = 0;
  std::string error;  ///< empty: ok
};

struct Ended {
  Id id = 0;
  bool exited = true;        ///< else signaled
  int code = 0;              ///< exit code or signal number
  bool core_dumped = false;  ///< only when signaled
  std::string_view reason;   ///< "exit", "signal", "timeout", "stopped", "output_limit"
  std::uint64_t left_behind = 0;
  std::uint64_t unkilled = 0;
  std::uint64_t wall_us = 0;
  std::uint64_t user_us = 0;
  std::uint64_t system_us = 0;
  std::uint64_t max_rss_kb = 0;
  std::uint64_t stdout_bytes = 0;
  std::uint64_t stderr_bytes = 0;
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
                           Ended, Refused, Pong, VmSignal>;

}  // namespace contained::protocol
