#include "base/proc.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string>

namespace contained {
namespace {

// The fields after the name, from the state on: ppid is 1, start time is 22222.
std::string line(const std::string& name) {
  return "4711 (" + name +
         ") S 1 4711 4711 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 22222 1000 100 "
         "18446744073709551615";
}

class Sleeper {
 public:
  Sleeper() : pid_(::fork()) {
    if (pid_ == 0) {
      ::pause();
      ::_exit(0);
    }
  }
  ~Sleeper() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

TEST(ParseProcStat, TakesTheFieldsByNumber) {
  const auto stat = parse_proc_stat(line("sh"));
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat.value().pid, 4711);
  EXPECT_EQ(stat.value().state, 'S');
  EXPECT_EQ(stat.value().ppid, 1);
  EXPECT_EQ(stat.value().start_time, 22222U);
}

TEST(ParseProcStat, ANameMayHoldAnything) {
  for (const auto* name : {"a b", ") R 9 9", "((", "\n) Z 7", ""}) {
    const auto stat = parse_proc_stat(line(name));
    ASSERT_TRUE(stat) << name;
    EXPECT_EQ(stat.value().ppid, 1) << name;
    EXPECT_EQ(stat.value().start_time, 22222U) << name;
  }
}

TEST(ParseProcStat, RefusesWhatIsCutShort) {
  const auto whole = line("sh");
  const auto start_time_end = whole.find(" 1000 100");
  for (std::size_t length = 0; length < start_time_end - 5; ++length) {
    EXPECT_FALSE(parse_proc_stat(whole.substr(0, length))) << length;
  }
  EXPECT_EQ(parse_proc_stat("").error().code, EINVAL);
}

TEST(ReadProcStat, KnowsUs) {
  const auto stat = read_proc_stat(::getpid());
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat.value().pid, ::getpid());
  EXPECT_EQ(stat.value().ppid, ::getppid());
  EXPECT_EQ(stat.value().state, 'R');
  EXPECT_GT(stat.value().start_time, 0U);
}

TEST(ReadProcStat, StartTimeIsKept) {
  const Sleeper child;
  const auto first = read_proc_stat(child.pid());
  const auto second = read_proc_stat(child.pid());
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first.value().start_time, second.value().start_time);
}

TEST(ReadProcStat, OfNobodyIsAnError) {
  // Beyond the largest pid that a kernel can hand out (PID_MAX_LIMIT, 4 Mi).
  const auto stat = read_proc_stat(1 << 30);
  ASSERT_FALSE(stat);
  EXPECT_EQ(stat.error().code, ENOENT);
}

TEST(ChildrenOf, ListsThem) {
  const Sleeper first;
  const Sleeper second;
  auto children = children_of(::getpid());
  std::sort(children.begin(), children.end());
  auto expected = std::vector<pid_t>{first.pid(), second.pid()};
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(children, expected);
}

TEST(ChildrenOf, OfAChildlessProcessIsEmpty) {
  const Sleeper child;
  EXPECT_TRUE(children_of(child.pid()).empty());
}

TEST(ChildrenOf, OfNobodyIsEmpty) { EXPECT_TRUE(children_of(1 << 30).empty()); }

TEST(PidNamespace, IsKnown) { EXPECT_NE(pid_namespace(), 0U); }

}  // namespace
}  // namespace contained
