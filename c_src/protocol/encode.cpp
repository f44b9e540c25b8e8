// The writing half of codec.hpp.
#include <algorithm>

#include "protocol/codec.hpp"
#include "protocol/frame.hpp"
#include "protocol/term.hpp"

namespace contained::protocol {
namespace {

using namespace std::string_view_literals;

std::string_view name(Stream stream) { return stream == Stream::kStdout ? "stdout" : "stderr"; }

void write(TermWriter& out, const ProcessId& process) {
  out.tuple(2).integer(process.pid).count(process.start_time);
}

void write(TermWriter& out, const HelloBack& event) {
  out.tuple(3).atom("hello").integer(kVersion).map(6);
  out.atom("version").binary(event.version);
  write(out.atom("guardian"), event.guardian);
  write(out.atom("worker"), event.worker);
  out.atom("containment").atom(event.containment);
  out.atom("cgroup").binary(event.cgroup);
  out.atom("refused").list(event.refused.size());
  for (const auto& call : event.refused) out.atom(call);
  out.end_list(event.refused.size());
}

void write(TermWriter& out, const Started& event) {
  out.tuple(3).atom("started").count(event.id).integer(event.os_pid);
}

void write(TermWriter& out, const Failed& event) {
  out.tuple(5).atom("failed").count(event.id).atom(event.stage);
  out.atom(event.error).binary(event.subject);
}

void write(TermWriter& out, const Closed& event) {
  out.tuple(3).atom("closed").count(event.id).atom(name(event.stream));
}

void write(TermWriter& out, const InputCredit& event) {
  out.tuple(3).atom("input_credit").count(event.id).count(event.bytes);
}

void write(TermWriter& out, const InputClosed& event) {
  out.tuple(3).atom("input_closed").count(event.id).atom(event.error);
}

void write(TermWriter& out, const Signaled& event) {
  out.tuple(3).atom("signaled").count(event.id).atom(event.error.empty() ? "ok" : event.error);
}

void write_status(TermWriter& out, const Ended& event) {
  if (event.exited) {
    out.tuple(2).atom("exited").integer(event.code);
  } else {
    out.tuple(3).atom("signaled").integer(event.code).atom(event.core_dumped ? "true" : "false");
  }
}

void write(TermWriter& out, const Ended& event) {
  out.tuple(3).atom("ended").count(event.id).map(10);
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
