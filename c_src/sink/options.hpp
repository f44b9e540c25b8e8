// The command line of a sink: what it writes to, and how. The user's side of it is
// guides/logging.md.
//
//     report=FD                            where it tells, see report.hpp
//     input=FD                             what it reads, instead of stdin
//     obey                                 SIGTERM and SIGINT end it, once what has come by then is
//                                          written
//     file=PATH [mode=OCTAL] [size=BYTES] [keep=N] [every=SECONDS] [at_start] [gzip]
//               [timestamp[=seconds]] [prefix=TEXT] [skip_empty] [sync=none|line|interval] [block]
//     syslog=IDENT [priority=N] [socket=PATH] [console] [block]
//     fd=N [timestamp[=seconds]] [prefix=TEXT] [skip_empty]
//     tail=N                               the last bytes, when the input has ended
//
// A word with the name of a sink begins it, those that follow belong to it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace contained::sink {

/// What becomes of bytes that cannot be written: they are counted and gone, or waited with, so that
/// in the end the writer of the log waits.
enum class Policy : std::uint8_t { kDrop, kBlock };

enum class Sync : std::uint8_t { kNone, kLine, kInterval };

struct FormatOptions {
  bool timestamp = false;   ///< UTC, RFC 3339, before each line
  bool in_seconds = false;  ///< or as dlog(8) writes it: "2026-11-21/06:57:41"
  std::string prefix = {};
  bool skip_empty = false;
};

/// When a file is set aside. All that are given count.
struct RotationOptions {
  std::uint64_t size = 0;             ///< bytes; 0: whatever the size
  std::uint64_t every = 0;            ///< seconds, counted from 1970; 0: whatever the age
  std::optional<std::uint32_t> keep;  ///< how many of the old files; none: all
  bool at_start = false;
  bool gzip = false;
};

struct FileOptions {
  std::string path;
  mode_t mode = 0640;
  FormatOptions format;
  RotationOptions rotation;
  Sync sync = Sync::kNone;
  Policy policy = Policy::kDrop;
};

struct SyslogOptions {
  std::string ident;
  unsigned priority = 30;  ///< facility * 8 + level; daemon.info
  std::string socket = "/dev/log";
  bool console = false;  ///< lines that cannot be sent go there, as by LOG_CONS of syslog(3)
  Policy policy = Policy::kDrop;
};

struct FdOptions {
  int fd = -1;
  bool tail = false;
  FormatOptions format = {};
};

struct Options {
  int report = -1;
  int input = 0;
  bool obey = false;
  std::vector<std::variant<FileOptions, SyslogOptions, FdOptions>> sinks;
};

/// EINVAL, the offending word as subject.
Result<Options> parse_options(std::span<char* const> words);

}  // namespace contained::sink
