// The reading half of codec.hpp; the writing half is encode.cpp.
#include "protocol/codec.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <cctype>
#include <limits>

#include "protocol/frame.hpp"
#include "protocol/term.hpp"

namespace contained::protocol {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kBadRequest = "bad_request";
constexpr std::string_view kBadSpec = "bad_spec";

Request refuse(std::string_view reason) { return Unusable{0, {}, reason}; }

// The row of |table| called |name|, or nullptr.
template <class Table>
const typename Table::value_type* find(const Table& table, std::string_view name) {
  const auto* row =
      std::find_if(table.begin(), table.end(), [&](const auto& each) { return each.name == name; });
  return row == table.end() ? nullptr : row;
}

// ---- Values: each reader takes one, and is false when it is not what it should be

template <class T>
struct Named {
  std::string_view name;
  T value;
};

constexpr std::array kBooleans = {Named<bool>{"true", true}, Named<bool>{"false", false}};
constexpr std::array kStreams = {Named<Stream>{"stdout", Stream::kStdout},
                                 Named<Stream>{"stderr", Stream::kStderr}};
constexpr std::array kTargets = {Named<Target>{"all", Target::kAll},
                                 Named<Target>{"leader", Target::kLeader}};
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

template <class Table, class T>
bool read_choice(TermReader& in, const Table& table, T& out) {
  const auto name = in.atom();
  const auto* row = name ? find(table, *name) : nullptr;
  if (row != nullptr) out = row->value;
  return row != nullptr;
}

template <class T>
bool read_number(TermReader& in, std::uint64_t low, std::uint64_t high, T& out) {
  const auto value = in.integer();
  if (!value || *value < 0) return false;
  const auto number = static_cast<std::uint64_t>(*value);
  if (number < low || number > high) return false;
  out = static_cast<T>(number);
  return true;
}

// Text for the kernel, which ends it at a NUL.
bool read_text(TermReader& in, std::string& out) {
  const auto text = in.binary();
  if (!text || text->find('\0') != std::string_view::npos) return false;
  out = *text;
  return true;
}

template <class Element>
bool read_list(TermReader& in, Element element) {
  const auto count = in.list();
  if (!count) return false;
  for (std::size_t i = 0; i < *count; ++i) {
    if (!element()) return false;
  }
  return in.end_list(*count);
}

bool read_ladder(TermReader& in, Ladder& out) {
  out.clear();
  return read_list(in, [&] {
    Rung rung;
    if (out.size() == kMaxRungs || in.tuple() != 2U) return false;
    if (!read_number(in, 1, kMaxSignal, rung.signal)) return false;
    if (!read_number(in, 0, kMaxGraceMs, rung.grace_ms)) return false;
    out.push_back(rung);
    return true;
  });
}

// ---- Spec

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

bool read_group(TermReader& in, Start& start) {
  static constexpr auto kAllowed = [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) != 0 || c == '_' || c == '.' || c == '-');
  };
  const auto name = in.binary();
  if (!name || name->empty() || name->size() > 64 || name->front() == '.') return false;
  start.group = *name;
  return std::all_of(name->begin(), name->end(), kAllowed);
}

bool read_timeout(TermReader& in, Start& start) {
  return read_number(in, 0, kMaxTimeoutMs, start.timeout_ms.emplace());
}

bool read_max_output(TermReader& in, Start& start) {
  return read_number(in, 0, std::numeric_limits<std::int64_t>::max(), start.max_output.emplace());
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
    Key{"stdin", [](auto& in, auto& to) { return read_choice(in, kStdins, to.in); }},
    Key{"stdout", [](auto& in, auto& to) { return read_choice(in, kStdouts, to.out); }},
    Key{"stderr", [](auto& in, auto& to) { return read_choice(in, kStderrs, to.err); }},
    Key{"window", [](auto& in, auto& to) { return read_number(in, 1, kMaxWindow, to.window); }},
    Key{"timeout", read_timeout},
    Key{"max_output", read_max_output},
    Key{"stop", [](auto& in, auto& to) { return read_ladder(in, to.stop); }},
    Key{"signal_to", [](auto& in, auto& to) { return read_choice(in, kTargets, to.signal_to); }},
    Key{"linger", [](auto& in, auto& to) { return read_choice(in, kLingers, to.linger); }},
    Key{"hold_started",
        [](auto& in, auto& to) { return read_choice(in, kBooleans, to.hold_started); }},
    Key{"group", read_group}};

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

// ---- Requests

Request read_hello(TermReader& in, Id) {
  const auto version = in.integer();
  return version ? Request(Hello{*version}) : refuse(kBadRequest);
}

Request read_start(TermReader& in, Id id) {
  Start start;
  start.id = id;
  const auto pairs = in.map();
  if (!pairs) return refuse(kBadRequest);
  return read_spec(in, *pairs, start) ? Request(std::move(start)) : refuse(kBadSpec);
}

Request read_input(TermReader& in, Id id) {
  const auto data = in.binary();
  return data ? Request(Input{id, *data}) : refuse(kBadRequest);
}

Request read_close_input(TermReader&, Id id) { return CloseInput{id}; }

Request read_credit(TermReader& in, Id id) {
  Credit credit;
  credit.id = id;
  if (!read_choice(in, kStreams, credit.stream) || !in.at_integer()) return refuse(kBadRequest);
  return read_number(in, 0, kMaxCredit, credit.bytes) ? Request(credit) : refuse("bad_credit");
}

Request read_signal(TermReader& in, Id id) {
  Signal signal;
  signal.id = id;
  const bool good =
      read_number(in, 1, kMaxSignal, signal.number) && read_choice(in, kTargets, signal.to);
  return good ? Request(signal) : refuse(kBadRequest);
}

Request read_stop(TermReader& in, Id id) {
  Stop stop;
  stop.id = id;
  if (const auto name = in.atom()) return *name == "default" ? Request(stop) : refuse(kBadRequest);
  return read_ladder(in, stop.ladder.emplace()) ? Request(std::move(stop)) : refuse(kBadRequest);
}

Request read_ping(TermReader& in, Id) {
  Ping ping;
  const bool good = read_number(in, 0, std::numeric_limits<std::int64_t>::max(), ping.number);
  return good ? Request(ping) : refuse(kBadRequest);
}

Request read_shutdown(TermReader&, Id) { return Shutdown{}; }

struct Command {
  std::string_view name;
  std::size_t arity;  // of the tuple, the name counted
  bool has_id;
  Request (*read)(TermReader&, Id);
};

// As in README.md, "Requests"; the frequent ones first.
constexpr std::array kCommands = {
    Command{"credit", 4, true, read_credit},     Command{"start", 3, true, read_start},
    Command{"input", 3, true, read_input},       Command{"close_input", 2, true, read_close_input},
    Command{"signal", 4, true, read_signal},     Command{"stop", 3, true, read_stop},
    Command{"ping", 2, false, read_ping},        Command{"hello", 2, false, read_hello},
    Command{"shutdown", 1, false, read_shutdown}};

// The id, or 0 and why there is none.
struct IdField {
  Id id = 0;
  std::string_view reason;
};

IdField read_id(TermReader& in) {
  IdField field;
  if (!in.at_integer()) return {0, kBadRequest};
  if (!read_number(in, 1, kMaxId, field.id)) return {0, "bad_id"};
  return field;
}

Request read_with_id(TermReader& in, const Command* command) {
  const auto [id, reason] = read_id(in);
  if (command == nullptr) return Unusable{id, {}, kBadRequest};
  auto request = id == 0 ? refuse(reason) : command->read(in, id);
  if (auto* unusable = std::get_if<Unusable>(&request)) unusable->id = id;
  return request;
}

// An unknown request, or one of another shape, is refused with the id that stands where ids stand.
Request read_command(TermReader& in, std::string_view name, std::size_t arity) {
  const auto* command = find(kCommands, name);
  const bool known = command != nullptr && command->arity == arity;
  if (known && !command->has_id) return command->read(in, 0);
  if (arity < 2 || (command != nullptr && !command->has_id)) return refuse(kBadRequest);
  return read_with_id(in, known ? command : nullptr);
}

Request read_request(TermReader& in) {
  const auto arity = in.tuple().value_or(0);
  const auto name = arity > 0 ? in.atom() : std::nullopt;
  if (!name) return refuse(kBadRequest);
  auto request = read_command(in, *name, arity);
  auto* unusable = std::get_if<Unusable>(&request);
  // The writer's atoms end at 255 bytes; no request of ours has so long a name.
  if (unusable != nullptr && name->size() <= 255) unusable->request = *name;
  return request;
}

// ---- The frequent request, matched as bytes

// OTP 26 and later write atoms as SMALL_ATOM_UTF8_EXT, OTP 25 as ATOM_EXT.
constexpr std::array kInputPrefixes = {"\x83h\x03w\x05input"sv,
                                       "\x83h\x03"
                                       "d\x00\x05input"sv};

std::optional<std::uint32_t> cut_integer(std::string_view& bytes) {
  const bool small = bytes.size() >= 2 && bytes.front() == 'a';
  if (!small && (bytes.size() < 5 || bytes.front() != 'b')) return std::nullopt;
  const auto value =
      small ? static_cast<unsigned char>(bytes[1]) : load_be32(bytes.substr(1).data());
  bytes.remove_prefix(small ? 2 : 5);
  return value;
}

std::optional<Input> match_input_body(std::string_view bytes) {
  const auto id = cut_integer(bytes);
  if (!id || *id == 0 || *id > kMaxId) return std::nullopt;
  if (bytes.size() < 5 || bytes.front() != 'm') return std::nullopt;
  const std::size_t size = load_be32(bytes.substr(1).data());
  bytes.remove_prefix(5);
  if (bytes.size() != size) return std::nullopt;
  return Input{*id, bytes};
}

// nullopt: for the general way to judge.
std::optional<Input> match_input(std::string_view frame) {
  for (const auto prefix : kInputPrefixes) {
    if (frame.starts_with(prefix)) return match_input_body(frame.substr(prefix.size()));
  }
  return std::nullopt;
}

}  // namespace

Result<Request> decode(std::string_view frame) {
  if (const auto input = match_input(frame)) return Request(*input);
  auto status = check_term(frame);
  if (!status) return status.error();
  TermReader in(frame);
  return read_request(in);
}

}  // namespace contained::protocol
