#include "process/identity.hpp"

#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include "support/child_run.hpp"

namespace contained::process {
namespace {

std::string answer(const IdentityRequest& request) {
  std::string culprit;
  const auto identity = look_up(request, culprit);
  if (identity) return text_of(*identity);
  return identity.error().message() + " " + culprit;
}

// root is in passwd and group everywhere, with these numbers and this name.
TEST(Identity, AUserByNameBringsHisGroups) {
  const auto text = answer({.user = "root"});
  EXPECT_TRUE(text.starts_with("uid 0\ngid 0\ngroups 0")) << text;
  EXPECT_TRUE(text.ends_with("\nname root\nhome /root\n")) << text;
}

TEST(Identity, AUserByNumberIsTheSameUser) {
  EXPECT_EQ(answer({.user = "0"}), answer({.user = "root"}));
}

TEST(Identity, GroupsThatAreGivenReplaceTheUsersOwn) {
  EXPECT_EQ(
      answer(
          {.user = "root", .group = "12345", .groups = std::vector<std::string>{"7", "root", "8"}}),
      "uid 0\ngid 12345\ngroups 7 0 8\nname root\nhome /root\n");
  EXPECT_EQ(answer({.user = "root", .groups = std::vector<std::string>{}}),
            "uid 0\ngid 0\ngroups\nname root\nhome /root\n");
}

TEST(Identity, ANumberWithoutAnEntryNeedsAGroup) {
  EXPECT_EQ(answer({.user = "3999999999"}), "ids: einval (group) 3999999999");
  EXPECT_EQ(answer({.user = "3999999999", .group = "5"}), "uid 3999999999\ngid 5\ngroups\n");
}

TEST(Identity, AGroupAlone) {
  EXPECT_EQ(answer({.group = "root"}), "gid 0\ngroups\n");
  EXPECT_EQ(answer({.group = "4294967294"}), "gid 4294967294\ngroups\n");
}

TEST(Identity, GroupsAlone) {
  EXPECT_EQ(answer({.groups = std::vector<std::string>{"root", "9"}}), "groups 0 9\n");
}

TEST(Identity, TheUnknownIsNamed) {
  EXPECT_EQ(answer({.user = "no-such-user"}), "ids: enoent (user) no-such-user");
  EXPECT_EQ(answer({.user = "root", .group = "no-such"}), "ids: enoent (group) no-such");
  EXPECT_EQ(answer({.groups = std::vector<std::string>{"root", "nope"}}),
            "ids: enoent (groups) nope");
}

TEST(Identity, WhatIsNoNumberIsAName) {
  for (const std::string user : {"4294967295", "-1", "+0", "0x0", "0 ", "99999999999", "1.5"}) {
    EXPECT_EQ(answer({.user = user, .group = "0"}), "ids: enoent (user) " + user);
  }
}

// ---- The program

test::Outcome program(std::vector<std::string> words) {
  words.insert(words.begin(), {CONTAINED_PORT_PATH, "--identity"});
  Refused refused;
  return test::run(test::spec_for(words), refused);
}

TEST(IdentityProgram, PrintsTheLines) {
  const auto outcome = program({"user=root", "group=3", "groups=1,2"});
  EXPECT_EQ(outcome.out, "uid 0\ngid 3\ngroups 1 2\nname root\nhome /root\n");
  EXPECT_EQ(outcome.status.code, 0);
}

TEST(IdentityProgram, SaysWhatIsUnknown) {
  const auto outcome = program({"user=root", "group=no such"});
  EXPECT_EQ(outcome.out, "error group enoent no such\n");
  EXPECT_EQ(outcome.status.code, 1);
}

// A group whose entry is longer than any room one would guess, and a user in very many of them, by
// files of their own in a mount namespace.
constexpr char kManyScript[] =
    "cd \"$(mktemp -d)\" && mount -t tmpfs none . || exit 9\n"
    "{ printf big:x:5000:; seq -s, 1 40000; } > group\n"
    "for i in $(seq 6000 8999); do echo \"g$i:x:$i:many\"; done >> group\n"
    "echo many:x:700:5000::/home/many:/bin/sh > passwd\n"
    "mount --bind group /etc/group && mount --bind passwd /etc/passwd || exit 9\n"
    "\"$1\" --identity user=many | tr ' ' '\\n' | wc -l\n"
    "\"$1\" --identity group=big\n";

TEST(IdentityProgram, FindsLongEntriesAndManyGroups) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, for a mount namespace";
  Refused refused;
  const auto outcome = test::run(test::spec_for({"/usr/bin/unshare", "-m", "/bin/sh", "-c",
                                                 kManyScript, "sh", CONTAINED_PORT_PATH}),
                                 refused);
  if (outcome.status.code != 0) GTEST_SKIP() << "needs a mount namespace";
  // uid N, gid N, groups and 3001 of them, name N, home N
  EXPECT_EQ(outcome.out, std::to_string(2 + 2 + 1 + 3001 + 2 + 2) + "\ngid 5000\ngroups\n");
}

}  // namespace
}  // namespace contained::process
