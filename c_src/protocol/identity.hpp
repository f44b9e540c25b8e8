// As whom a command runs, and with what.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace contained::protocol {

/// Of setrlimit(2); no value is RLIM_INFINITY.
struct Rlimit {
  std::string name;  ///< "nofile"
  std::optional<std::uint64_t> soft;
  std::optional<std::uint64_t> hard;
  bool operator==(const Rlimit&) const = default;
};

/// Names as in capabilities(7), in lower case.
struct Capabilities {
  bool drop_all = false;
  std::vector<std::string> drop;
  std::optional<std::vector<std::string>> keep;
  std::vector<std::string> ambient;
  bool operator==(const Capabilities&) const = default;
};

/// As whom and with which attributes a command runs; what is not given stays as it is.
struct Identity {
  std::optional<std::uint32_t> uid;
  std::optional<std::uint32_t> gid;
  std::optional<std::vector<std::uint32_t>> groups;
  std::optional<std::uint32_t> umask;
  std::optional<int> nice;
  std::optional<int> oom_score_adj;
  std::vector<Rlimit> rlimits;
  bool no_new_privs = false;
  std::optional<Capabilities> capabilities;
};

}  // namespace contained::protocol
