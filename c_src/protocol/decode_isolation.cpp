#include "protocol/decode_isolation.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

#include "protocol/readers.hpp"

namespace contained::protocol {
namespace {

using Network = Isolation::Network;

constexpr std::array<std::string_view, 9> kNamespaces = {
    "user_if_needed", "pid", "mount", "uts", "ipc", "net", "user", "cgroup", "time"};
constexpr std::array kInits = {Named<bool>{"ours", false}, Named<bool>{"program", true}};
constexpr std::array kModes = {Named<bool>{"ro", true}, Named<bool>{"rw", false}};
constexpr std::array kNetworks = {Named<Network>{"host", Network::kHost},
                                  Named<Network>{"none", Network::kNone}};
constexpr std::array kClocks = {Named<bool>{"monotonic", false}, Named<bool>{"boottime", true}};
constexpr std::uint64_t kLastId = std::numeric_limits<std::uint32_t>::max();

bool read_size(TermReader& in, std::optional<std::uint64_t>& out) {
  if (const auto name = in.atom()) return *name == "default";
  return read_number(in, 1, std::numeric_limits<std::int64_t>::max(), out.emplace());
}

bool read_offset(TermReader& in, std::int64_t& out) {
  const auto value = in.integer();
  if (value) out = *value;
  return value && *value >= -kMaxTimeOffsetMs && *value <= kMaxTimeOffsetMs;
}

}  // namespace

bool read_namespaces(TermReader& in, Start& start) {
  return read_list(in, [&] {
    const auto name = in.atom();
    const bool known =
        name && std::find(kNamespaces.begin(), kNamespaces.end(), *name) != kNamespaces.end();
    if (known) start.isolation.namespaces.emplace_back(*name);
    return known;
  });
}

bool read_pid_init(TermReader& in, Start& start) {
  return read_choice(in, kInits, start.isolation.program_is_init);
}

bool read_binds(TermReader& in, Start& start) {
  return read_list(in, [&] {
    auto& [source, target, read_only] = start.isolation.binds.emplace_back();
    return in.tuple() == 3U && read_text(in, source) && read_text(in, target) &&
           read_choice(in, kModes, read_only);
  });
}

bool read_tmpfs(TermReader& in, Start& start) {
  return read_list(in, [&] {
    auto& [target, bytes] = start.isolation.tmpfs.emplace_back();
    return in.tuple() == 2U && read_text(in, target) && read_size(in, bytes);
  });
}

bool read_network(TermReader& in, Start& start) {
  const auto arity = in.tuple();
  auto& isolation = start.isolation;
  if (!arity) return read_choice(in, kNetworks, isolation.network);
  isolation.network = Network::kPath;
  return *arity == 2 && in.atom() == "netns" && read_text(in, isolation.netns);
}

bool read_time_offsets(TermReader& in, Start& start) {
  auto& offsets = start.isolation.time_offsets;
  return read_list(in, [&] {
    TimeOffset offset;
    const bool read = in.tuple() == 2U && read_choice(in, kClocks, offset.boottime) &&
                      read_offset(in, offset.milliseconds);
    const bool twice = std::any_of(offsets.begin(), offsets.end(), [&](const auto& other) {
      return other.boottime == offset.boottime;
    });
    offsets.push_back(offset);
    return read && !twice;
  });
}

bool read_id_map(TermReader& in, std::vector<IdMap>& out) {
  return read_list(in, [&] {
    auto& [inside, outside, count] = out.emplace_back();
    return in.tuple() == 3U && read_number(in, 0, kLastId, inside) &&
           read_number(in, 0, kLastId, outside) && read_number(in, 1, kLastId, count);
  });
}

}  // namespace contained::protocol
