// Options on what of the machine a command does not share, and what it may not do.
#include <algorithm>
#include <iterator>
#include <string_view>

#include "cli/option_rows.hpp"
#include "cli/seccomp_default.hpp"
#include "cli/units.hpp"

namespace contained::cli {
namespace {

constexpr const char* kAbsolute = "an absolute path";

bool absolute(const std::string& path) { return !path.empty() && path.front() == '/'; }

std::string take_namespaces(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  constexpr std::string_view kNames[] = {"pid", "mount", "uts",    "ipc",
                                         "net", "user",  "cgroup", "time"};
  for (auto& name : split_at(value, ',')) {
    if (std::find(std::begin(kNames), std::end(kNames), name) == std::end(kNames)) {
      return "pid, mount, uts, ipc, net, user, cgroup, time";
    }
    options.start.isolation.namespaces.push_back(std::move(name));
  }
  return {};
}

std::string take_pid_isolation(CommandOptions& options, const Row& /*row*/,
                               const std::string& /*value*/) {
  for (const auto* const name : {"pid", "mount", "user_if_needed"}) {
    options.start.isolation.namespaces.emplace_back(name);
  }
  return {};
}

std::string take_root(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  if (!absolute(value)) return kAbsolute;
  options.start.isolation.root = value;
  return {};
}

std::string take_chroot(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  if (!absolute(value)) return kAbsolute;
  options.start.isolation.chroot = value;
  return {};
}

std::string take_bind(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  constexpr const char* kAllowed = "SOURCE[:TARGET][:ro|rw], absolute paths; ro without either";
  auto parts = split_at(value, ':');
  const bool mode_said = parts.size() > 1 && (parts.back() == "ro" || parts.back() == "rw");
  const bool read_only = !mode_said || parts.back() == "ro";
  if (mode_said) parts.pop_back();
  if (parts.size() > 2 || !absolute(parts.front()) || !absolute(parts.back())) return kAllowed;
  options.start.isolation.binds.push_back({parts.front(), parts.back(), read_only});
  return {};
}

std::string take_tmpfs(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  const auto pair = split_pair(value, ':');
  const auto bytes = pair ? parse_size(pair->second) : std::nullopt;
  if (!absolute(value) || (pair && !bytes)) return "TARGET[:BYTES], an absolute path";
  options.start.isolation.tmpfs.push_back({pair ? pair->first : value, bytes});
  return {};
}

std::string take_read_only(CommandOptions& options, const Row& /*row*/,
                           const std::string& /*value*/) {
  options.start.isolation.read_only_root = true;
  return {};
}

std::string take_network(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  using Network = protocol::Isolation::Network;
  auto& isolation = options.start.isolation;
  if (!absolute(value) && value != "host" && value != "none") {
    return "host, none, or the path of a network namespace";
  }
  isolation.network = value == "host"   ? Network::kHost
                      : value == "none" ? Network::kNone
                                        : Network::kPath;
  if (isolation.network == Network::kPath) isolation.netns = value;
  return {};
}

std::string take_hostname(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  constexpr std::size_t kLongest = 64;
  if (value.empty() || value.size() > kLongest) return "1 to 64 bytes";
  options.start.isolation.hostname = value;
  options.start.isolation.namespaces.emplace_back("uts");
  return {};
}

std::string add_map(std::vector<protocol::IdMap>& map, const std::string& value) {
  const auto parts = split_at(value, ':');
  constexpr const char* kAllowed = "INSIDE:OUTSIDE[:COUNT], numbers";
  if (parts.size() < 2 || parts.size() > 3) return kAllowed;
  const auto inside = parse_number<std::uint32_t>(parts[0]);
  const auto outside = parse_number<std::uint32_t>(parts[1]);
  const auto count = parts.size() == 3 ? parse_number<std::uint32_t>(parts[2]) : 1;
  if (!inside || !outside || !count || *count == 0) return kAllowed;
  map.push_back({*inside, *outside, *count});
  return {};
}

std::string take_uid_map(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  options.start.isolation.namespaces.emplace_back("user");
  return add_map(options.start.isolation.uid_map, value);
}

std::string take_gid_map(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  options.start.isolation.namespaces.emplace_back("user");
  return add_map(options.start.isolation.gid_map, value);
}

// "monotonic:1h", "boottime:-5s"; the last of a clock holds.
std::string take_time_offset(CommandOptions& options, const Row& /*row*/,
                             const std::string& value) {
  const auto pair = split_pair(value, ':');
  const bool known = pair && (pair->first == "monotonic" || pair->first == "boottime");
  const bool back = known && pair->second.starts_with('-');
  const auto time = known ? parse_time(pair->second.substr(back ? 1 : 0)) : std::nullopt;
  if (!time) return "monotonic:TIME or boottime:TIME, such as boottime:1d or monotonic:-5s";
  const auto ahead = static_cast<std::int64_t>(*time);
  const protocol::TimeOffset offset{pair->first == "boottime", back ? -ahead : ahead};
  auto& offsets = options.start.isolation.time_offsets;
  std::erase_if(offsets, [&](const auto& other) { return other.boottime == offset.boottime; });
  offsets.push_back(offset);
  options.start.isolation.namespaces.emplace_back("time");
  return {};
}

std::string take_seccomp(CommandOptions& options, const Row& /*row*/, const std::string& value) {
  if (value != "default" && value != "none") return "default or none";
  options.start.seal.seccomp.reset();
  if (value == "default") options.start.seal.seccomp = default_seccomp();
  return {};
}

std::string take_landlock(CommandOptions& options, const Row& row, const std::string& value) {
  if (!absolute(value)) return kAbsolute;
  options.start.seal.landlock.push_back({value, std::string_view(row.key) == "write"});
  return {};
}

using enum Row::Kind;

constexpr Row kIsolationRows[] = {
    {"--namespace", "A,B", "Its own pid, mount, uts, ipc, net, user, cgroup, time; repeatable",
     take_namespaces, kRepeated},
    {"--pid-isolation", "", "Sees its own processes only, which all die when it does",
     take_pid_isolation, kFlag},
    {"--root", "DIR", "This directory becomes its /", take_root},
    {"--chroot", "DIR", "The same by chroot(2), where pivot_root is impossible", take_chroot},
    {"--bind", "SOURCE[:TARGET][:rw]", "Sees that path there, read only without rw; repeatable",
     take_bind, kRepeated},
    {"--tmpfs", "TARGET[:BYTES]", "An empty directory in memory; repeatable", take_tmpfs,
     kRepeated},
    {"--read-only-root", "", "Can write to nothing but --bind with rw and --tmpfs", take_read_only,
     kFlag},
    {"--network", "host|none|PATH", "None: loopback alone; or the path of a network namespace",
     take_network},
    {"--hostname", "NAME", "The machine's name as it sees it", take_hostname},
    {"--map-uid", "INSIDE:OUTSIDE[:N]", "Users of its user namespace; repeatable", take_uid_map,
     kRepeated},
    {"--map-gid", "INSIDE:OUTSIDE[:N]", "Groups of its user namespace; repeatable", take_gid_map,
     kRepeated},
    {"--time-offset", "CLOCK:TIME",
     "Its clock monotonic or boottime is ahead by TIME, or behind by -TIME; repeatable",
     take_time_offset, kRepeated},
    {"--seccomp", "default|none", "Filter of system calls", take_seccomp},
    {"--landlock-read", "PATH", "May read what is below; all else is out of reach; repeatable",
     take_landlock, kRepeated, "read"},
    {"--landlock-write", "PATH", "May write what is below; all else is out of reach; repeatable",
     take_landlock, kRepeated, "write"},
};

}  // namespace

Table isolation_table() { return {"Isolation", kIsolationRows}; }

}  // namespace contained::cli
