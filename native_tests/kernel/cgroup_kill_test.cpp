// Payloads that do not want to die, each killed by cgroup.kill and member by member.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <atomic>
#include <new>
#include <string>

#include "base/proc.hpp"
#include "kernel/cgroup_fixture.hpp"

namespace contained::cgroup {
namespace {

using test::idle;
using Counter = std::atomic<int>;

// A payload counts here, in memory shared with the test, how far it has come.
struct Payload {
  const char* name;
  void (*run)(Counter&);
  int ready_at;
};

void ignore_signals() {
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_IGN);
}

void run_stopped(Counter& counter) {
  ++counter;
  for (;;) ::raise(SIGSTOP);
}

void run_ignoring(Counter& counter) {
  ignore_signals();
  ++counter;
  idle();
}

void run_daemonised(Counter& counter) {
  if (::fork() != 0) ::_exit(0);
  ::setsid();
  if (::fork() != 0) ::_exit(0);
  run_ignoring(counter);
}

// Each link forks the next and exits: no pid lives long enough to be listed and signalled.
void run_hoppers(Counter& counter) {
  ignore_signals();
  for (int chain = 0; chain < 8; ++chain) {
    if (::fork() != 0) continue;
    for (;;) {
      ++counter;
      const pid_t next = ::fork();
      if (next > 0) ::_exit(0);
    }
  }
  ::_exit(0);
}

// Doubles until there are a hundred of it.
void run_bomb(Counter& counter) {
  ignore_signals();
  while (++counter < 100) ::fork();
  idle();
}

struct Means {
  const char* name;
  Status (Group::*kill)();
};

constexpr Payload kPayloads[] = {{"Stopped", run_stopped, 1},       {"Ignoring", run_ignoring, 1},
                                 {"Daemonised", run_daemonised, 1}, {"Hoppers", run_hoppers, 40},
                                 {"Bomb", run_bomb, 100},           {"Frozen", run_ignoring, 1}};
constexpr Means kMeans[] = {{"ByGroup", &Group::kill}, {"Each", &Group::kill_each}};

class Killed : public test::RealGroups,
               public testing::WithParamInterface<std::tuple<Payload, Means>> {
 protected:
  Killed()
      : page_(::mmap(nullptr, sizeof(Counter), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                     -1, 0)),
        counter_(*new (page_) Counter(0)) {}
  ~Killed() override { ::munmap(page_, sizeof(Counter)); }

  void* page_;
  Counter& counter_;
};

TEST_P(Killed, LeavesNothing) {
  const auto& [payload, means] = GetParam();
  for (int repeat = 0; repeat < 5; ++repeat) {
    counter_ = 0;
    auto group = make("victim");
    run_in(group.fd(), [&, run = payload.run] { run(counter_); });
    ASSERT_TRUE(eventually([&, at = payload.ready_at] { return counter_ >= at; }));
    if (payload.name == std::string("Frozen")) {
      ASSERT_TRUE(write_file_at(group.fd(), "cgroup.freeze", "1"));
    }
    EXPECT_TRUE(ends(group, means.kill));
    EXPECT_FALSE(exists("victim"));
  }
}

INSTANTIATE_TEST_SUITE_P(Payloads, Killed,
                         testing::Combine(testing::ValuesIn(kPayloads), testing::ValuesIn(kMeans)),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param).name) +
                                  std::get<1>(test.param).name;
                         });

class KillEach : public test::RealGroups {};

TEST_F(KillEach, SparesTheSibling) {
  auto group = make("victim");
  auto sibling = make("victim2");
  run_in(group.fd(), idle);
  const pid_t spared = run_in(sibling.fd(), idle);
  EXPECT_TRUE(ends(group, &Group::kill_each));
  EXPECT_TRUE(sibling.populated().value());
  EXPECT_TRUE(sibling.contains(spared));
}

TEST_F(KillEach, LeavesTheGroupThawed) {
  auto group = make("victim");
  run_in(group.fd(), idle);
  ASSERT_TRUE(group.kill_each());
  EXPECT_EQ(std::move(read_file_at(group.fd(), "cgroup.freeze")).value(), "0\n");
}

}  // namespace
}  // namespace contained::cgroup
