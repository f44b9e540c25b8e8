// `contained top` without a terminal, and `contained job NS top`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/job_cli.hpp"

namespace {

using contained::test::Program;
using contained::test::run_program;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Top : public contained::test::JobCli {
 protected:
  contained::test::Came top(Words words) const {
    auto asked = contained::test::contained(std::move(words));
    asked.words.insert(asked.words.begin() + 1, "top");
    asked.env = {{"CONTAINED_RUNTIME_DIR", runtime()}};
    return run_program(std::move(asked));
  }

  // The group whose |key| is |value|; null when there is none.
  static json group(const std::string& text, const std::string& key, const std::string& value) {
    const auto all = json::parse(text);
    for (const auto& each : all.at("groups")) {
      if (each.contains(key) && each.at(key) == value) return each;
    }
    return nullptr;
  }
};

TEST_F(Top, WithoutATerminalItIsATable) {
  ASSERT_EQ(code({"run", "one", "sleep", "600"}), 0);
  const auto came = top({space_});
  EXPECT_EQ(came.code(), 0) << came.err;
  EXPECT_THAT(came.out, StartsWith("NAME "));
  EXPECT_THAT(came.out, HasSubstr(space_ + "/one"));
  EXPECT_THAT(came.out, HasSubstr("sleep 600\n"));
  EXPECT_THAT(came.out, Not(HasSubstr("\x1b")));
}

TEST_F(Top, IsACommandOfJobToo) {
  ASSERT_EQ(code({"run", "one", "sleep", "600"}), 0);
  EXPECT_THAT(job({"top", "--once"}).out, HasSubstr(space_ + "/one"));
}

TEST_F(Top, JsonHasWhatAJobUses) {
  ASSERT_EQ(code({"run", "busy", "sh", "-c", "sleep 600 & while :; do :; done"}), 0);
  json busy;
  EXPECT_TRUE(contained::test::before_long([&] {
    busy = group(top({space_, "--json"}).out, "job", "busy");
    return !busy.is_null() && busy.at("processes") == 2 && busy.at("cpu_percent") > 0;
  })) << busy;
  EXPECT_EQ(busy.at("kind"), "job");
  EXPECT_EQ(busy.at("namespace"), space_);
  EXPECT_GT(busy.at("memory"), 0);
}

TEST_F(Top, ALimitIsThatOfTheGroup) {
  ASSERT_EQ(code({"run", "--memory", "64M", "--on-unsupported", "ignore", "one", "sleep", "600"}),
            0);
  const auto one = group(top({space_, "--json"}).out, "job", "one");
  ASSERT_FALSE(one.is_null());
  if (one.at("memory_limit").is_null()) GTEST_SKIP() << "needs the memory controller";
  EXPECT_EQ(one.at("memory_limit"), 64 << 20);
}

TEST_F(Top, CommandsOfLaunchersAreThereUnlessANamespaceIsAskedFor) {
  Program command(contained::test::contained(
      {"run", "--containment", "required", "--", "sh", "-c", "echo begun; sleep 600"}));
  if (!command.wait_for_output("begun")) GTEST_SKIP() << "needs control groups";
  const auto name = "run " + std::to_string(command.pid()) + " default/1";
  const auto shown = group(top({"--json"}).out, "name", name);
  ASSERT_FALSE(shown.is_null());
  EXPECT_EQ(shown.at("kind"), "command");
  EXPECT_EQ(shown.at("command"), "sh");
  ASSERT_EQ(code({"run", "one", "sleep", "600"}), 0);
  EXPECT_TRUE(group(top({space_, "--json"}).out, "name", name).is_null());
}

TEST_F(Top, AnUnknownNamespaceIsNamed) {
  const auto came = top({"no-such-namespace", "--once"});
  EXPECT_EQ(came.code(), 1);
  EXPECT_EQ(came.err, "contained: top: there is no namespace no-such-namespace\n");
}

TEST_F(Top, ADelayIsATime) {
  const auto came = top({"-d", "soon"});
  EXPECT_EQ(came.code(), 2);
  EXPECT_THAT(came.err, HasSubstr("--delay: soon: a time, as 2s or 500ms"));
}

}  // namespace
