// Every line of test/fixtures/frames.txt: what Erlang wrote means this to us, and what we write is
// what Erlang reads there (test/contained/protocol_test.exs).
#include "protocol/golden.hpp"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <set>

#include "protocol/codec.hpp"
#include "protocol/frame.hpp"
#include "protocol/golden_ended.hpp"
#include "protocol/golden_isolation.hpp"
#include "protocol/golden_seal.hpp"

namespace contained::protocol {
namespace {

template <class T>
const T& as(const Request& request) {
  static const T kNone{};
  const auto* found = std::get_if<T>(&request);
  EXPECT_NE(found, nullptr) << "another kind of request";
  return found != nullptr ? *found : kNone;
}

using Check = void (*)(const Request&);

void is_least_start(const Request& request) {
  const auto& start = as<Start>(request);
  EXPECT_EQ(start.id, 1U);
  EXPECT_EQ(start.program, "/bin/echo");
  EXPECT_EQ(start.args, (std::vector<std::string>{"/bin/echo", "hi"}));
  EXPECT_TRUE(start.env.empty());
  EXPECT_EQ(start.stop, (Ladder{{15, 500}}));
}

void is_full_start(const Request& request) {
  const auto& start = as<Start>(request);
  EXPECT_EQ(start.id, kMaxId);
  EXPECT_EQ(start.program, "./run");
  EXPECT_EQ(start.args, (std::vector<std::string>{"run", "", "\xC3\xA4\xFF"}));
  EXPECT_EQ(start.env, (std::vector<EnvChange>{{"A", "1=2"}, {"B", std::nullopt}, {"A", ""}}));
  EXPECT_TRUE(start.clear_env);
  EXPECT_EQ(start.cd, "/srv");
  EXPECT_EQ(start.in, Stdin::kPipe);
  EXPECT_EQ(start.out, Output::kNull);
  EXPECT_EQ(start.err, Output::kStdout);
  EXPECT_EQ(start.window, kMaxWindow);
  EXPECT_EQ(start.timeout_ms, 5000U);
  EXPECT_EQ(start.max_output, 1ULL << 40);
  EXPECT_EQ(start.stop, (Ladder{{15, 2000}, {2, 500}}));
  EXPECT_EQ(start.signal_to, Target::kLeader);
  EXPECT_EQ(start.linger, Linger::kLeave);
  EXPECT_EQ(start.placement.group, "web-1_a.b");
}

void is_start_of_empty_lists(const Request& request) {
  EXPECT_TRUE(as<Start>(request).env.empty());
  EXPECT_TRUE(as<Start>(request).stop.empty());
}

template <Stdin in, Output out, Output err>
void is_start_with(const Request& request) {
  EXPECT_EQ(as<Start>(request).in, in);
  EXPECT_EQ(as<Start>(request).out, out);
  EXPECT_EQ(as<Start>(request).err, err);
}

void is_start_at_a_terminal(const Request& request) {
  EXPECT_EQ(as<Start>(request).terminal, (Terminal{{40, 132}, true}));
}

template <Id id, std::size_t size>
void is_input(const Request& request) {
  EXPECT_EQ(as<Input>(request).id, id);
  EXPECT_EQ(as<Input>(request).data,
            std::string_view("hi\n\0\xFF", 5).substr(size == 2 ? 3 : 0, size));
}

template <Stream stream, std::uint64_t bytes>
void is_credit(const Request& request) {
  EXPECT_EQ(as<Credit>(request).id, 7U);
  EXPECT_EQ(as<Credit>(request).stream, stream);
  EXPECT_EQ(as<Credit>(request).bytes, bytes);
}

template <int number, Target to>
void is_signal(const Request& request) {
  EXPECT_EQ(as<Signal>(request).id, 7U);
  EXPECT_EQ(as<Signal>(request).number, number);
  EXPECT_EQ(as<Signal>(request).to, to);
}

void is_stop_by_ladder(const Request& request) {
  EXPECT_EQ(as<Stop>(request).id, 7U);
  EXPECT_EQ(as<Stop>(request).ladder, (Ladder{{15, 500}, {9, 86400000}}));
}

void is_start_as_somebody(const Request& request) {
  const auto& who = as<Start>(request).identity;
  EXPECT_EQ(who.uid, 65534U);
  EXPECT_EQ(who.gid, 65534U);
  EXPECT_EQ(who.groups, (std::vector<std::uint32_t>{4, 65534}));
  EXPECT_EQ(who.umask, 022U);
  EXPECT_EQ(who.nice, -5);
  EXPECT_EQ(who.oom_score_adj, -1000);
  EXPECT_EQ(who.rlimits, (std::vector<Rlimit>{{"nofile", 256, std::nullopt}, {"cpu", 1, 2}}));
  EXPECT_TRUE(who.no_new_privs);
  EXPECT_EQ(who.capabilities,
            (Capabilities{true, {}, std::vector<std::string>{"kill"}, {"cap_net_raw"}}));
}

void is_start_somewhere(const Request& request) {
  const auto& where = as<Start>(request).placement;
  EXPECT_EQ(where.group, "web/a.b");
  EXPECT_EQ(where.name, "one");
  EXPECT_EQ(where.limits, (std::vector<Limit>{{"memory", "64M"}, {"cpu", "0.5"}}));
  EXPECT_EQ(where.group_limits, (std::vector<Limit>{{"pids", "100"}}));
  EXPECT_EQ(where.settings, (std::vector<Setting>{{"memory", "memory.high", "1000000"}}));
  EXPECT_TRUE(where.ignore_unsupported);
  EXPECT_TRUE(where.keep);
  EXPECT_TRUE(where.delegate);
}

void is_start_with_fds(const Request& request) {
  using Kind = Fd::Kind;
  EXPECT_EQ(as<Start>(request).fds, (std::vector<Fd>{{3, Kind::kOutput},
                                                     {4, Kind::kInput},
                                                     {5, Kind::kNull},
                                                     {6, Kind::kStdout},
                                                     {63, Kind::kStderr}}));
}

void is_start_alone(const Request& request) {
  EXPECT_EQ(as<Start>(request).isolation.network, Isolation::Network::kNone);
}

void is_input_to_fd(const Request& request) {
  EXPECT_EQ(as<Input>(request).fd, 4);
  EXPECT_EQ(as<Input>(request).data, "hi\n");
}

template <Control::Op op, std::uint32_t ref = 1>
void is_control(const Request& request) {
  EXPECT_EQ(as<Control>(request).id, 7U);
  EXPECT_EQ(as<Control>(request).ref, ref);
  EXPECT_EQ(as<Control>(request).op, op);
}

void is_set_limits(const Request& request) {
  is_control<Control::Op::kSetLimits, kMaxId>(request);
  EXPECT_EQ(as<Control>(request).limits, (std::vector<Limit>{{"memory", "max"}}));
}

void is_migrate(const Request& request) {
  is_control<Control::Op::kMigrate>(request);
  EXPECT_EQ(as<Control>(request).pid, 813);
}

void is_get(const Request& request) {
  is_control<Control::Op::kGet>(request);
  EXPECT_EQ(as<Control>(request).file, "memory.max");
}

void is_resize(const Request& request) {
  is_control<Control::Op::kResize>(request);
  EXPECT_EQ(as<Control>(request).size, (TerminalSize{50, 65535}));
}

void is_set(const Request& request) {
  is_control<Control::Op::kSet>(request);
  EXPECT_EQ(as<Control>(request).file, "memory.max");
  EXPECT_EQ(as<Control>(request).value, "max");
}

template <GroupControl::Op op>
void is_group(const Request& request) {
  EXPECT_EQ(as<GroupControl>(request).group, "web/box");
  EXPECT_EQ(as<GroupControl>(request).op, op);
  EXPECT_EQ(as<GroupControl>(request).control.ref, 9U);
  EXPECT_EQ(as<GroupControl>(request).control.id, 0U);
}

void is_group_stats(const Request& request) {
  is_group<GroupControl::Op::kControl>(request);
  EXPECT_EQ(as<GroupControl>(request).control.op, Control::Op::kStats);
}

void is_group_set_limits(const Request& request) {
  is_group<GroupControl::Op::kControl>(request);
  EXPECT_EQ(as<GroupControl>(request).control.op, Control::Op::kSetLimits);
  EXPECT_EQ(as<GroupControl>(request).control.limits, (std::vector<Limit>{{"memory", "1G"}}));
}

void is_sweep(const Request& request) {
  EXPECT_EQ(as<Control>(request).op, Control::Op::kSweep);
  EXPECT_EQ(as<Control>(request).id, 0U);
  EXPECT_EQ(as<Control>(request).ref, 5U);
}

void is_start_with_links(const Request& request) {
  const auto& start = as<Start>(request);
  EXPECT_TRUE(start.in == Stdin::kLink && start.out == Output::kLink && start.err == Output::kLink);
  EXPECT_EQ(start.in_link + " " + start.out_link + " " + start.err_link, "in out err");
  EXPECT_EQ(start.fds,
            (std::vector<Fd>{{3, Fd::Kind::kLinkIn, "a"}, {4, Fd::Kind::kLinkOut, "b"}}));
}

// clang-format off
const std::map<std::string, Check> kDown = {
    {"hello", [](const Request& r) { EXPECT_EQ(as<Hello>(r).version, 1); }},
    {"hello_other_version", [](const Request& r) { EXPECT_EQ(as<Hello>(r).version, 2); }},
    {"start_least", is_least_start},
    {"start_full", is_full_start},
    {"start_hold_started", [](const Request& r) { EXPECT_TRUE(as<Start>(r).hold_started); }},
    {"start_orphans", [](const Request& r) { EXPECT_TRUE(as<Start>(r).orphans); }},
    {"start_lists_empty", is_start_of_empty_lists},
    {"start_stdio_1", is_start_with<Stdin::kOpen, Output::kPipe, Output::kInherit>},
    {"start_stdio_2", is_start_with<Stdin::kNull, Output::kInherit, Output::kNull>},
    {"start_stdio_3", is_start_with<Stdin::kInherit, Output::kPipe, Output::kPipe>},
    {"input", is_input<7, 3>},
    {"input_empty", is_input<255, 0>},
    {"input_large_id", is_input<kMaxId, 2>},
    {"close_input", [](const Request& r) { EXPECT_EQ(as<CloseInput>(r).id, 7U); }},
    {"start_who", is_start_as_somebody},
    {"start_where", is_start_somewhere},
    {"start_fds", is_start_with_fds},
    {"start_isolated", [](auto& request) { expect_isolated(as<Start>(request).isolation); }},
    {"start_alone", is_start_alone},
    {"start_sealed", [](const Request& r) { expect_sealed(as<Start>(r).seal); }},
    {"input_to", is_input_to_fd},
    {"close_input_of", [](const Request& r) { EXPECT_EQ(as<CloseInput>(r).fd, 4); }},
    {"credit_fd", is_credit<Stream{3}, 1024>},
    {"control_path", is_control<Control::Op::kPath>},
    {"control_stats", is_control<Control::Op::kStats>},
    {"control_processes", is_control<Control::Op::kProcesses>},
    {"control_limits", is_control<Control::Op::kLimits>},
    {"control_freeze", is_control<Control::Op::kFreeze>},
    {"control_thaw", is_control<Control::Op::kThaw>},
    {"control_kill", is_control<Control::Op::kKill>},
    {"control_threads", is_control<Control::Op::kThreads>},
    {"control_places", is_control<Control::Op::kPlaces>},
    {"control_set_limits", is_set_limits},
    {"control_migrate", is_migrate},
    {"control_get", is_get},
    {"control_set", is_set},
    {"control_resize", is_resize},
    {"group_make", is_group<GroupControl::Op::kMake>},
    {"group_remove", is_group<GroupControl::Op::kRemove>},
    {"group_watch", is_group<GroupControl::Op::kWatch>},
    {"group_unwatch", is_group<GroupControl::Op::kUnwatch>},
    {"group_stats", is_group_stats},
    {"group_set_limits", is_group_set_limits},
    {"sweep", is_sweep},
    {"open_link", [](const Request& r) { EXPECT_EQ(as<OpenLink>(r).name, "log.1"); }},
    {"close_link", [](const Request& r) { EXPECT_EQ(as<CloseLink>(r).name, "log.1"); }},
    {"start_links", is_start_with_links},
    {"start_terminal", is_start_at_a_terminal},
    {"credit_stdout", is_credit<Stream::kStdout, 65536>},
    {"credit_stderr", is_credit<Stream::kStderr, kMaxCredit>},
    {"signal_all", is_signal<15, Target::kAll>},
    {"signal_leader", is_signal<64, Target::kLeader>},
    {"stop_default", [](const Request& r) { EXPECT_EQ(as<Stop>(r).ladder, std::nullopt); }},
    {"stop_ladder", is_stop_by_ladder},
    {"stop_at_once", [](const Request& r) { EXPECT_EQ(as<Stop>(r).ladder, Ladder{}); }},
    {"ping", [](const Request& r) { EXPECT_EQ(as<Ping>(r).number, 42U); }},
    {"ping_large", [](const Request& r) { EXPECT_EQ(as<Ping>(r).number, 0x7fffffffffffffffU); }},
    {"shutdown", [](const Request& r) { as<Shutdown>(r); }}};
// clang-format on

std::string output(Id id, Stream stream, std::string_view payload) {
  std::array<char, kOutputHeaderSize> header;
  write_output_header(header, id, stream, static_cast<std::uint32_t>(payload.size()));
  return std::string(header.data(), header.size()).append(payload);
}

HelloBack hello(std::string containment, std::string cgroup, std::vector<std::string> refused,
                std::vector<std::string> limits) {
  return {"0.1.0",           {811, 90210},       {812, 90210},     std::move(containment),
          std::move(cgroup), std::move(refused), std::move(limits)};
}

HelloBack sealing() {
  auto back = hello("none", "", {}, {});
  back.seccomp = true;
  back.landlock = 7;
  return back;
}

const std::vector<ProcessRow> kRows = {{813, 812, 90210, 'S', "cat", std::string("cat\0-", 5)}};
const std::vector<PlaceRow> kPlaces = {{{}, "/g/1", 813, {{5, 7}}},
                                       {{"cpu", "cpuacct"}, "/c/1", 9, {}}};

const std::map<std::string, std::string> kUp = {
    {"hello", encode(hello("cgroup2", "/sys/fs/cgroup/unified/contained-812", {"clone3", "splice"},
                           {"memory", "cpu"}))},
    {"hello_none", encode(hello("none", "", {}, {}))},
    {"hello_sealing", encode(sealing())},
    {"closed_fd", encode(Closed{1, Stream{3}})},
    {"input_credit_fd", encode(InputCredit{1, 65536, 4})},
    {"input_closed_fd", encode(InputClosed{1, "epipe", 4})},
    {"ended_oom", encode(out_of_memory())},
    {"answer_done", encode(Answer{7, 1, std::monostate()})},
    {"answer_text", encode(Answer{7, 1, "max"})},
    {"answer_number", encode(Answer{0, 5, std::uint64_t{2}})},
    {"answer_counters",
     encode(Answer{7, 1, Counters{{"cpu_usage_us", 12}, {"memory_current", 1ULL << 40}}})},
    {"answer_limits", encode(Answer{7, 1, std::vector<Limit>{{"memory", "67108864"}}})},
    {"answer_processes", encode(Answer{7, 1, kRows})},
    {"answer_places", encode(Answer{7, 1, kPlaces})},
    {"answer_threads", encode(Answer{7, 1, std::vector<std::int64_t>{42, 813}})},
    {"answer_nothing", encode(Answer{7, 1, std::vector<Limit>()})},
    {"answer_error", encode(Answer{7, 1, ControlError{"limit", "ebusy", "memory"}})},
    {"started", encode(Started{1, 813})},
    {"failed", encode(Failed{7, "exec", "enoent", "/no/such"})},
    {"output_stdout", output(1, Stream::kStdout, "hi\n")},
    {"output_stderr", output(kMaxId, Stream::kStderr, {"\0\xFF", 2})},
    {"closed_stdout", encode(Closed{1, Stream::kStdout})},
    {"closed_stderr", encode(Closed{1, Stream::kStderr})},
    {"input_credit", encode(InputCredit{1, 65536})},
    {"input_closed", encode(InputClosed{1, "epipe"})},
    {"signaled_ok", encode(Signaled{1, ""})},
    {"signaled_esrch", encode(Signaled{1, "esrch"})},
    {"ended_exited", encode(Ended{1, true, 0, false, "exit", 0, 0, 1200, 300, 400, 2048, 3, 0})},
    {"ended_signaled", encode(Ended{2, false, 9, false, "timeout", 2, 1, 5000000, 4000000, 900000,
                                    70000, 1ULL << 40, 12})},
    {"ended_core", encode(core_dump())},
    {"ended_stopped", encode(quiet_end(4, false, 15, "stopped"))},
    {"ended_output_limit", encode(quiet_end(5, true, 255, "output_limit"))},
    {"stuck", encode(Stuck{7})},
    {"orphan_exit", encode(OrphanExit{7, 4711, true, 120, false})},
    {"orphan_exit_signaled", encode(OrphanExit{7, 2, false, 9, false})},
    {"group_event_empty", encode(GroupEvent{"web/box", "empty", {}, 0})},
    {"group_event_oom", encode(GroupEvent{"web/box", "oom", {}, 2})},
    {"group_event_limit_hit", encode(GroupEvent{"web/box", "limit_hit", "pids", 7})},
    {"refused", encode(Refused{7, "start", "id_in_use"})},
    {"refused_unread", encode(Refused{0, "", "bad_request"})},
    {"pong", encode(Pong{42})},
    {"vm_signal", encode(VmSignal{15})}};

// A refused request is called <reason>.<what is wrong>.
void check_refused(const GoldenFrame& frame, const Request& request) {
  const auto& unusable = as<Unusable>(request);
  EXPECT_EQ(unusable.reason, frame.name.substr(0, frame.name.find('.')));
  const bool named = frame.term.starts_with("{" + unusable.request + ",");
  EXPECT_TRUE(unusable.request.empty() || named) << unusable.request;
}

void check_down(const GoldenFrame& frame) {
  const auto decoded = decode(frame.bytes);
  ASSERT_TRUE(decoded.ok());
  const auto& request = decoded.value();
  if (frame.name.find('.') != std::string::npos) return check_refused(frame, request);
  const auto check = kDown.find(frame.name);
  ASSERT_NE(check, kDown.end()) << "no check for this line";
  check->second(request);
}

void check_up(const GoldenFrame& frame) {
  const auto expected = kUp.find(frame.name);
  ASSERT_NE(expected, kUp.end()) << "no event for this line";
  EXPECT_EQ(to_hex(expected->second).substr(2 * kLengthSize), to_hex(frame.bytes));
}

TEST(GoldenFrames, MeanTheSameToBothLanguages) {
  for (const auto& frame : golden_frames()) {
    SCOPED_TRACE(frame.name);
    frame.down ? check_down(frame) : check_up(frame);
  }
}

// Else a line dropped from the file would be a check that nobody misses.
TEST(GoldenFrames, AreAllThere) {
  std::set<std::string> names;
  for (const auto& frame : golden_frames())
    names.insert((frame.down ? "down " : "up ") + frame.name);
  for (const auto& [name, check] : kDown) EXPECT_TRUE(names.contains("down " + name)) << name;
  for (const auto& [name, bytes] : kUp) EXPECT_TRUE(names.contains("up " + name)) << name;
  for (const auto* reason : {"bad_request", "bad_spec", "bad_id", "bad_credit"}) {
    const auto first = names.lower_bound(fmt::format("down {}.", reason));
    EXPECT_TRUE(first != names.end() && first->starts_with(fmt::format("down {}.", reason)));
  }
}

}  // namespace
}  // namespace contained::protocol
