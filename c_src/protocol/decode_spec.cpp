#include "protocol/decode_spec.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <cctype>
#include <limits>
#include <optional>

#include "protocol/decode_isolation.hpp"
#include "protocol/decode_seal.hpp"
#include "protocol/readers.hpp"

namespace contained::protocol {
namespace {

constexpr std::array kLingers = {Named<Linger>{"wait", Linger::kWait},
                                 Named<Linger>{"kill", Linger::kKill},
                                 Named<Linger>{"leave", Linger::kLeave}};
constexpr std::array kStdins = {
    Named<Stdin>{"open", Stdin::kOpen}, Named<Stdin>{"null", Stdin::kNull},
    Named<Stdin>{"inherit", Stdin::kInherit}, Named<Stdin>{"pipe", Stdin::kPipe}};
constexpr std::array kStdouts = {Named<Output>{"pipe", Output::kPipe},
                                 Named<Output>{"null", Output::kNull},
                                 Named<Output>{"inherit", Output::kInherit}};
constexpr std::array kStderrs = {
    Named<Output>{"inherit", Output::kInherit}, Named<Output>{"stdout", Output::kStdout},
    Named<Output>{"null", Output::kNull}, Named<Output>{"pipe", Output::kPipe}};

// ---- What

// Only absolute directories: a relative one would be meant from the VM's, not the command's.
bool read_path(TermReader& in, Start& start) {
  if (!read_text(in, start.path.emplace()) || !start.path->starts_with('/')) return false;
  for (auto at = start.path->find(':'); at != std::string::npos; at = start.path->find(':', at)) {
    if (++at == start.path->size() || (*start.path)[at] != '/') return false;
  }
  return true;
}

bool names_a_program(const Start& start) {
  const bool has_slash = start.program.find('/') != std::string::npos;
  return !start.program.empty() && has_slash != start.path.has_value();
}

bool read_args(TermReader& in, Start& start) {
  return read_list(in, [&] { return read_text(in, start.args.emplace_back()); }) &&
         !start.args.empty();
}

bool read_env_value(TermReader& in, std::optional<std::string>& out) {
  if (const auto name = in.atom()) return *name == "nil";
  return read_text(in, out.emplace());
}

bool read_env(TermReader& in, Start& start) {
  return read_list(in, [&] {
    auto& [name, value] = start.env.emplace_back();
    return in.tuple() == 2U && read_text(in, name) && !name.empty() &&
           name.find('=') == std::string::npos && read_env_value(in, value);
  });
}

bool read_timeout(TermReader& in, Start& start) {
  return read_number(in, 0, kMaxTimeoutMs, start.timeout_ms.emplace());
}

bool read_max_output(TermReader& in, Start& start) {
  return read_number(in, 0, std::numeric_limits<std::int64_t>::max(), start.max_output.emplace());
}

bool read_signed(TermReader& in, std::int64_t low, std::int64_t high, int& out) {
  const auto value = in.integer();
  if (!value || *value < low || *value > high) return false;
  out = static_cast<int>(*value);
  return true;
}

// ---- Descriptors

constexpr std::array kFdKinds = {
    Named<Fd::Kind>{"output", Fd::Kind::kOutput}, Named<Fd::Kind>{"input", Fd::Kind::kInput},
    Named<Fd::Kind>{"null", Fd::Kind::kNull}, Named<Fd::Kind>{"stdout", Fd::Kind::kStdout},
    Named<Fd::Kind>{"stderr", Fd::Kind::kStderr}};
constexpr std::array kLinkKinds = {Named<Fd::Kind>{"link_in", Fd::Kind::kLinkIn},
                                   Named<Fd::Kind>{"link_out", Fd::Kind::kLinkOut}};

bool read_fd_kind(TermReader& in, Fd& fd) {
  const auto arity = in.tuple();
  if (!arity) return read_choice(in, kFdKinds, fd.kind);
  return *arity == 2 && read_choice(in, kLinkKinds, fd.kind) && read_link_name(in, fd.link);
}

// A stream of the command: an atom, or {link, Name}.
template <class Table, class T>
bool read_end(TermReader& in, const Table& table, T& out, std::string& link) {
  const auto arity = in.tuple();
  if (!arity) return read_choice(in, table, out);
  out = T::kLink;
  return *arity == 2 && in.atom() == "link" && read_link_name(in, link);
}

bool read_fds(TermReader& in, Start& start) {
  std::bitset<kLastFd + 1> seen;
  return read_list(in, [&] {
    auto& fd = start.fds.emplace_back();
    if (in.tuple() != 2U || !read_number(in, kFirstFd, kLastFd, fd.number)) return false;
    const auto number = static_cast<std::size_t>(fd.number);
    if (seen.test(number)) return false;
    seen.set(number);
    return read_fd_kind(in, fd);
  });
}

bool read_terminal(TermReader& in, Start& start) {
  auto& [size, echo] = start.terminal.emplace();
  return in.tuple() == 3U && read_terminal_size(in, size) && read_choice(in, kBooleans, echo);
}

// ---- Who

// The largest number stands for "leave it as it is", see setresuid(2).
bool read_id(TermReader& in, std::uint32_t& out) {
  return read_number(in, 0, std::numeric_limits<std::uint32_t>::max() - 1, out);
}

bool read_groups(TermReader& in, Start& start) {
  auto& groups = start.identity.groups.emplace();
  if (const auto small = in.bytes_list()) {
    for (const char id : *small) groups.push_back(static_cast<unsigned char>(id));
    return true;
  }
  return read_list(in, [&] { return read_id(in, groups.emplace_back()); });
}

bool read_rlimit_value(TermReader& in, std::optional<std::uint64_t>& out) {
  if (const auto name = in.atom()) return *name == "infinity";
  return read_number(in, 0, std::numeric_limits<std::int64_t>::max(), out.emplace());
}

bool read_rlimits(TermReader& in, Start& start) {
  return read_list(in, [&] {
    auto& limit = start.identity.rlimits.emplace_back();
    const auto name = in.tuple() == 3U ? in.atom() : std::nullopt;
    if (!name) return false;
    limit.name = *name;
    return read_rlimit_value(in, limit.soft) && read_rlimit_value(in, limit.hard);
  });
}

bool read_texts(TermReader& in, std::vector<std::string>& out) {
  return read_list(in, [&] { return read_text(in, out.emplace_back()); });
}

bool read_drop(TermReader& in, Capabilities& out) {
  const auto name = in.atom();
  if (!name) return read_texts(in, out.drop);
  out.drop_all = *name == "all";
  return out.drop_all;
}

bool read_capability_set(TermReader& in, Capabilities& out) {
  const auto name = in.atom();
  if (name == "drop") return read_drop(in, out);
  if (name == "keep") return read_texts(in, out.keep.emplace());
  return name == "ambient" && read_texts(in, out.ambient);
}

bool read_capabilities(TermReader& in, Start& start) {
  auto& capabilities = start.identity.capabilities.emplace();
  const auto pairs = in.map();
  for (std::size_t i = 0; pairs && i < *pairs; ++i) {
    if (!read_capability_set(in, capabilities)) return false;
  }
  return pairs.has_value();
}

// ---- Where

constexpr std::array kOnUnsupported = {Named<bool>{"error", false}, Named<bool>{"ignore", true}};
constexpr std::size_t kNameLimit = 64;
constexpr std::ptrdiff_t kMostLevels = 4;

bool is_name(std::string_view name) {
  static constexpr auto kAllowed = [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) != 0 || c == '_' || c == '.' || c == '-');
  };
  return !name.empty() && name.size() <= kNameLimit && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), kAllowed);
}

bool read_name(TermReader& in, std::string& out) { return read_text(in, out) && is_name(out); }

bool read_group_path(TermReader& in, Start& start) {
  auto& group = start.placement.group;
  if (!read_text(in, group)) return false;
  if (std::count(group.begin(), group.end(), '/') >= kMostLevels) return false;
  for (std::string_view rest = group;;) {
    const auto name = rest.substr(0, rest.find('/'));
    if (!is_name(name)) return false;
    if (name.size() == rest.size()) return true;
    rest.remove_prefix(name.size() + 1);
  }
}

bool read_settings(TermReader& in, Start& start) {
  return read_list(in, [&] {
    auto& [controller, file, value] = start.placement.settings.emplace_back();
    return in.tuple() == 3U && read_text(in, controller) && read_text(in, file) &&
           read_text(in, value);
  });
}

struct Key {
  std::string_view name;
  bool (*read)(TermReader&, Start&);
};

// As in README.md, "Spec".
constexpr std::array kKeys = {
    Key{"program", [](auto& in, auto& to) { return read_text(in, to.program); }},
    Key{"path", read_path},
    Key{"args", read_args},
    Key{"env", read_env},
    Key{"clear_env", [](auto& in, auto& to) { return read_choice(in, kBooleans, to.clear_env); }},
    Key{"cd", [](auto& in, auto& to) { return read_text(in, to.cd.emplace()); }},
    Key{"stdin", [](auto& in, auto& to) { return read_end(in, kStdins, to.in, to.in_link); }},
    Key{"stdout", [](auto& in, auto& to) { return read_end(in, kStdouts, to.out, to.out_link); }},
    Key{"stderr", [](auto& in, auto& to) { return read_end(in, kStderrs, to.err, to.err_link); }},
    Key{"pty", read_terminal},
    Key{"window", [](auto& in, auto& to) { return read_number(in, 1, kMaxWindow, to.window); }},
    Key{"timeout", read_timeout},
    Key{"max_output", read_max_output},
    Key{"stop", [](auto& in, auto& to) { return read_ladder(in, to.stop); }},
    Key{"signal_to", [](auto& in, auto& to) { return read_choice(in, kTargets, to.signal_to); }},
    Key{"linger", [](auto& in, auto& to) { return read_choice(in, kLingers, to.linger); }},
    Key{"hold_started",
        [](auto& in, auto& to) { return read_choice(in, kBooleans, to.hold_started); }},
    Key{"orphans", [](auto& in, auto& to) { return read_choice(in, kBooleans, to.orphans); }},
    Key{"fds", read_fds},
    Key{"uid", [](auto& in, auto& to) { return read_id(in, to.identity.uid.emplace()); }},
    Key{"gid", [](auto& in, auto& to) { return read_id(in, to.identity.gid.emplace()); }},
    Key{"groups", read_groups},
    Key{"umask",
        [](auto& in, auto& to) { return read_number(in, 0, 0777, to.identity.umask.emplace()); }},
    Key{"nice",
        [](auto& in, auto& to) { return read_signed(in, -20, 19, to.identity.nice.emplace()); }},
    Key{"oom_score_adj",
        [](auto& in,
           auto& to) { return read_signed(in, -1000, 1000, to.identity.oom_score_adj.emplace()); }},
    Key{"rlimits", read_rlimits},
    Key{"no_new_privs",
        [](auto& in, auto& to) { return read_choice(in, kBooleans, to.identity.no_new_privs); }},
    Key{"capabilities", read_capabilities},
    Key{"seccomp", [](auto& in, auto& to) { return read_seccomp(in, to.seal); }},
    Key{"landlock", [](auto& in, auto& to) { return read_landlock(in, to.seal); }},
    Key{"group", read_group_path},
    Key{"name", [](auto& in, auto& to) { return read_name(in, to.placement.name.emplace()); }},
    Key{"limits", [](auto& in, auto& to) { return read_limits(in, to.placement.limits); }},
    Key{"group_limits",
        [](auto& in, auto& to) { return read_limits(in, to.placement.group_limits); }},
    Key{"settings", read_settings},
    Key{"on_unsupported",
        [](auto& in,
           auto& to) { return read_choice(in, kOnUnsupported, to.placement.ignore_unsupported); }},
    Key{"keep_cgroup",
        [](auto& in, auto& to) { return read_choice(in, kBooleans, to.placement.keep); }},
    Key{"namespaces", read_namespaces},
    Key{"pid_init", read_pid_init},
    Key{"hostname",
        [](auto& in, auto& to) { return read_text(in, to.isolation.hostname.emplace()); }},
    Key{"root", [](auto& in, auto& to) { return read_text(in, to.isolation.root.emplace()); }},
    Key{"chroot", [](auto& in, auto& to) { return read_text(in, to.isolation.chroot.emplace()); }},
    Key{"binds", read_binds},
    Key{"tmpfs", read_tmpfs},
    Key{"read_only_root",
        [](auto& in, auto& to) { return read_choice(in, kBooleans, to.isolation.read_only_root); }},
    Key{"network", read_network},
    Key{"time_offsets", read_time_offsets},
    Key{"uid_map", [](auto& in, auto& to) { return read_id_map(in, to.isolation.uid_map); }},
    Key{"gid_map", [](auto& in, auto& to) { return read_id_map(in, to.isolation.gid_map); }},
    Key{"delegate",
        [](auto& in, auto& to) { return read_choice(in, kBooleans, to.placement.delegate); }}};

}  // namespace

bool read_spec(TermReader& in, std::size_t pairs, Start& start) {
  std::bitset<kKeys.size()> seen;
  for (std::size_t i = 0; i < pairs; ++i) {
    const auto name = in.atom();
    const auto* key = name ? find(kKeys, *name) : nullptr;
    if (key == nullptr) return false;
    const auto index = static_cast<std::size_t>(key - kKeys.data());
    if (seen.test(index) || !key->read(in, start)) return false;
    seen.set(index);
  }
  // The two keys without a default; what was read for them is not empty.
  return names_a_program(start) && !start.args.empty();
}

}  // namespace contained::protocol
