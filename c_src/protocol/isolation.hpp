// What of the machine a command does not share, as it travels on the port; see README.md, "Spec".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace contained::protocol {

/// |source| is the VM's, |target| the command's.
struct Bind {
  std::string source;
  std::string target;
  bool read_only = true;
  bool operator==(const Bind&) const = default;
};

struct Tmpfs {
  std::string target;
  std::optional<std::uint64_t> bytes;
  bool operator==(const Tmpfs&) const = default;
};

struct IdMap {
  std::uint32_t inside = 0;
  std::uint32_t outside = 0;
  std::uint32_t count = 1;
  bool operator==(const IdMap&) const = default;
};

/// How far a clock of the command's is ahead.
struct TimeOffset {
  bool boottime = false;  ///< else monotonic
  std::int64_t milliseconds = 0;
  bool operator==(const TimeOffset&) const = default;
};

/// What of the machine a command does not share.
struct Isolation {
  enum class Network : std::uint8_t { kHost, kNone, kPath };
  std::vector<std::string> namespaces;  ///< "pid", "mount", ...
  bool program_is_init = false;         ///< else pid 1 is an init of ours
  std::optional<std::string> hostname;
  std::optional<std::string> root;
  std::optional<std::string> chroot;
  std::vector<Bind> binds;
  std::vector<Tmpfs> tmpfs;
  bool read_only_root = false;
  Network network = Network::kHost;
  std::string netns;  ///< with kPath
  std::vector<IdMap> uid_map;
  std::vector<IdMap> gid_map;
  std::vector<TimeOffset> time_offsets;
};

}  // namespace contained::protocol
