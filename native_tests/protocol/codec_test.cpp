// decode() over literal bytes and over terms of every wrong shape; the right ones in golden_test.
#include "protocol/codec.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <functional>
#include <string>

#include "protocol/frame.hpp"
#include "protocol/golden.hpp"
#include "protocol/term.hpp"

namespace contained::protocol {
namespace {

using Fill = std::function<void(TermWriter&)>;

Request request(std::string_view frame) {
  auto decoded = decode(frame);
  EXPECT_TRUE(decoded.ok());
  return decoded ? *decoded : Request();
}

Unusable unusable(std::string_view frame) {
  const auto decoded = request(frame);
  EXPECT_TRUE(std::holds_alternative<Unusable>(decoded));
  const auto* found = std::get_if<Unusable>(&decoded);
  return found != nullptr ? *found : Unusable{};
}

// {start, 7, #{program, args, |key| => what |fill| writes}}
Request start_with(std::string_view key, const Fill& fill) {
  TermWriter out;
  out.tuple(3).atom("start").count(7).map(3);
  out.atom("program").binary("/bin/true").atom("args").list(1).binary("true").end_list(1);
  fill(out.atom(key));
  return request(out.bytes());
}

bool accepts(std::string_view key, const Fill& fill) {
  const auto decoded = start_with(key, fill);
  if (const auto* refused = std::get_if<Unusable>(&decoded)) {
    EXPECT_EQ(refused->reason, "bad_spec");
    EXPECT_EQ(refused->request, "start");
    EXPECT_EQ(refused->id, 7U);
  }
  return std::holds_alternative<Start>(decoded);
}

bool accepts_binary(std::string_view key, std::string_view value) {
  return accepts(key, [&](auto& out) { out.binary(value); });
}

bool accepts_count(std::string_view key, std::uint64_t value) {
  return accepts(key, [&](auto& out) { out.count(value); });
}

bool accepts_atom(std::string_view key, std::string_view value) {
  return accepts(key, [&](auto& out) { out.atom(value); });
}

bool accepts_env(std::string_view name, const Fill& value) {
  return accepts("env", [&](auto& out) {
    value(out.list(1).tuple(2).binary(name));
    out.end_list(1);
  });
}

bool accepts_rungs(std::size_t count, std::uint64_t signal, std::uint64_t grace) {
  return accepts("stop", [&](auto& out) {
    out.list(count);
    for (std::size_t i = 0; i < count; ++i) out.tuple(2).count(signal).count(grace);
    out.end_list(count);
  });
}

constexpr std::string_view kNul("a\0b", 3);

TEST(DecodeInput, PointsIntoTheFrame) {
  for (const auto* hex : {"836803640005696E7075746107"
                          "6D000000026869",
                          "8368037705696E70757462000000076D000000026869",
                          "8368037305696E70757462000000076D000000026869",
                          "83690000000377"
                          "05696E70757461076D000000026869"}) {
    const auto frame = from_hex(hex);
    const auto decoded = request(frame);
    const auto* input = std::get_if<Input>(&decoded);
    ASSERT_NE(input, nullptr) << hex;
    EXPECT_EQ(input->id, 7U);
    EXPECT_EQ(input->data, "hi");
    EXPECT_EQ(input->data.data(), frame.data() + frame.size() - 2);
  }
}

TEST(DecodeInput, RefusesALengthThatIsNotTheFrames) {
  for (const auto* hex :
       {"8368037705696E70757461076D000000016869", "8368037705696E70757461076D000000036869",
        "8368037705696E70757461076D0000",
        "8368037705696E707574"
        "62000000"}) {
    EXPECT_FALSE(decode(from_hex(hex)).ok()) << hex;
  }
}

TEST(DecodeInput, RefusesAnIdOfNoSession) {
  const auto zero = unusable(from_hex("8368037705696E70757461006D000000026869"));
  EXPECT_EQ(zero.reason, "bad_id");
  EXPECT_EQ(zero.request, "input");
  EXPECT_EQ(unusable(from_hex("8368037705696E70757462800000006D000000026869")).reason, "bad_id");
}

TEST(Decode, IsAnErrorOnlyForABrokenTerm) {
  const auto decoded = decode("\x83\x68\x02");
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.error().code, EBADMSG);
  EXPECT_EQ(decoded.error().stage, Stage::kProtocol);
}

TEST(Decode, EchoesNameAndIdOfAnUnknownRequest) {
  TermWriter out;
  const auto refused = unusable(out.tuple(3).atom("dance").count(7).atom("fast").bytes());
  EXPECT_EQ(refused.id, 7U);
  EXPECT_EQ(refused.request, "dance");
  EXPECT_EQ(refused.reason, "bad_request");
}

TEST(Decode, EchoesNoIdForARequestWithoutOne) {
  TermWriter out;
  const auto refused = unusable(out.tuple(3).atom("ping").count(7).count(8).bytes());
  EXPECT_EQ(refused.id, 0U);
  EXPECT_EQ(refused.request, "ping");
}

TEST(Decode, EchoesNoNameLongerThan255Bytes) {
  std::string name;
  for (int i = 0; i < 200; ++i) name += "\xC3\xA4";
  const auto frame = "\x83h\x01v" + from_hex("0190") + name;
  EXPECT_EQ(unusable(frame).request, "");
  EXPECT_EQ(unusable(frame).reason, "bad_request");
}

TEST(Decode, RefusesANameCutByANul) {
  EXPECT_EQ(unusable(from_hex("8368027706"
                              "70696E670078"
                              "6101"))
                .request,
            "");
}

TEST(Decode, NeverAcceptsATruncatedFrame) {
  for (const auto& frame : golden_frames()) {
    for (std::size_t size = 0; frame.down && size < frame.bytes.size(); ++size) {
      const std::vector<char> cut(frame.bytes.begin(),
                                  frame.bytes.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_FALSE(decode({cut.data(), cut.size()}).ok()) << frame.name << " at " << size;
    }
  }
}

// Any flip gives an error or some request; a sanitizer build sees what else it might do.
TEST(Decode, SurvivesEveryFlippedBit) {
  std::size_t refused = 0;
  for (const auto& frame : golden_frames()) {
    for (std::size_t bit = 0; bit < frame.bytes.size() * 8; ++bit) {
      std::vector<char> flipped(frame.bytes.begin(), frame.bytes.end());
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
      const auto decoded = decode({flipped.data(), flipped.size()});
      EXPECT_FALSE(bit < 8 && decoded.ok()) << "without a version byte";
      if (!decoded.ok()) ++refused;
    }
  }
  EXPECT_GT(refused, 1000U);
}

TEST(DecodeStart, TakesTheDefaultsOfTheTable) {
  const auto decoded = start_with("clear_env", [](auto& out) { out.atom("false"); });
  const auto& start = std::get<Start>(decoded);
  EXPECT_EQ(start.in, Stdin::kOpen);
  EXPECT_EQ(start.out, Output::kPipe);
  EXPECT_EQ(start.err, Output::kInherit);
  EXPECT_EQ(start.window, 1048576U);
  EXPECT_EQ(start.stop, (Ladder{{15, 500}}));
  EXPECT_EQ(start.signal_to, Target::kAll);
  EXPECT_EQ(start.linger, Linger::kWait);
  EXPECT_EQ(start.placement.group, "default");
  EXPECT_FALSE(start.clear_env || start.cd || start.timeout_ms || start.max_output);
}

TEST(DecodeStart, RefusesAKeyTwiceAndOneItDoesNotKnow) {
  EXPECT_FALSE(accepts_binary("program", "/bin/false"));
  EXPECT_FALSE(accepts_binary("user", "nobody"));
  EXPECT_FALSE(accepts("", [](auto& out) { out.count(1); }));
}

TEST(DecodeStart, RefusesProgramsWithoutASlashOrWithANul) {
  for (const std::string_view program :
       {std::string_view("true"), std::string_view(""), std::string_view("/bin\0/true", 10)}) {
    TermWriter out;
    out.tuple(3).atom("start").count(7).map(2).atom("program").binary(program);
    out.atom("args").list(1).binary("true").end_list(1);
    EXPECT_EQ(unusable(out.bytes()).reason, "bad_spec");
  }
}

bool accepts_search(std::string_view program, std::string_view path) {
  TermWriter out;
  out.tuple(3).atom("start").count(7).map(3).atom("program").binary(program);
  out.atom("path").binary(path).atom("args").list(1).binary("true").end_list(1);
  return std::holds_alternative<Start>(request(out.bytes()));
}

TEST(DecodeStart, LooksForANameInAbsoluteDirectoriesOnly) {
  EXPECT_TRUE(accepts_search("true", "/bin"));
  EXPECT_TRUE(accepts_search("true", "/usr/bin:/bin"));
  for (const auto* path : {"", "bin", "/bin:", ":/bin", "/bin::/x", "/bin:x", "/bin:."}) {
    EXPECT_FALSE(accepts_search("true", path)) << path;
  }
  EXPECT_FALSE(accepts_search("/bin/true", "/bin"));
  EXPECT_FALSE(accepts_search("", "/bin"));
}

TEST(DecodeStart, ChecksTheDirectory) {
  EXPECT_TRUE(accepts_binary("cd", "/srv"));
  EXPECT_FALSE(accepts_binary("cd", kNul));
  EXPECT_FALSE(accepts_atom("cd", "nil"));
}

TEST(DecodeStart, ChecksEnvironmentNamesAndValues) {
  const Fill value = [](auto& out) { out.binary("a=b"); };
  EXPECT_TRUE(accepts_env("A", value));
  EXPECT_TRUE(accepts_env("A", [](auto& out) { out.atom("nil"); }));
  EXPECT_FALSE(accepts_env("A", [](auto& out) { out.atom("false"); }));
  EXPECT_FALSE(accepts_env("A", [](auto& out) { out.binary(kNul); }));
  EXPECT_FALSE(accepts_env("A", [](auto& out) { out.count(1); }));
  EXPECT_FALSE(accepts_env("", value));
  EXPECT_FALSE(accepts_env("A=", value));
  EXPECT_FALSE(accepts_env(kNul, value));
  EXPECT_FALSE(accepts("env", [](auto& out) { out.list(1).binary("A=b").end_list(1); }));
}

TEST(DecodeStart, ChecksTheNamesOfStreams) {
  for (const auto* name : {"open", "null", "inherit", "pipe"}) {
    EXPECT_TRUE(accepts_atom("stdin", name));
  }
  for (const auto* name : {"pipe", "null", "inherit"}) EXPECT_TRUE(accepts_atom("stdout", name));
  for (const auto* name : {"pipe", "null", "inherit", "stdout"}) {
    EXPECT_TRUE(accepts_atom("stderr", name));
  }
  EXPECT_FALSE(accepts_atom("stdin", "stdout"));
  EXPECT_FALSE(accepts_atom("stdout", "stdout"));
  EXPECT_FALSE(accepts_atom("stderr", "open"));
  EXPECT_FALSE(accepts_binary("stderr", "pipe"));
}

TEST(DecodeStart, BoundsEveryNumber) {
  EXPECT_TRUE(accepts_count("window", 1) && accepts_count("window", kMaxWindow));
  EXPECT_FALSE(accepts_count("window", 0) || accepts_count("window", kMaxWindow + 1));
  EXPECT_TRUE(accepts_count("timeout", 0) && accepts_count("timeout", kMaxTimeoutMs));
  EXPECT_FALSE(accepts_count("timeout", kMaxTimeoutMs + 1));
  EXPECT_TRUE(accepts_count("max_output", 0) && accepts_count("max_output", INT64_MAX));
  EXPECT_FALSE(accepts_count("max_output", UINT64_MAX));
  for (const auto* key : {"window", "timeout", "max_output"}) {
    EXPECT_FALSE(accepts(key, [](auto& out) { out.integer(-1); })) << key;
    EXPECT_FALSE(accepts_atom(key, "infinity")) << key;
  }
}

TEST(DecodeStart, BoundsTheLadder) {
  EXPECT_TRUE(accepts_rungs(0, 0, 0));
  EXPECT_TRUE(accepts_rungs(kMaxRungs, 64, 24ULL * 60 * 60 * 1000));
  EXPECT_FALSE(accepts_rungs(kMaxRungs + 1, 15, 1));
  EXPECT_FALSE(accepts_rungs(1, 0, 1));
  EXPECT_FALSE(accepts_rungs(1, 65, 1));
  EXPECT_FALSE(accepts_rungs(1, 15, 24ULL * 60 * 60 * 1000 + 1));
  EXPECT_FALSE(accepts_atom("stop", "default"));
}

bool accepts_terminal(std::uint64_t rows, std::uint64_t columns, std::string_view echo) {
  return accepts("pty", [&](auto& out) { out.tuple(3).count(rows).count(columns).atom(echo); });
}

TEST(DecodeStart, ChecksTheSizeOfTheTerminal) {
  EXPECT_TRUE(accepts_terminal(1, 65535, "true"));
  EXPECT_FALSE(accepts_terminal(0, 80, "true"));
  EXPECT_FALSE(accepts_terminal(24, 0, "true"));
  EXPECT_FALSE(accepts_terminal(65536, 80, "false"));
  EXPECT_FALSE(accepts_terminal(24, 65536, "false"));
  EXPECT_FALSE(accepts_terminal(24, 80, "nil"));
  EXPECT_FALSE(accepts_atom("pty", "true"));
}

TEST(DecodeStart, TakesWordsOnlyForWords) {
  EXPECT_TRUE(accepts_atom("clear_env", "true"));
  EXPECT_FALSE(accepts_atom("clear_env", "nil"));
  EXPECT_TRUE(accepts_atom("signal_to", "leader"));
  EXPECT_FALSE(accepts_atom("signal_to", "none"));
  EXPECT_TRUE(accepts_atom("linger", "leave"));
  EXPECT_FALSE(accepts_atom("linger", "stay"));
}

TEST(DecodeStart, ChecksTheNameOfTheGroup) {
  EXPECT_TRUE(accepts_binary("group", "web-1_a.b"));
  EXPECT_TRUE(accepts_binary("group", std::string(64, 'g')));
  EXPECT_TRUE(accepts_binary("group", "a/b/c/d"));
  EXPECT_FALSE(accepts_binary("group", std::string(65, 'g')));
  for (const std::string_view name :
       {std::string_view(""), std::string_view("."), std::string_view(".."),
        std::string_view(".hidden"), std::string_view("a/"), std::string_view("a//b"),
        std::string_view("a/../b"), std::string_view("a/b/c/d/e"), std::string_view("a b"),
        std::string_view("\xC3\xA4"), kNul}) {
    EXPECT_FALSE(accepts_binary("group", name)) << name;
  }
}

// Erlang writes [1, 7] as a string.
TEST(DecodeStart, TakesSmallGroupsToo) {
  TermWriter out;
  out.tuple(3).atom("start").integer(1).map(3);
  out.atom("program").binary("/bin/true").atom("args").list(1).binary("true").end_list(1);
  out.atom("groups");
  std::string frame(out.bytes());
  frame += std::string("k\x00\x02\x01\x07", 5);
  const auto request = decode(frame);
  ASSERT_TRUE(request.ok());
  const auto* start = std::get_if<Start>(&*request);
  ASSERT_NE(start, nullptr);
  EXPECT_EQ(start->identity.groups, (std::vector<std::uint32_t>{1, 7}));
}

TEST(DecodeStart, TheCommandsOwnGroupHasOneName) {
  EXPECT_TRUE(accepts_binary("name", "one"));
  for (const std::string_view name : {"", "a/b", "..", "a b"}) {
    EXPECT_FALSE(accepts_binary("name", name)) << name;
  }
}

}  // namespace
}  // namespace contained::protocol
