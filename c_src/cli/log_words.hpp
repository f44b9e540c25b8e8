// What `contained log` was told, as the words of a sink.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/words.hpp"

namespace contained::cli {

struct LogOptions {
  std::string file;       ///< empty: stdout, unless there is a directory or a name
  std::string directory;  ///< whose file `current` it is
  std::string syslog;     ///< the name that lines are sent under

  bool timestamp = false;
  std::string style = "rfc3339";  ///< or "dmon"
  std::string prefix;
  bool skip_empty = false;
  int input = 0;

  std::uint64_t size = 0;   ///< bytes of a file, 0: whatever the size
  std::uint64_t every = 0;  ///< seconds, 0: whatever the age
  std::optional<std::uint32_t> keep;
  bool at_start = false;
  bool gzip = false;
  std::uint32_t mode = 0640;
  std::string sync = "none";
  bool block = false;

  unsigned facility = 3;  ///< daemon, see syslog(3)
  unsigned priority = 6;  ///< info
  bool console = false;
  std::string socket = "/dev/log";
};

/// See sink/options.hpp. Paths become absolute.
Words sink_words(const LogOptions& options);

/// "local0", "kern"; and "warning", "err". Nothing when there is none of that name.
std::optional<unsigned> facility_named(std::string_view name);
std::optional<unsigned> priority_named(std::string_view name);

}  // namespace contained::cli
