// The reading half of codec.hpp; the writing half is encode.cpp.
#include "protocol/codec.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "protocol/decode_group.hpp"
#include "protocol/decode_spec.hpp"
#include "protocol/frame.hpp"
#include "protocol/readers.hpp"
#include "protocol/term.hpp"

namespace contained::protocol {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kBadRequest = "bad_request";
constexpr std::string_view kBadSpec = "bad_spec";

Request refuse(std::string_view reason) { return Unusable{0, {}, reason}; }

// ---- Values

constexpr std::array kStreams = {Named<Stream>{"stdout", Stream::kStdout},
                                 Named<Stream>{"stderr", Stream::kStderr}};

// stdout and stderr by name, further ones by number.
bool read_stream(TermReader& in, Stream& out) {
  if (!in.at_integer()) return read_choice(in, kStreams, out);
  return read_number(in, kFirstFd, kLastFd, out);
}

bool read_fd(TermReader& in, int& out) { return read_number(in, kFirstFd, kLastFd, out); }

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

Request read_input_to(TermReader& in, Id id) {
  Input input{.id = id, .data = {}};
  if (!read_fd(in, input.fd)) return refuse(kBadRequest);
  const auto data = in.binary();
  if (!data) return refuse(kBadRequest);
  input.data = *data;
  return input;
}

Request read_close_input(TermReader&, Id id) { return CloseInput{id}; }

Request read_close_input_of(TermReader& in, Id id) {
  CloseInput close{.id = id};
  return read_fd(in, close.fd) ? Request(close) : refuse(kBadRequest);
}

Request read_credit(TermReader& in, Id id) {
  Credit credit;
  credit.id = id;
  if (!read_stream(in, credit.stream) || !in.at_integer()) return refuse(kBadRequest);
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

template <class Link>
Request read_link(TermReader& in, Id) {
  Link link;
  return read_link_name(in, link.name) ? Request(std::move(link)) : refuse(kBadRequest);
}

Request read_ping(TermReader& in, Id) {
  Ping ping;
  const bool good = read_number(in, 0, std::numeric_limits<std::int64_t>::max(), ping.number);
  return good ? Request(ping) : refuse(kBadRequest);
}

Request read_shutdown(TermReader&, Id) { return Shutdown{}; }

// ---- Control

constexpr std::array kPlainOps = {Named<Control::Op>{"path", Control::Op::kPath},
                                  Named<Control::Op>{"stats", Control::Op::kStats},
                                  Named<Control::Op>{"processes", Control::Op::kProcesses},
                                  Named<Control::Op>{"limits", Control::Op::kLimits},
                                  Named<Control::Op>{"freeze", Control::Op::kFreeze},
                                  Named<Control::Op>{"thaw", Control::Op::kThaw},
                                  Named<Control::Op>{"kill", Control::Op::kKill},
                                  Named<Control::Op>{"threads", Control::Op::kThreads},
                                  Named<Control::Op>{"places", Control::Op::kPlaces}};

struct OpWithArguments {
  std::string_view name;
  std::size_t arity;
  Control::Op op;
  bool (*read)(TermReader&, Control&);
};

constexpr std::array kOpsWithArguments = {
    OpWithArguments{"set_limits", 2, Control::Op::kSetLimits,
                    [](auto& in, auto& to) { return read_limits(in, to.limits); }},
    OpWithArguments{"migrate", 2, Control::Op::kMigrate,
                    [](auto& in, auto& to) {
                      return read_number(in, 1, std::numeric_limits<std::int32_t>::max(), to.pid);
                    }},
    OpWithArguments{"get", 2, Control::Op::kGet,
                    [](auto& in, auto& to) { return read_text(in, to.file); }},
    OpWithArguments{"resize", 3, Control::Op::kResize,
                    [](auto& in, auto& to) { return read_terminal_size(in, to.size); }},
    OpWithArguments{"set", 3, Control::Op::kSet, [](auto& in, auto& to) {
                      return read_text(in, to.file) && read_text(in, to.value);
                    }}};

}  // namespace

bool read_op(TermReader& in, Control& control) {
  const auto arity = in.tuple();
  if (!arity) return read_choice(in, kPlainOps, control.op);
  const auto name = in.atom();
  const auto* op = name ? find(kOpsWithArguments, *name) : nullptr;
  if (op == nullptr || op->arity != *arity) return false;
  control.op = op->op;
  return op->read(in, control);
}

namespace {

Request read_control(TermReader& in, Id id) {
  Control control;
  control.id = id;
  const bool good = read_number(in, 0, kMaxId, control.ref) && read_op(in, control);
  return good ? Request(std::move(control)) : refuse(kBadRequest);
}

Request read_sweep(TermReader& in, Id) {
  Control control;
  control.op = Control::Op::kSweep;
  return read_number(in, 0, kMaxId, control.ref) ? Request(std::move(control))
                                                 : refuse(kBadRequest);
}

Request read_group_control(TermReader& in, Id) {
  GroupControl request;
  return read_group(in, request) ? Request(std::move(request)) : refuse(kBadRequest);
}

struct Command {
  std::string_view name;
  std::size_t arity;  // of the tuple, the name counted
  bool has_id;
  Request (*read)(TermReader&, Id);
};

// As in README.md, "Requests"; the frequent ones first.
constexpr std::array kCommands = {Command{"credit", 4, true, read_credit},
                                  Command{"start", 3, true, read_start},
                                  Command{"input", 3, true, read_input},
                                  Command{"input", 4, true, read_input_to},
                                  Command{"close_input", 2, true, read_close_input},
                                  Command{"close_input", 3, true, read_close_input_of},
                                  Command{"signal", 4, true, read_signal},
                                  Command{"stop", 3, true, read_stop},
                                  Command{"control", 4, true, read_control},
                                  Command{"group_control", 4, false, read_group_control},
                                  Command{"sweep", 2, false, read_sweep},
                                  Command{"open_link", 2, false, read_link<OpenLink>},
                                  Command{"close_link", 2, false, read_link<CloseLink>},
                                  Command{"ping", 2, false, read_ping},
                                  Command{"hello", 2, false, read_hello},
                                  Command{"shutdown", 1, false, read_shutdown}};

// The command of that name and arity; without one, one of that name.
const Command* find_command(std::string_view name, std::size_t arity) {
  const auto* exact = std::find_if(kCommands.begin(), kCommands.end(), [&](const auto& each) {
    return each.name == name && each.arity == arity;
  });
  return exact == kCommands.end() ? find(kCommands, name) : exact;
}

// The id, or 0 and why there is none.
struct IdField {
  Id id = 0;
  std::string_view reason;
};

IdField read_whose(TermReader& in) {
  IdField field;
  if (!in.at_integer()) return {0, kBadRequest};
  if (!read_number(in, 1, kMaxId, field.id)) return {0, "bad_id"};
  return field;
}

Request read_with_id(TermReader& in, const Command* command) {
  const auto [id, reason] = read_whose(in);
  if (command == nullptr) return Unusable{id, {}, kBadRequest};
  auto request = id == 0 ? refuse(reason) : command->read(in, id);
  if (auto* unusable = std::get_if<Unusable>(&request)) unusable->id = id;
  return request;
}

// An unknown request, or one of another shape, is refused with the id that stands where ids stand.
Request read_command(TermReader& in, std::string_view name, std::size_t arity) {
  const auto* command = find_command(name, arity);
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
