// Tracking and killing without v2: the freezer's hierarchy alone.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <string>

#include "cgroup/select.hpp"
#include "kernel/ground_fixture.hpp"

namespace contained::cgroup {
namespace {

using test::idle;
using Names = std::vector<std::string>;

class Cgroup1 : public test::RealGround {
 protected:
  void SetUp() override {
    const auto found = find_v1();
    const auto usable = found ? usable_v1(*found, {}) : std::vector<Trees::V1>();
    const bool freezer = std::any_of(usable.begin(), usable.end(), [](const Trees::V1& place) {
      return place.controllers.front() == "freezer";
    });
    if (!freezer) GTEST_SKIP() << "needs a writable freezer hierarchy of v1";
    RealGround::SetUp();
  }

  bool needs_v2() const override { return false; }

  Ground& ground() { return make_ground("cgroup1"); }
};

TEST_F(Cgroup1, IsTheFreezersHierarchy) {
  auto& one = ground();
  EXPECT_EQ(one.kind(), Kind::kCgroup1);
  EXPECT_NE(one.path().find("freezer"), std::string::npos);
  auto cell = make_cell(one);
  EXPECT_EQ(cell.clone_fd(), -1);
  EXPECT_EQ(cell.procs_fds().size(), 1U);
  EXPECT_EQ(cell.open_events().error().code, ENOTSUP);
  EXPECT_EQ(cell.chown(65534, 65534).error().code, ENOTSUP);
}

TEST_F(Cgroup1, KnowsItsMembers) {
  auto& one = ground();
  auto cell = make_cell(one);
  const pid_t pid = run(cell, idle);
  EXPECT_TRUE(cell.populated().value());
  EXPECT_EQ(cell.processes(), std::vector<pid_t>{pid});
  EXPECT_TRUE(cell.contains(pid));
  EXPECT_TRUE(one.contains(pid));
  EXPECT_FALSE(one.contains(::getpid()));
  EXPECT_FALSE(one.give_back(cell).value());
  EXPECT_TRUE(ends(one, cell));
}

TEST_F(Cgroup1, FreezesAndDiesFrozen) {
  auto& one = ground();
  auto cell = make_cell(one);
  run(cell, idle);
  ASSERT_TRUE(cell.freeze());
  EXPECT_TRUE(cell.frozen().value());
  EXPECT_EQ(cell.get("freezer.state").value(), "FROZEN\n");
  EXPECT_EQ(cell.set("freezer.state", "THAWED").error().code, EPERM);
  ASSERT_TRUE(cell.thaw());
  EXPECT_FALSE(cell.frozen().value());
  ASSERT_TRUE(cell.freeze());
  EXPECT_TRUE(ends(one, cell));
}

TEST_F(Cgroup1, ASubGroupThatThePayloadFrozeDiesToo) {
  auto& one = ground();
  auto cell = make_cell(one);
  const auto sub = cell.path() + "/sub";
  ASSERT_EQ(::mkdir(sub.c_str(), 0755), 0);
  const auto dir = std::move(open_at(AT_FDCWD, sub, O_RDONLY | O_DIRECTORY)).value();
  const pid_t pid = run_in(dir.get(), idle);
  ASSERT_TRUE(write_file_at(dir.get(), "freezer.state", "FROZEN"));
  EXPECT_TRUE(cell.contains(pid));
  EXPECT_TRUE(ends(one, cell));
  EXPECT_NE(::access(sub.c_str(), F_OK), 0);
}

TEST_F(Cgroup1, LimitsAreInTheirOwnHierarchies) {
  auto& one = ground();
  const auto lacks = missing(one, {"memory", "pids"});
  if (!lacks.empty()) GTEST_SKIP() << "needs on v1:" << lacks;
  auto cell = make_cell(one, limited({{"memory", "1M"}, {"swap", "0"}, {"pids", "10"}}));
  EXPECT_EQ(cell.procs_fds().size(), 3U);
  const int status = wait(run(cell, [] {
    ::mmap(nullptr, 64U << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
           -1, 0);
  }));
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(cell.usage().value().oom_kills, 1U);
  EXPECT_TRUE(one.give_back(cell).value());
}

TEST_F(Cgroup1, AnUnlimitedCellServesNobodyTwice) {
  auto& one = ground();
  auto cell = make_cell(one);
  const auto path = cell.path();
  EXPECT_TRUE(one.give_back(cell).value());
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST_F(Cgroup1, LeftoversAreSwept) {
  const pid_t dead = ::fork();
  if (dead == 0) idle();
  const auto owner = owner_of(dead);
  ::kill(dead, SIGKILL);
  wait(dead);
  Wanted wanted;
  wanted.containment = "cgroup1";
  auto old = std::move(Ground::create(wanted, owner)).value();
  auto cell = std::move(old.make({})).value();
  run(cell, idle);
  auto& one = ground();
  const auto stale = stale_of(one, owner);
  ASSERT_EQ(stale.size(), 1U);
  EXPECT_TRUE(eventually([&] {
    const auto gone = sweep(stale[0]);
    reap();
    return gone && *gone;
  }));
  EXPECT_TRUE(stale_of(one, owner).empty());
}

TEST_F(Cgroup1, FiveHundredComeAndGo) {
  auto& one = ground();
  std::vector<Cell> cells;
  for (int i = 0; i < 500; ++i) cells.push_back(make_cell(one));
  for (auto& cell : cells) ASSERT_TRUE(one.give_back(cell).value());
  const auto dir = one.path() + "/default";
  struct stat info = {};
  ASSERT_EQ(::stat(dir.c_str(), &info), 0);
  EXPECT_EQ(info.st_nlink, 2U);
}

// A helper of native_tests/helpers, and how many processes of it there are when it is at work.
struct Payload {
  const char* name;
  std::vector<const char*> args;
  std::size_t at_work;
};

class KilledByTheFreezer : public Cgroup1, public testing::WithParamInterface<Payload> {};

TEST_P(KilledByTheFreezer, LeavesNothing) {
  const auto& [helper, args, at_work] = GetParam();
  auto& one = ground();
  for (int repeat = 0; repeat < 3; ++repeat) {
    auto cell = make_cell(one);
    const auto program = std::string(CONTAINED_HELPERS_DIR "/") + helper;
    run(cell, [&, given = args] {
      std::vector<const char*> words(given);
      const int null = ::open("/dev/null", O_RDWR);
      for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
      words.insert(words.begin(), program.c_str());
      words.push_back(nullptr);
      ::execv(program.c_str(), const_cast<char**>(words.data()));
    });
    ASSERT_TRUE(eventually([&, wanted = at_work] { return cell.processes().size() >= wanted; }));
    const auto path = cell.path();
    EXPECT_TRUE(ends(one, cell));
    EXPECT_NE(::access(path.c_str(), F_OK), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Helpers, KilledByTheFreezer,
                         testing::Values(Payload{"ignore_term", {}, 1},
                                         Payload{"hopper", {"60000", "100"}, 1},
                                         Payload{"fork_bomb", {"100", "ignore_term"}, 100},
                                         Payload{"stopped_grandchild", {}, 2},
                                         Payload{"stop_self", {}, 1}),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace contained::cgroup
