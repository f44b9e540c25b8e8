#include <gtest/gtest.h>

#include <string>

#include "base/proc.hpp"
#include "cgroup/tree.hpp"
#include "kernel/cgroup_fixture.hpp"

namespace contained::cgroup {
namespace {

using test::idle;
using Names = std::vector<std::string>;

Owner owner_of(pid_t pid) { return {pid_namespace(), pid, read_proc_stat(pid).value().start_time}; }

class RealTree : public test::RealGroups {
 protected:
  Tree make_tree(const Owner& owner = owner_of(::getpid())) {
    return std::move(Tree::create(base(), owner)).value();
  }

  Group make_group(Tree& tree, const std::string& name) {
    return std::move(tree.make_group("jobs", name)).value();
  }

  /// An owner that has died and been reaped.
  static Owner dead_owner() {
    const pid_t pid = ::fork();
    if (pid == 0) idle();
    const auto owner = owner_of(pid);
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return owner;
  }

  bool is_swept(const std::string& name) {
    return eventually([&] {
      const auto gone = sweep(base(), name);
      EXPECT_TRUE(gone) << gone.error().message();
      return gone.value();
    });
  }
};

TEST_F(RealTree, HoldsGroupsBelowTheirParents) {
  auto tree = make_tree();
  const auto owner = owner_of(::getpid());
  EXPECT_EQ(tree.path(), base() + "/" + tree_name(owner));
  EXPECT_EQ(Tree::create(base(), owner).error().code, EEXIST);
  const auto one = make_group(tree, "one");
  const auto two = make_group(tree, "two");
  EXPECT_EQ(tree.make_group("jobs", "one").error().code, EEXIST);
  EXPECT_EQ(tree.make_group("../x", "one").error().code, EINVAL);
  EXPECT_EQ(tree.make_group("jobs", "..").error().code, EINVAL);
  EXPECT_TRUE(exists(tree_name(owner) + "/jobs/two"));
  EXPECT_TRUE(tree.destroy().value());
  EXPECT_FALSE(exists(tree_name(owner)));
}

TEST_F(RealTree, ContainsWhatItsGroupsHold) {
  auto tree = make_tree();
  const auto group = make_group(tree, "one");
  const pid_t pid = run_in(group.fd(), idle);
  EXPECT_TRUE(tree.contains(pid));
  EXPECT_FALSE(tree.contains(::getpid()));
}

TEST_F(RealTree, DestroysAllAndOnlyItsOwn) {
  auto tree = make_tree();
  auto outside = make("outside");
  run_in(make_group(tree, "one").fd(), idle);
  run_in(make_group(tree, "two").fd(), idle);
  run_in(outside.fd(), idle);
  EXPECT_TRUE(eventually([&] { return tree.destroy().value(); }));
  EXPECT_TRUE(outside.populated().value());
  EXPECT_TRUE(tree.destroy().value());
}

TEST_F(RealTree, FoldsWhatIsEmptyAndKillsNobody) {
  auto tree = make_tree();
  auto group = make_group(tree, "one");
  const pid_t pid = run_in(group.fd(), idle);
  EXPECT_FALSE(tree.fold());
  EXPECT_TRUE(group.populated().value());
  ::kill(pid, SIGKILL);
  EXPECT_TRUE(eventually([&] { return group.remove().value(); }));
  EXPECT_TRUE(tree.fold());
  EXPECT_FALSE(exists(tree_name(owner_of(::getpid()))));
  EXPECT_TRUE(tree.fold());
}

TEST_F(RealTree, IsMadeAgainWhenAnOutsiderRemovedIt) {
  auto tree = make_tree();
  const auto name = tree_name(owner_of(::getpid()));
  auto lost = make_group(tree, "lost");
  for (const auto* below : {"/jobs/lost", "/jobs"}) {
    ASSERT_EQ(::unlinkat(base_fd(), (name + below).c_str(), AT_REMOVEDIR), 0);
  }
  auto kept = make_group(tree, "kept");
  EXPECT_TRUE(exists(name + "/jobs/kept"));
  for (const auto* below : {"/jobs/kept", "/jobs", ""}) {
    ASSERT_EQ(::unlinkat(base_fd(), (name + below).c_str(), AT_REMOVEDIR), 0);
  }
  const auto again = make_group(tree, "kept");
  const pid_t pid = run_in(again.fd(), idle);
  EXPECT_TRUE(tree.contains(pid));
  EXPECT_TRUE(lost.remove().value());
  EXPECT_TRUE(kept.remove().value());
  EXPECT_TRUE(again.populated().value());
  EXPECT_TRUE(eventually([&] { return tree.destroy().value(); }));
}

TEST_F(RealTree, TwoHoldersMayDestroyIt) {
  auto worker = make_tree();
  run_in(make_group(worker, "one").fd(), idle);
  const pid_t guardian = ::fork();
  if (guardian == 0) {
    ::_exit(eventually([&] { return worker.destroy().value(); }) ? 0 : 1);
  }
  EXPECT_TRUE(eventually([&] { return worker.destroy().value(); }));
  int status = -1;
  EXPECT_EQ(::waitpid(guardian, &status, 0), guardian);
  EXPECT_EQ(status, 0);
}

TEST_F(RealTree, ALiveOwnersTreeIsLeftAlone) {
  const auto tree = make_tree();
  EXPECT_EQ(stale_trees(base()), Names{});
}

TEST_F(RealTree, ADeadOwnersTreeIsSweptWithItsProcesses) {
  const auto owner = dead_owner();
  auto tree = make_tree(owner);
  auto group = make_group(tree, "orphan");
  run_in(group.fd(), [] {
    ::signal(SIGTERM, SIG_IGN);
    idle();
  });
  EXPECT_EQ(stale_trees(base()), Names{tree_name(owner)});
  EXPECT_TRUE(is_swept(tree_name(owner)));
  EXPECT_FALSE(group.populated().value());
  EXPECT_EQ(stale_trees(base()), Names{});
  EXPECT_TRUE(is_swept(tree_name(owner)));
}

TEST_F(RealTree, AZombieOwnerIsDead) {
  const pid_t pid = ::fork();
  if (pid == 0) idle();
  const auto owner = owner_of(pid);
  const auto tree = make_tree(owner);
  EXPECT_EQ(stale_trees(base()), Names{});
  ::kill(pid, SIGKILL);
  EXPECT_TRUE(eventually([&] { return stale_trees(base()) == Names{tree_name(owner)}; }));
}

TEST_F(RealTree, AReusedPidIsNotTheOwner) {
  auto owner = owner_of(::getpid());
  ++owner.start_time;
  const auto tree = make_tree(owner);
  EXPECT_EQ(stale_trees(base()), Names{tree_name(owner)});
}

TEST_F(RealTree, AnotherPidNamespacesTreeIsLeftAlone) {
  auto owner = dead_owner();
  ++owner.pid_namespace;
  const auto tree = make_tree(owner);
  EXPECT_EQ(stale_trees(base()), Names{});
}

TEST_F(RealTree, AnotherUsersTreeIsLeftAlone) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: gives a group to another user";
  const auto tree = make_tree(dead_owner());
  ASSERT_EQ(::chown(tree.path().c_str(), 65534, 65534), 0);
  EXPECT_EQ(stale_trees(base()), Names{});
  ASSERT_EQ(::chown(tree.path().c_str(), 0, 0), 0);
  EXPECT_EQ(stale_trees(base()).size(), 1U);
}

}  // namespace
}  // namespace contained::cgroup
