// An operating system failure as a value: what the kernel said, at which stage, and about what.
//
// errno is captured at its syscall by Error::last() and never read again.
#pragma once

#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace contained {

/// The step at which something failed, as reported to the caller. The numbers travel over the
/// exec status pipe of one program only; the names are the interface.
enum class Stage : std::uint8_t {
  kNone,
  kOption,   ///< a value in the request itself
  kCgroup,   ///< finding, making or entering the control group
  kPipe,     ///< making the standard streams
  kFork,     ///< clone3(2) or fork(2)
  kStdio,    ///< putting the streams in place in the child
  kSession,  ///< setsid(2), and taking the terminal
  kRlimit,   ///< setrlimit(2)
  kOomScoreAdj,
  kNice,          ///< setpriority(2)
  kIds,           ///< user, group and supplementary groups
  kCapabilities,  ///< capabilities(7)
  kNoNewPrivs,
  kSeccomp,    ///< a filter of system calls; the subject is the name of one, if it is about one
  kLandlock,   ///< landlock(7); the subject is the path
  kSignal,     ///< signal mask, dispositions, parent death signal
  kChdir,      ///< chdir(2)
  kExec,       ///< execve(2)
  kFile,       ///< reading or writing a file of ours
  kProtocol,   ///< the bytes on the port
  kLimit,      ///< a resource limit or a setting of a control group; the subject is its key
  kNamespace,  ///< namespaces(7); the subject is which
  kMount,      ///< what the command is to see of the files; the subject is the path
  kIdMap,      ///< user and group ids of a user namespace; the subject is the file, "uid_map"
  kNetwork     ///< "lo", or the path of a network namespace
};

/// The name a user sees, for example "exec".
std::string_view name(Stage stage);

/// The stage of that name; none when there is no such name.
std::optional<Stage> stage_named(std::string_view name);

/// POSIX name of |code| in lower case ("enoent"), as Erlang writes it; "errno_<n>" when unknown.
std::string errno_name(int code);

/// The errno of that name; none when there is no such name.
std::optional<int> errno_named(std::string_view name);

struct Error {
  int code = 0;  ///< an errno value
  Stage stage = Stage::kNone;
  std::string subject;  ///< the path, key or value it concerns; may be empty

  /// Captures errno now: call it directly after the failing syscall.
  static Error last(Stage stage, std::string_view subject = {}) {
    return Error{errno, stage, std::string(subject)};
  }

  /// "exec: enoent (/no/such/program)"
  std::string message() const;
};

}  // namespace contained
