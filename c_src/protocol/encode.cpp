// The writing half of codec.hpp.
#include <algorithm>
#include <array>
#include <optional>
#include <type_traits>

#include "protocol/codec.hpp"
#include "protocol/frame.hpp"
#include "protocol/term.hpp"

namespace contained::protocol {
namespace {

using namespace std::string_view_literals;

void write(TermWriter& out, Stream stream) {
  const auto number = static_cast<int>(stream);
  if (number >= kFirstFd)
    out.integer(number);
  else
    out.atom(stream == Stream::kStdout ? "stdout" : "stderr");
}

void write(TermWriter& out, const std::vector<std::string>& names) {
  out.list(names.size());
  for (const auto& name : names) out.binary(name);
  out.end_list(names.size());
}

void write(TermWriter& out, const ProcessId& process) {
  out.tuple(2).integer(process.pid).count(process.start_time);
}

void write(TermWriter& out, const HelloBack& event) {
  const std::size_t more = (event.seccomp ? 1 : 0) + (event.landlock > 0 ? 1 : 0);
  out.tuple(3).atom("hello").integer(kVersion).map(7 + more);
  out.atom("version").binary(event.version);
  write(out.atom("guardian"), event.guardian);
  write(out.atom("worker"), event.worker);
  out.atom("containment").atom(event.containment);
  out.atom("cgroup").binary(event.cgroup);
  out.atom("refused").list(event.refused.size());
  for (const auto& call : event.refused) out.atom(call);
  out.end_list(event.refused.size());
  write(out.atom("limits"), event.limits);
  if (event.seccomp) out.atom("seccomp").atom("true");
  if (event.landlock > 0) out.atom("landlock").integer(event.landlock);
}

void write(TermWriter& out, const Started& event) {
  out.tuple(3).atom("started").count(event.id).integer(event.os_pid);
}

void write(TermWriter& out, const Failed& event) {
  out.tuple(5).atom("failed").count(event.id).atom(event.stage);
  out.atom(event.error).binary(event.subject);
}

void write(TermWriter& out, const Closed& event) {
  write(out.tuple(3).atom("closed").count(event.id), event.stream);
}

void write(TermWriter& out, const InputCredit& event) {
  out.tuple(event.fd == 0 ? 3 : 4).atom("input_credit").count(event.id);
  if (event.fd != 0) out.integer(event.fd);
  out.count(event.bytes);
}

void write(TermWriter& out, const InputClosed& event) {
  out.tuple(event.fd == 0 ? 3 : 4).atom("input_closed").count(event.id);
  if (event.fd != 0) out.integer(event.fd);
  out.atom(event.error);
}

void write(TermWriter& out, const Signaled& event) {
  out.tuple(3).atom("signaled").count(event.id).atom(event.error.empty() ? "ok" : event.error);
}

void write(TermWriter& out, const Stuck& event) { out.tuple(2).atom("stuck").count(event.id); }

template <typename Exit>
void write_status(TermWriter& out, const Exit& event) {
  if (event.exited) {
    out.tuple(2).atom("exited").integer(event.code);
  } else {
    out.tuple(3).atom("signaled").integer(event.code).atom(event.core_dumped ? "true" : "false");
  }
}

void write(TermWriter& out, const OrphanExit& event) {
  write_status(out.tuple(4).atom("orphan_exit").count(event.id).integer(event.os_pid), event);
}

// Only what is known.
struct Counted {
  std::string_view name;
  const std::optional<std::uint64_t> Ended::*value;
};
constexpr std::array kCounted = {
    Counted{"memory_peak", &Ended::memory_peak}, Counted{"oom_kills", &Ended::oom_kills},
    Counted{"io_read", &Ended::io_read}, Counted{"io_written", &Ended::io_written},
    Counted{"pids_peak", &Ended::pids_peak}};

void write_counted(TermWriter& out, const Ended& event) {
  for (const auto& [name, value] : kCounted) {
    if (event.*value) out.atom(name).count(*(event.*value));
  }
  if (!event.not_applied.empty()) write(out.atom("not_applied"), event.not_applied);
  if (!event.limits_hit.empty()) write(out.atom("limits_hit"), event.limits_hit);
}

std::size_t counted(const Ended& event) {
  const auto known = std::count_if(kCounted.begin(), kCounted.end(), [&](const auto& each) {
    return (event.*each.value).has_value();
  });
  return static_cast<std::size_t>(known) + (event.not_applied.empty() ? 0 : 1) +
         (event.limits_hit.empty() ? 0 : 1);
}

void write(TermWriter& out, const Ended& event) {
  out.tuple(3).atom("ended").count(event.id).map(10 + counted(event));
  write_status(out.atom("status"), event);
  out.atom("reason").atom(event.reason);
  out.atom("left_behind").count(event.left_behind);
  out.atom("unkilled").count(event.unkilled);
  out.atom("wall_us").count(event.wall_us);
  out.atom("user_us").count(event.user_us);
  out.atom("system_us").count(event.system_us);
  out.atom("max_rss_kb").count(event.max_rss_kb);
  out.atom("stdout_bytes").count(event.stdout_bytes);
  out.atom("stderr_bytes").count(event.stderr_bytes);
  write_counted(out, event);
}

// ---- Answers

void write(TermWriter& out, std::monostate) { out.atom("nil"); }
void write(TermWriter& out, const std::string& text) { out.binary(text); }
void write(TermWriter& out, std::uint64_t number) { out.count(number); }

void write(TermWriter& out, const Counters& counters) {
  out.list(counters.size());
  for (const auto& [name, value] : counters) out.tuple(2).binary(name).count(value);
  out.end_list(counters.size());
}

void write(TermWriter& out, const std::vector<Limit>& limits) {
  out.list(limits.size());
  for (const auto& [key, value] : limits) out.tuple(2).binary(key).binary(value);
  out.end_list(limits.size());
}

void write(TermWriter& out, const ProcessRow& row) {
  out.map(6).atom("pid").integer(row.pid).atom("ppid").integer(row.ppid);
  out.atom("start_time").count(row.start_time);
  out.atom("state").binary({&row.state, 1});
  out.atom("name").binary(row.name).atom("command").binary(row.command);
}

void write(TermWriter& out, const std::vector<ProcessRow>& rows) {
  out.list(rows.size());
  for (const auto& row : rows) write(out, row);
  out.end_list(rows.size());
}

void write(TermWriter& out, const PlaceRow& row) {
  write(out.tuple(4), row.controllers);
  out.binary(row.path).count(row.inode);
  if (row.before)
    out.tuple(2).count(row.before->first).count(row.before->second);
  else
    out.atom("nil");
}

void write(TermWriter& out, const std::vector<PlaceRow>& rows) {
  out.list(rows.size());
  for (const auto& row : rows) write(out, row);
  out.end_list(rows.size());
}

void write(TermWriter& out, const std::vector<std::int64_t>& numbers) {
  out.list(numbers.size());
  for (const auto number : numbers) out.integer(number);
  out.end_list(numbers.size());
}

void write(TermWriter& out, const Answer& event) {
  out.tuple(4).atom("answer").count(event.id).count(event.ref);
  if (const auto* error = std::get_if<ControlError>(&event.what)) {
    out.tuple(4).atom("error").atom(error->stage).atom(error->error).binary(error->subject);
    return;
  }
  out.tuple(2).atom("ok");
  std::visit(
      [&](const auto& what) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(what)>, ControlError>) write(out, what);
      },
      event.what);
}

void write(TermWriter& out, const GroupEvent& event) {
  out.tuple(4).atom("group_event").binary(event.group).atom(event.kind);
  const bool counted = event.count > 0;
  out.map((counted ? 1 : 0) + (event.limit.empty() ? 0 : 1));
  if (counted) out.atom("count").count(event.count);
  if (!event.limit.empty()) out.atom("limit").atom(event.limit);
}

void write(TermWriter& out, const Refused& event) {
  out.tuple(4).atom("refused").count(event.id).atom(event.request).atom(event.reason);
}

void write(TermWriter& out, const Pong& event) { out.tuple(2).atom("pong").count(event.number); }

void write(TermWriter& out, const VmSignal& event) {
  out.tuple(2).atom("vm_signal").integer(event.number);
}

}  // namespace

std::string encode(const Event& event) {
  TermWriter out;
  std::visit([&](const auto& each) { write(out, each); }, event);
  const auto term = out.bytes();
  std::string frame(kLengthSize, '\0');
  store_be32(frame.data(), static_cast<std::uint32_t>(term.size()));
  return frame.append(term);
}

void write_output_header(std::span<char, kOutputHeaderSize> out, Id id, Stream stream,
                         std::uint32_t payload) {
  static constexpr auto kShape = "\0\0\0\0\x83h\x04w\x06outputb\0\0\0\0a\0m\0\0\0\0"sv;
  static_assert(kShape.size() == kOutputHeaderSize);
  std::copy(kShape.begin(), kShape.end(), out.begin());
  store_be32(out.data(), static_cast<std::uint32_t>(kOutputHeaderSize - kLengthSize) + payload);
  store_be32(&out[16], id);
  out[21] = static_cast<char>(stream);
  store_be32(&out[23], payload);
}

}  // namespace contained::protocol
