#include "session/shutdown.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace contained::session {
namespace {

TEST(ShutdownTest, GoesDownTheLadderOnce) {
  Shutdown shutdown({{SIGTERM, 2000}, {SIGINT, 500}});
  EXPECT_EQ(shutdown.next(), (protocol::Rung{SIGTERM, 2000}));
  EXPECT_EQ(shutdown.next(), (protocol::Rung{SIGINT, 500}));
  EXPECT_FALSE(shutdown.next());
  EXPECT_FALSE(shutdown.next());
}

TEST(ShutdownTest, AnEmptyLadderKillsAtOnce) {
  Shutdown shutdown({});
  EXPECT_FALSE(shutdown.next());
}

TEST(ShutdownTest, LooksOftenAtFirstAndThenLessOften) {
  Shutdown shutdown({});
  for (const std::uint64_t pause : {10, 20, 40, 80, 160, 250, 250}) {
    EXPECT_EQ(shutdown.next_kill_pause(), pause);
  }
}

TEST(ShutdownTest, GivesUpAfterFiveSeconds) {
  Shutdown shutdown({});
  std::uint64_t waited = 0;
  while (const auto pause = shutdown.next_kill_pause()) waited += *pause;
  EXPECT_GE(waited, 5000U);
  EXPECT_LE(waited, 5250U);
}

}  // namespace
}  // namespace contained::session
