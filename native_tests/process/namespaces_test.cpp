// Namespaces of real programs. What the kernel does not allow here is skipped by its name.
#include "process/namespaces.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <string>

#include "support/child_run.hpp"
#include "support/isolated.hpp"

namespace contained::process {
namespace {

using test::failure_of;
using test::run;
using test::spec_for;

// With the calls of today, and with those of old kernels.
class Isolated : public ::testing::TestWithParam<bool> {
 protected:
  Refused refused_{.clone3 = GetParam(), .pidfd_open = GetParam(), .close_range = GetParam()};
  SpawnSpec shell(const std::string& script, Namespaces namespaces) {
    auto spec = spec_for({"/bin/sh", "-c", script});
    spec.isolation.namespaces = test::as_we_may(namespaces);
    return spec;
  }
  std::string output(const SpawnSpec& spec) {
    const auto outcome = run(spec, refused_);
    return outcome.error ? outcome.error->message() : outcome.out;
  }
};
INSTANTIATE_TEST_SUITE_P(Old, Isolated, ::testing::Bool());

std::string ours(const std::string& name) {
  return std::filesystem::read_symlink("/proc/self/ns/" + name).string() + "\n";
}

struct Link {
  const char* name;
  Namespaces flag;
};
constexpr Link kLinks[] = {{"pid", kNewPid},      {"mnt", kNewMount}, {"uts", kNewUts},
                           {"ipc", kNewIpc},      {"net", kNewNet},   {"user", kNewUser},
                           {"cgroup", kNewCgroup}};

TEST_P(Isolated, EachIsEnteredAndNoOther) {
  CONTAINED_NEEDS_NAMESPACES();
  for (const auto& wanted : kLinks) {
    for (const auto& link : kLinks) {
      const auto seen =
          output(shell("readlink /proc/self/ns/" + std::string(link.name), wanted.flag));
      const bool changed = seen != ours(link.name);
      const bool meant = (test::as_we_may(wanted.flag) & link.flag) != 0;
      EXPECT_EQ(changed, meant) << wanted.name << " " << link.name << " " << seen;
    }
  }
}

#define CONTAINED_NEEDS_TIME_NAMESPACES()                 \
  CONTAINED_NEEDS_NAMESPACES();                           \
  if (::access("/proc/self/timens_offsets", F_OK) != 0) { \
    GTEST_SKIP() << "needs time namespaces (5.6)";        \
  }

TEST_P(Isolated, ATimeOfItsOwn) {
  CONTAINED_NEEDS_TIME_NAMESPACES();
  const auto seen = output(shell("readlink /proc/self/ns/time", kNewTime));
  EXPECT_NE(seen, ours("time"));
  EXPECT_TRUE(seen.starts_with("time:")) << seen;
}

std::int64_t seconds_up() { return std::stoll(*read_file_at(AT_FDCWD, "/proc/uptime")); }

TEST_P(Isolated, ClocksAheadOfTheMachines) {
  CONTAINED_NEEDS_TIME_NAMESPACES();
  using Clock = TimeOffset::Clock;
  auto spec = shell("cat /proc/self/timens_offsets | tr -s ' '; cat /proc/uptime", kNewTime);
  spec.isolation.time_offsets = {{Clock::kBoottime, 1'000'000'500}, {Clock::kMonotonic, -250}};
  const auto before = seconds_up();
  const auto seen = output(spec);
  constexpr std::string_view kOffsets = "monotonic -1 750000000\nboottime 1000000 500000000\n";
  ASSERT_TRUE(seen.starts_with(kOffsets)) << seen;
  const auto up = std::stoll(seen.substr(kOffsets.size()));
  EXPECT_GE(up, before + 1'000'000);
  EXPECT_LE(up, seconds_up() + 1'000'001);
}

TEST_P(Isolated, AClockIsNotBelowZero) {
  CONTAINED_NEEDS_TIME_NAMESPACES();
  auto spec = shell("echo ran", kNewTime);
  spec.isolation.time_offsets = {{TimeOffset::Clock::kMonotonic, -(std::int64_t{1} << 40)}};
  EXPECT_EQ(output(spec), "namespace: erange (time_offsets)");
}

TEST_P(Isolated, ANetworkOfItsOwnHasLoopbackUpAndNothingElse) {
  CONTAINED_NEEDS_NAMESPACES();
  const auto seen =
      output(shell("tail -n +3 /proc/net/dev | cut -d: -f1; "
                   "cat /sys/class/net/lo/flags >/dev/null; "
                   "grep -c 'LOCAL' /proc/net/fib_trie",
                   kNewNet));
  EXPECT_EQ(seen, "    lo\n4\n");
}

TEST_P(Isolated, AHostnameOfItsOwn) {
  CONTAINED_NEEDS_NAMESPACES();
  auto spec = shell("cat /proc/sys/kernel/hostname", kNewUts);
  spec.isolation.hostname = "inside";
  EXPECT_EQ(output(spec), "inside\n");
  EXPECT_NE(*read_file_at(AT_FDCWD, "/proc/sys/kernel/hostname"), "inside\n");
}

TEST_P(Isolated, TheProgramIsPidOneAndProcIsItsOwn) {
  CONTAINED_NEEDS_NAMESPACES();
  const auto seen = output(shell("echo $$; ls /proc | grep -c '^[0-9]'", kNewPid | kNewMount));
  EXPECT_EQ(seen.substr(0, 2), "1\n");
  EXPECT_LE(std::stoi(seen.substr(2)), 3) << seen;
}

TEST_P(Isolated, TheExitOfAPidOneIsRaw) {
  CONTAINED_NEEDS_NAMESPACES();
  EXPECT_EQ(run(shell("exit 3", kNewPid), refused_).status, (ExitStatus{true, 3, false}));
}

TEST_P(Isolated, WithoutMapsTheIdsAreTheSameInside) {
  CONTAINED_NEEDS_NAMESPACES();
  const auto id = std::to_string(::geteuid()) + ":" + std::to_string(::getegid());
  EXPECT_EQ(output(shell("echo $(id -u):$(id -g)", kNewUser)), id + "\n");
}

TEST_P(Isolated, AMapNamesTheIds) {
  CONTAINED_NEEDS_NAMESPACES();
  auto spec =
      shell("cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '; id -u; id -g", kNewUser);
  spec.isolation.uid_map = {{5, ::geteuid(), 1}};
  spec.isolation.gid_map = {{6, ::getegid(), 1}};
  const auto uid = std::to_string(::geteuid());
  const auto gid = std::to_string(::getegid());
  EXPECT_EQ(output(spec), " 5 " + uid + " 1\n 6 " + gid + " 1\n5\n6\n");
}

TEST_P(Isolated, ARangeIsMappedByThePrivileged) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "needs root";
  }
  auto spec = shell("cat /proc/self/uid_map | tr -s ' '; id -u", kNewUser);
  spec.isolation.uid_map = {{0, 100'000, 65'536}};
  spec.isolation.gid_map = {{0, 100'000, 65'536}};
  spec.who.uid = 7;
  spec.who.gid = 7;
  EXPECT_EQ(output(spec), " 0 100000 65536\n7\n");
}

TEST_P(Isolated, AWrongMapIsToldByItsFile) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "needs root";
  }
  auto spec = shell("true", kNewUser);
  spec.isolation.uid_map = {{0, 0, 10}, {5, 100, 10}};
  EXPECT_EQ(output(spec), "id_map: einval (uid_map)");
  spec.isolation.uid_map = {};
  spec.isolation.gid_map = {{0, 0, 10}, {5, 100, 10}};
  EXPECT_EQ(output(spec), "id_map: einval (gid_map)");
}

TEST_P(Isolated, ANetworkByItsFile) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "needs root";
  }
  auto holder_spec = spec_for({"ignore_term"});
  holder_spec.isolation.namespaces = kNewNet;
  test::Running holder(holder_spec, refused_);
  ASSERT_EQ(holder.read_line(), "ready");
  auto spec = spec_for({"/usr/bin/readlink", "/proc/self/ns/net"});
  spec.isolation.netns = "/proc/" + std::to_string(holder.pid()) + "/ns/net";
  EXPECT_EQ(output(spec), std::filesystem::read_symlink(*spec.isolation.netns).string() + "\n");
  spec.isolation.netns = "/no/such";
  EXPECT_EQ(output(spec), "network: enoent (/no/such)");
  spec.isolation.netns = "/proc/self/ns/uts";
  EXPECT_EQ(output(spec), "network: einval (/proc/self/ns/uts)");
}

TEST_P(Isolated, WhatCannotBeMeantIsRefused) {
  const auto refused = [&](const char* field, const auto& change) {
    auto spec = spec_for({"/bin/true"});
    change(spec.isolation);
    EXPECT_EQ(output(spec), std::string("option: einval (") + field + ")");
  };
  refused("pid_init", [](auto& asked) { asked.own_init = true; });
  refused("hostname", [](auto& asked) { asked.hostname = "x"; });
  refused("namespaces", [](auto& asked) { asked.root = "/srv"; });
  refused("uid_map", [](auto& asked) { asked.uid_map = {{0, 0, 1}}; });
  refused("time_offsets", [](auto& asked) { asked.time_offsets = {{}}; });
  refused("root", [](auto& asked) {
    asked.namespaces = kNewMount;
    asked.root = asked.chroot = "/srv";
  });
  refused("binds", [](auto& asked) {
    asked.namespaces = kNewMount;
    asked.binds = {{"/srv", "/a/../b", true}};
  });
  refused("tmpfs", [](auto& asked) {
    asked.namespaces = kNewMount;
    asked.tmpfs = {{"/"}};
  });
}

TEST_P(Isolated, NothingIsLeftOpen) {
  CONTAINED_NEEDS_NAMESPACES();
  auto spec = spec_for({"print_fds"});
  spec.isolation.namespaces =
      test::as_we_may(kNewPid | kNewMount | kNewUts | kNewIpc | kNewNet | kNewCgroup) | kNewUser;
  spec.isolation.tmpfs = {{"/tmp"}};
  spec.isolation.binds = {{"/usr", "/mnt", true}};
  const int before = test::open_descriptors();
  EXPECT_EQ(output(spec), "0\n1\n2\n");
  EXPECT_EQ(test::open_descriptors(), before);
}

}  // namespace
}  // namespace contained::process
