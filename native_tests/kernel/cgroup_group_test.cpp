#include <gtest/gtest.h>
#include <poll.h>

#include <string>

#include "base/proc.hpp"
#include "cgroup/group.hpp"
#include "kernel/cgroup_fixture.hpp"

namespace contained::cgroup {
namespace {

using test::idle;
using Pids = std::vector<pid_t>;

class RealGroup : public test::RealGroups {
 protected:
  UniqueFd subgroup(int parent, const std::string& name) {
    EXPECT_EQ(::mkdirat(parent, name.c_str(), 0755), 0);
    return std::move(open_at(parent, name, O_RDONLY | O_DIRECTORY)).value();
  }

  static bool is_state(pid_t pid, char state) {
    const auto stat = read_proc_stat(pid);
    return stat && stat->state == state;
  }
};

TEST_F(RealGroup, IsMadeOnceAndRemoved) {
  auto group = make("once");
  EXPECT_EQ(Group::create(base_fd(), "once").error().code, EEXIST);
  EXPECT_FALSE(group.populated().value());
  EXPECT_EQ(group.processes(), Pids{});
  EXPECT_TRUE(group.kill());
  EXPECT_TRUE(group.remove().value());
  EXPECT_FALSE(exists("once"));
  EXPECT_TRUE(group.remove().value());
}

TEST_F(RealGroup, KnowsItsMembers) {
  auto group = make("members");
  const auto sub = subgroup(group.fd(), "sub");
  auto sibling = make("members2");
  const pid_t here = run_in(group.fd(), idle);
  const pid_t below = run_in(sub.get(), idle);
  const pid_t beside = run_in(sibling.fd(), idle);
  EXPECT_TRUE(group.populated().value());
  EXPECT_EQ(group.processes(), (Pids{std::min(here, below), std::max(here, below)}));
  EXPECT_TRUE(group.contains(here));
  EXPECT_TRUE(group.contains(below));
  EXPECT_FALSE(group.contains(beside));
  EXPECT_FALSE(group.contains(::getpid()));
  EXPECT_FALSE(group.contains(0x7ffffff0));
}

TEST_F(RealGroup, StaysWhileAnyMemberLives) {
  auto group = make("busy");
  const auto sub = subgroup(group.fd(), "sub");
  run_in(sub.get(), idle);
  EXPECT_FALSE(group.remove().value());
  EXPECT_TRUE(exists("busy/sub"));
  EXPECT_TRUE(ends(group, &Group::kill));
  EXPECT_FALSE(exists("busy"));
}

TEST_F(RealGroup, CountsAZombieAsMemberButNotAsLife) {
  auto group = make("zombie");
  const pid_t pid = run_in(group.fd(), [] {});
  ASSERT_TRUE(eventually([&] { return is_state(pid, 'Z'); }));
  EXPECT_FALSE(group.populated().value());
  EXPECT_TRUE(group.contains(pid));
  ASSERT_TRUE(group.remove().value());
  EXPECT_TRUE(group.contains(pid));
}

TEST_F(RealGroup, AsksForItsPathEvenWhenRemoved) {
  auto group = make("late");
  const pid_t pid = run_in(group.fd(), [] {});
  ASSERT_TRUE(eventually([&] { return is_state(pid, 'Z'); }));
  ASSERT_TRUE(group.remove().value());
  EXPECT_TRUE(group.contains(pid));
}

TEST_F(RealGroup, RemovedFromOutsideIsGone) {
  auto group = make("outside");
  ASSERT_EQ(::unlinkat(base_fd(), "outside", AT_REMOVEDIR), 0);
  EXPECT_TRUE(group.kill());
  EXPECT_TRUE(group.kill_each());
  EXPECT_FALSE(group.populated().value());
  EXPECT_EQ(group.processes(), Pids{});
  EXPECT_FALSE(group.contains(::getpid()));
  EXPECT_EQ(group.open_events().error().code, ENOENT);
  EXPECT_EQ(group.cpu_time().error().message(), "cgroup: enoent (outside/cpu.stat)");
  EXPECT_TRUE(group.remove().value());
}

TEST_F(RealGroup, SubGroupsOfThePayloadGoWithIt) {
  auto group = make("nested");
  run_in(group.fd(), [&] {
    auto at = open_at(group.fd(), ".", O_RDONLY | O_DIRECTORY);
    for (int depth = 0; depth < 200; ++depth) {
      if (::mkdirat(at->get(), "deeper", 0755) != 0) ::_exit(1);
      if (::mkdirat(at->get(), "beside", 0755) != 0) ::_exit(1);
      at = open_at(at->get(), "deeper", O_RDONLY | O_DIRECTORY);
      if (depth % 20 == 0 && ::fork() == 0) {
        if (!write_file_at(at->get(), "cgroup.procs", "0")) ::_exit(1);
        idle();
      }
    }
    idle();
  });
  // Four of the eleven live at depths up to kListedDepth, one in the group itself.
  ASSERT_TRUE(eventually([&] { return group.processes().size() == 5; }));
  EXPECT_TRUE(ends(group, &Group::kill));
  EXPECT_FALSE(exists("nested"));
}

TEST_F(RealGroup, ThreadedSubGroupsListProcessesOnce) {
  auto group = make("domain");
  const auto threads = subgroup(group.fd(), "threads");
  ASSERT_TRUE(write_file_at(threads.get(), "cgroup.type", "threaded"));
  const pid_t pid = run_in(group.fd(), idle);
  ASSERT_TRUE(write_file_at(threads.get(), "cgroup.threads", std::to_string(pid)));
  EXPECT_EQ(group.processes(), Pids{pid});
  EXPECT_TRUE(group.contains(pid));
  EXPECT_TRUE(ends(group, &Group::kill));
}

TEST_F(RealGroup, IsKilledAlsoWhenThePayloadMadeItThreaded) {
  const auto parent = make("parent");
  auto group = std::move(Group::create(parent.fd(), "threaded")).value();
  ASSERT_TRUE(write_file_at(group.fd(), "cgroup.type", "threaded"));
  const pid_t pid = run_in(parent.fd(), idle);
  ASSERT_TRUE(write_file_at(group.fd(), "cgroup.threads", std::to_string(pid)));
  EXPECT_EQ(group.processes(), Pids{pid});
  EXPECT_TRUE(ends(group, &Group::kill));
}

TEST_F(RealGroup, EventsTellWhenItEmpties) {
  auto group = make("events");
  run_in(group.fd(), idle);
  const auto events = std::move(group.open_events()).value();
  EXPECT_TRUE(read_populated(events.get()).value());
  pollfd poll{events.get(), POLLPRI, 0};
  EXPECT_EQ(::poll(&poll, 1, 0), 0) << "nothing has changed since it was read";
  ASSERT_TRUE(group.kill());
  ASSERT_TRUE(eventually([&] {
    EXPECT_EQ(::poll(&poll, 1, 10'000), 1);
    EXPECT_TRUE(poll.revents & POLLPRI);
    return !read_populated(events.get()).value();
  }));
  EXPECT_TRUE(group.remove().value());
  EXPECT_FALSE(read_populated(events.get()).value());
}

TEST_F(RealGroup, CountsCpuTimeWithoutAController) {
  auto group = make("cpu");
  run_in(group.fd(), [] {
    for (volatile unsigned spin = 0;;) spin = spin + 1;
  });
  EXPECT_TRUE(eventually([&] { return group.cpu_time().value().user_us > 1000; }));
}

TEST_F(RealGroup, TheKernelsRefusalIsReported) {
  const auto parent = make("full");
  ASSERT_TRUE(write_file_at(parent.fd(), "cgroup.max.descendants", "0"));
  EXPECT_EQ(Group::create(parent.fd(), "one").error().message(), "cgroup: eagain (one)");
}

TEST_F(RealGroup, ThousandComeAndGo) {
  std::vector<Group> groups;
  for (int i = 0; i < 1000; ++i) groups.push_back(make("g" + std::to_string(i)));
  for (auto& group : groups) ASSERT_TRUE(group.remove().value());
  const auto stat = std::move(read_file_at(base_fd(), "cgroup.stat")).value();
  EXPECT_TRUE(stat.starts_with("nr_descendants 0\n")) << stat;
}

}  // namespace
}  // namespace contained::cgroup
