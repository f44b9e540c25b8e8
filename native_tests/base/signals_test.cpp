#include "base/signals.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace contained {
namespace {

TEST(Signals, ByNameAndNumber) {
  EXPECT_EQ(signal_named("TERM"), SIGTERM);
  EXPECT_EQ(signal_named("SIGHUP"), SIGHUP);
  EXPECT_EQ(signal_named("sigusr1"), SIGUSR1);
  EXPECT_EQ(signal_named("9"), SIGKILL);
  for (const char* text : {"", "SIG", "0", "65", "-1", "NOPE", "TERMS", "9x"}) {
    EXPECT_EQ(signal_named(text), std::nullopt) << text;
  }
}

TEST(Signals, HaveNamesOrNumbers) {
  EXPECT_EQ(signal_name(SIGHUP), "HUP");
  EXPECT_EQ(signal_name(40), "40");
}

}  // namespace
}  // namespace contained
