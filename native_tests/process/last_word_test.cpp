#include "process/last_word.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

namespace contained::process {
namespace {

std::optional<Error> heard_after(const std::function<void(const LastWord&)>& say) {
  const auto made = LastWord::make();
  EXPECT_TRUE(made.ok());
  const pid_t pid = ::fork();
  if (pid == 0) {
    say(*made.value());
    ::_exit(0);
  }
  ::waitpid(pid, nullptr, 0);
  return made.value()->heard();
}

TEST(LastWord, OfAChildIsHeard) {
  const auto error = heard_after([](const LastWord& word) { word.say(ENOENT); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->message(), "exec: enoent");
}

TEST(LastWord, OnlyTheLastCounts) {
  EXPECT_FALSE(heard_after([](const LastWord&) {}));
  EXPECT_FALSE(heard_after([](const LastWord& word) {
    word.say(ETXTBSY);
    word.say(0);
  }));
}

}  // namespace
}  // namespace contained::process
