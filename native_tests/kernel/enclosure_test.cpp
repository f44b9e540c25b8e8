// What an enclosure promises, in every containment that this host offers: control groups of each
// version, and the stub without any.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>

#include "base/file.hpp"
#include "base/proc.hpp"
#include "engine/group_enclosure.hpp"
#include "engine/stub_enclosure.hpp"

namespace contained::engine {
namespace {

using std::chrono::seconds;

struct Owner : EnclosureOwner {
  void on_leader_exit(const process::Reaped& reaped) override {
    ++exits;
    status = reaped.status;
  }
  void on_look(Look look) override {
    ++looks;
    last = look;
    empty = empty || !look.populated;
  }

  void on_orphan_exit(pid_t, process::ExitStatus orphan) override {
    EXPECT_FALSE(empty) << "it comes before the end";
    orphans.push_back(orphan);
  }

  std::vector<process::ExitStatus> orphans;
  int exits = 0;
  int looks = 0;
  bool empty = false;
  Look last;
  process::ExitStatus status;
};

cgroup::Owner this_process() {
  const auto self = read_proc_stat(::getpid());
  return {pid_namespace(), ::getpid(), self ? self->start_time : 0};
}

class EnclosureTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const auto set = Reaper::signals();
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // as the worker is
    ASSERT_TRUE(reaper_.start().ok());
    auto ground = cgroup::Ground::create({.base = "", .containment = GetParam()}, this_process());
    if (!ground) {
      GTEST_SKIP() << "needs a writable " << GetParam() << " here: " << ground.error().message();
    }
    ground_.emplace(std::move(*ground));
  }

  void TearDown() override {
    enclosure_.reset();
    if (!ground_) return;
    run_until([this] {
      const auto gone = ground_->destroy();
      return gone && *gone;
    });
  }

  void make_enclosure() {
    if (ground_->kind() == cgroup::Kind::kBestEffort)
      enclosure_ =
          std::make_shared<StubEnclosure>(StubContext{io_, reaper_, *ground_, refused_}, request_);
    else
      enclosure_ = std::make_shared<GroupEnclosure>(GroupContext{io_, reaper_, *ground_, refused_},
                                                    request_);
  }

  Error refusal() {
    make_enclosure();
    process::SpawnSpec spec;
    spec.program = "/bin/true";
    spec.args = {"true"};
    const auto status = enclosure_->start(std::move(spec), owner_);
    EXPECT_FALSE(status.ok());
    return status ? Error{} : status.error();
  }

  // Runs a line in the shell.
  void start(const std::string& line) {
    make_enclosure();
    process::SpawnSpec spec;
    spec.program = "/bin/sh";
    spec.args = {"sh", "-c", line};
    spec.env = {"PATH=/usr/bin:/bin"};
    spec.tell_orphans = request_.orphans;
    auto status = enclosure_->start(std::move(spec), owner_);
    ASSERT_TRUE(status.ok()) << status.error().message();
    const UniqueFd exec_status = std::move(*status);
    run_until([&] {
      return process::read_exec_status(exec_status.get()).state == process::ExecState::kDone;
    });
    EXPECT_GT(enclosure_->leader(), 0);
  }

  template <class Condition>
  void run_until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + seconds(20);
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds(5));
    }
    EXPECT_TRUE(condition());
  }

  bool runs(const std::string& name) const {
    const auto pids = enclosure_->processes();
    return std::any_of(pids.begin(), pids.end(), [&](pid_t pid) {
      const auto comm = read_file_at(AT_FDCWD, "/proc/" + std::to_string(pid) + "/comm");
      return comm && *comm == name + "\n";
    });
  }

  void await_empty() {
    enclosure_->watch();
    run_until([this] { return owner_.empty; });
  }

  asio::io_context io_;
  Reaper reaper_{io_, [](int) {}};
  process::Refused refused_;
  std::optional<cgroup::Ground> ground_;
  protocol::Start request_;
  Owner owner_;
  std::shared_ptr<Enclosure> enclosure_;
};

TEST_P(EnclosureTest, ACommandThatLeavesNothing) {
  start("exit 7");
  run_until([this] { return owner_.exits == 1; });
  EXPECT_EQ(owner_.status, (process::ExitStatus{.exited = true, .code = 7}));
  enclosure_->check();
  run_until([this] { return owner_.empty; });
  EXPECT_TRUE(enclosure_->tend(false));
  EXPECT_EQ(owner_.exits, 1);
}

TEST_P(EnclosureTest, WhatTheLeaderLeavesIsCountedAndKilled) {
  start("setsid sleep 60 & setsid sleep 60 & sleep 0.1");
  run_until([this] { return owner_.exits == 1; });
  enclosure_->check();
  run_until([this] { return owner_.looks > 0; });
  EXPECT_EQ(owner_.last.processes, 2U);
  EXPECT_EQ(enclosure_->processes().size(), 2U);
  EXPECT_FALSE(owner_.empty);
  enclosure_->kill();
  await_empty();
  EXPECT_TRUE(enclosure_->processes().empty());
}

// What becomes of the others is up to the session.
TEST_P(EnclosureTest, WhoKillsTheLeaderKillsNobodyElse) {
  start("setsid sleep 60 & exec sleep 61");
  run_until([this] { return enclosure_->processes().size() == 2 && !runs("sh"); });
  ::kill(enclosure_->leader(), SIGKILL);
  run_until([this] { return owner_.exits == 1; });
  enclosure_->check();
  run_until([this] { return owner_.looks > 0; });
  EXPECT_EQ(owner_.last.processes, 1U);
  EXPECT_FALSE(owner_.empty);
  enclosure_->kill();
  await_empty();
}

TEST_P(EnclosureTest, ASignalReachesTheLeaderOrAll) {
  start("trap 'exit 3' TERM; sleep 60 & while :; do wait; done");
  // A shell that has forked and not yet executed takes signals for its own.
  run_until([this] { return runs("sleep"); });
  int answers = 0;
  const auto count = [&answers](const Status& sent) { answers += sent ? 1 : 100; };
  enclosure_->signal(SIGTERM, protocol::Target::kLeader, count);
  run_until([&] { return answers == 1 && owner_.exits == 1; });
  EXPECT_EQ(owner_.status, (process::ExitStatus{.exited = true, .code = 3}));
  EXPECT_EQ(enclosure_->processes().size(), 1U);
  enclosure_->signal(SIGTERM, protocol::Target::kAll, count);
  await_empty();
  EXPECT_GE(answers, 2);
}

TEST_P(EnclosureTest, KillReachesTheStoppedAndTheDeaf) {
  start("sh -c 'trap \"\" TERM INT HUP; kill -STOP $$' & trap '' TERM; sleep 60");
  run_until([this] { return enclosure_->processes().size() >= 3; });
  enclosure_->kill();
  await_empty();
  run_until([this] { return owner_.exits == 1; });
  EXPECT_EQ(owner_.status, (process::ExitStatus{.exited = false, .code = SIGKILL}));
}

TEST_P(EnclosureTest, ALimitIsAppliedOrRefused) {
  request_.placement.limits = {{"no_such_limit", "1"}};
  const auto error = refusal();
  EXPECT_EQ(error.stage, Stage::kLimit);
  EXPECT_EQ(error.subject, "no_such_limit");
}

// Two end by themselves, one by the end of all.
TEST_P(EnclosureTest, OrphansAreToldBeforeTheEnd) {
  request_.orphans = true;
  if (ground_->kind() == cgroup::Kind::kCgroup1) {
    EXPECT_EQ(refusal().subject, "orphans");
    return;
  }
  start("(sh -c 'exit 7' &); (sh -c 'exit 8' &); (sleep 60 &); sleep 0.1");
  run_until([this] { return owner_.exits == 1 && owner_.orphans.size() == 2; });
  enclosure_->kill();
  await_empty();
  EXPECT_EQ(owner_.orphans.size(), 3U);
  const auto codes = owner_.orphans[0].code + owner_.orphans[1].code;
  EXPECT_TRUE(owner_.orphans[0].exited && owner_.orphans[1].exited && codes == 15);
  EXPECT_EQ(owner_.orphans[2], (process::ExitStatus{.exited = false, .code = SIGKILL}));
}

TEST_P(EnclosureTest, TimeIsAccounted) {
  start("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done");
  run_until([this] { return owner_.exits == 1; });
  enclosure_->check();
  run_until([this] { return owner_.empty; });
  protocol::Ended ended;
  enclosure_->account(ended);
  EXPECT_GT(ended.user_us + ended.system_us, 1000U);
  EXPECT_GT(ended.max_rss_kb, 100U);
}

// The stub alone can be killed by its payload; nothing of it may be lost by that.
TEST_P(EnclosureTest, WithTheStubDiesAllThatItHeld) {
  if (ground_->kind() != cgroup::Kind::kBestEffort) GTEST_SKIP() << "needs the mode without groups";
  start("setsid sleep 60 & sleep 60");
  run_until([this] { return enclosure_->processes().size() == 3; });
  const auto held = enclosure_->processes();
  ::kill(static_cast<pid_t>(read_proc_stat(enclosure_->leader())->ppid), SIGKILL);
  run_until([this] { return owner_.exits == 1; });
  run_until([&] {
    reaper_.kill_strays(*ground_);
    return std::none_of(held.begin(), held.end(), [](pid_t pid) { return ::kill(pid, 0) == 0; });
  });
}

INSTANTIATE_TEST_SUITE_P(Containments, EnclosureTest,
                         ::testing::Values("cgroup2", "hybrid", "cgroup1", "best_effort"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace contained::engine
