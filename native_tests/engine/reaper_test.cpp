#include "engine/reaper.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <vector>

#include "cgroup/layout.hpp"

namespace contained::engine {
namespace {

using std::chrono::seconds;

class ReaperTest : public ::testing::Test {
 protected:
  ReaperTest() {
    const auto set = Reaper::signals();
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    EXPECT_TRUE(reaper_.start().ok());
  }

  static pid_t child(int code) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(code);
    return pid;
  }

  template <class Condition>
  void run_until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + seconds(10);
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds(50));
    }
    EXPECT_TRUE(condition());
  }

  asio::io_context io_;
  std::vector<int> signals_;
  Reaper reaper_{io_, [this](int number) { signals_.push_back(number); }};
};

TEST_F(ReaperTest, TellsOfEachWatchedChildOnce) {
  std::map<int, int> codes;
  int told = 0;
  constexpr int kChildren = 200;
  for (int i = 0; i < kChildren; ++i) {
    reaper_.watch(child(i % 100), [&](const process::Reaped& reaped) {
      ++codes[reaped.status.code];
      ++told;
    });
  }
  run_until([&] { return told >= kChildren; });
  EXPECT_EQ(codes.size(), 100U);
  for (const auto& [code, count] : codes) EXPECT_EQ(count, 2) << code;
}

TEST_F(ReaperTest, ReapsOrphansThatNobodyWatches) {
  const pid_t orphan = child(0);
  run_until([orphan] { return ::kill(orphan, 0) < 0; });
  EXPECT_LT(::waitpid(orphan, nullptr, WNOHANG), 0);
}

TEST_F(ReaperTest, OrphansOfAGroupThatWasAdoptedAreTold) {
  const auto group = cgroup::shown_group(::getpid());
  if (!group) GTEST_SKIP() << "needs a v2 hierarchy";
  const pid_t own = child(5);
  std::vector<int> told;
  int watched = 0;
  reaper_.adopt(*group, [&](const process::Reaped& orphan) { told.push_back(orphan.status.code); });
  reaper_.adopt(*group + "/other", [](const process::Reaped&) { ADD_FAILURE() << "none of it"; });
  reaper_.watch(own, [&](const process::Reaped&) { ++watched; });
  child(7);
  run_until([&] { return watched == 1 && told.size() == 1; });
  EXPECT_EQ(told, std::vector<int>{7});
  child(9);
  reaper_.reap_dying(*group);
  run_until([&] { return told.size() == 2; });
  EXPECT_EQ(told.back(), 9);
  reaper_.forget(*group);
  const pid_t late = child(11);
  run_until([late] { return ::kill(late, 0) < 0; });
  EXPECT_EQ(told.size(), 2U);
}

TEST_F(ReaperTest, TellsOfSignalsToTheProgramItself) {
  ::kill(::getpid(), SIGTERM);
  ::kill(::getpid(), SIGHUP);
  run_until([this] { return signals_.size() == 2; });
  EXPECT_NE(std::find(signals_.begin(), signals_.end(), SIGTERM), signals_.end());
  EXPECT_NE(std::find(signals_.begin(), signals_.end(), SIGHUP), signals_.end());
}

TEST_F(ReaperTest, KillsStraysButNotWhatIsWatched) {
  const auto sleeper = [] {
    const pid_t pid = ::fork();
    if (pid == 0) {
      for (;;) ::pause();
    }
    return pid;
  };
  const pid_t stray = sleeper();
  const pid_t watched = sleeper();
  bool reaped = false;
  reaper_.watch(watched, [&reaped](const process::Reaped&) { reaped = true; });
  const auto ground = cgroup::Ground::create({.base = {}, .containment = "best_effort"}, {});
  ASSERT_TRUE(ground.ok());
  reaper_.kill_strays(*ground);
  run_until([stray] { return ::kill(stray, 0) < 0; });
  EXPECT_EQ(::kill(watched, 0), 0);
  ::kill(watched, SIGKILL);
  run_until([&reaped] { return reaped; });
}

}  // namespace
}  // namespace contained::engine
