#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>

#include "cgroup/layout.hpp"
#include "support/fixture_tree.hpp"

namespace contained::cgroup {
namespace {

using test::dir;
using test::file;
using test::FixtureTree;
using test::Node;

// An inner group: what every group but the root has.
Node group(std::string name, std::string procs, std::vector<Node> children = {}) {
  children.push_back(file("cgroup.procs", std::move(procs)));
  children.push_back(file("cgroup.events", "populated 1\nfrozen 0\n"));
  return dir(std::move(name), std::move(children));
}

// <root>/outer/middle/own; only own and the root hold processes.
struct Machine {
  Machine()
      : tree({file("cgroup.procs", "1\n2\n"),
              group("outer", "", {group("middle", "", {group("own", "77\n")})})}) {}

  Layout layout() const { return {tree.root(), tree.path("outer/middle/own")}; }
  Result<std::string> choose(const Caller& caller) const {
    return choose_base(layout(), {}, caller);
  }

  FixtureTree tree;
};

Caller user(bool systemd = false) { return {::geteuid(), systemd}; }

class ChooseBase : public testing::Test, public Machine {
 protected:
  // Ownership decides for all but root, who needs the fixture to be of another uid than the caller.
  void give(const std::string& path, uid_t uid) {
    ASSERT_EQ(::chown(tree.path(path).c_str(), uid, static_cast<gid_t>(-1)), 0);
  }
};

#define NEEDS_ROOT() \
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: gives fixture directories to other users"

TEST_F(ChooseBase, TakesTheNearestAncestorWithoutProcesses) {
  EXPECT_EQ(choose(user()).value(), tree.path("outer/middle"));
}

TEST_F(ChooseBase, PassesOverAncestorsThatHoldProcesses) {
  const FixtureTree busy({group("outer", "", {group("middle", "5\n", {group("own", "77\n")})})});
  const Layout layout{busy.root(), busy.path("outer/middle/own")};
  EXPECT_EQ(choose_base(layout, {}, user()).value(), busy.path("outer"));
}

TEST_F(ChooseBase, PassesOverAncestorsOfOthers) {
  NEEDS_ROOT();
  give("outer/middle", 1234);
  EXPECT_EQ(choose({0, false}).value(), tree.path("outer"));
}

TEST_F(ChooseBase, RootWithoutSystemdMayUseTheRootDespiteItsProcesses) {
  NEEDS_ROOT();
  const FixtureTree flat({file("cgroup.procs", "1\n77\n")});
  EXPECT_EQ(choose_base({flat.root(), flat.root()}, {}, {0, false}).value(), flat.root());
  give("outer", 1234);
  give("outer/middle", 1234);
  EXPECT_EQ(choose({0, false}).value(), tree.root());
}

TEST_F(ChooseBase, RootUnderSystemdStaysWhereItIs) {
  NEEDS_ROOT();
  EXPECT_EQ(choose({0, true}).value(), tree.path("outer/middle/own"));
}

TEST_F(ChooseBase, RootUnderSystemdTakesWhatIsMarkedDelegated) {
  const auto marked = tree.path("outer");
  if (::setxattr(marked.c_str(), "trusted.delegate", "1", 1, 0) != 0) {
    GTEST_SKIP() << "needs CAP_SYS_ADMIN and a temporary directory with trusted xattrs";
  }
  EXPECT_EQ(choose({0, true}).value(), marked);
  ASSERT_EQ(::setxattr(marked.c_str(), "trusted.delegate", "0", 1, 0), 0);
  EXPECT_EQ(choose({0, true}).value(), tree.path("outer/middle/own"));
}

TEST_F(ChooseBase, NobodyElseMayUseTheRoot) {
  const FixtureTree flat({file("cgroup.procs", "1\n"), group("own", "77\n")});
  const Layout layout{flat.root(), flat.path("own")};
  EXPECT_EQ(choose_base(layout, {}, {::geteuid() + 1, false}).value(), flat.path("own"));
}

TEST_F(ChooseBase, IsAnErrorWhenNothingIsWritable) {
  NEEDS_ROOT();
  ASSERT_EQ(::seteuid(65534), 0);
  const auto base = choose({65534, false});
  ASSERT_EQ(::seteuid(0), 0);
  ASSERT_FALSE(base);
  EXPECT_EQ(base.error().code, EACCES);
  EXPECT_EQ(base.error().stage, Stage::kCgroup);
  EXPECT_EQ(base.error().subject, tree.path("outer/middle/own"));
}

TEST_F(ChooseBase, ADirectoryAloneDoesNotMakeABase) {
  const FixtureTree bare({dir("own")});
  EXPECT_EQ(choose_base({bare.root(), bare.path("own")}, {}, user()).error().code, EACCES);
}

TEST_F(ChooseBase, NamesTheWantedBaseThatIsNone) {
  const std::vector<std::pair<std::string, int>> wanted = {{"/no/such/group", ENOENT},
                                                           {"none", ENOENT},
                                                           {tree.path("outer"), ENODEV},
                                                           {"outer", ENODEV},
                                                           {"../outside", EXDEV},
                                                           {"outer/cgroup.procs", ENOTDIR},
                                                           {std::string("outer\0x", 7), EINVAL}};
  for (const auto& [name, code] : wanted) {
    const auto base = choose_base(layout(), name, user());
    ASSERT_FALSE(base) << name;
    EXPECT_EQ(base.error().code, code) << name;
    EXPECT_EQ(base.error().subject, name);
  }
}

}  // namespace
}  // namespace contained::cgroup
