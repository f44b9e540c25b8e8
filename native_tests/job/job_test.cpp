#include "job/job.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace contained::job {
namespace {

TEST(JobName, IsOfSafeLettersAndNeitherEmptyNorAPath) {
  for (const char* good : {"a", "first-task", "A.b_c-9", ".hidden", "..."}) {
    EXPECT_TRUE(valid_name(good)) << good;
  }
  for (const char* bad : {"", ".", "..", "a/b", "a b", "-x", "\xc3\xa9", "a\n", "a:b"}) {
    EXPECT_FALSE(valid_name(bad)) << bad;
  }
  EXPECT_TRUE(valid_name(std::string(64, 'a')));
  EXPECT_FALSE(valid_name(std::string(65, 'a')));
}

Job example() {
  Job job;
  job.name = "first-task";
  job.command = {"sh", "-c", "echo a\nb \\", ""};
  job.cwd = "/tmp/with space";
  job.log = "/var/log/x.log";
  job.on_exit = "logger done";
  job.containment = "cgroup2";
  job.boot_id = "6c5d";
  job.pid_namespace = 4026531836;
  job.guardian = {10, 100};
  job.worker = {11, 101};
  job.leader = {12, 102};
  job.groups = {{{"memory", "pids"}, "/sys/fs/cgroup/a b/1", 77, {}}, {{}, "/x", 0, {}}};
  job.started_ms = 1795271189036;
  return job;
}

TEST(Job, ComesBackFromItsRecord) {
  const auto job = example();
  const auto read = job_of(*Record::parse(record_of(job).text()));
  ASSERT_TRUE(read);
  EXPECT_EQ(record_of(*read).text(), record_of(job).text());
  EXPECT_EQ(read->command, job.command);
  EXPECT_EQ(read->guardian, job.guardian);
  ASSERT_EQ(read->groups.size(), 2U);
  EXPECT_EQ(read->groups[0].path, "/sys/fs/cgroup/a b/1");
  EXPECT_EQ(read->groups[0].controllers, (std::vector<std::string>{"memory", "pids"}));
  EXPECT_EQ(read->groups[0].inode, 77U);
  EXPECT_TRUE(read->groups[1].controllers.empty());
}

TEST(Job, WithoutWhatNamesItsKeeperIsNone) {
  EXPECT_FALSE(job_of(*Record::parse("name a\nboot_id b\n")));
  EXPECT_FALSE(job_of(*Record::parse("name a\nguardian_pid 3\n")));
  EXPECT_FALSE(job_of(*Record::parse("boot_id b\nguardian_pid 3\n")));
  EXPECT_TRUE(job_of(*Record::parse("name a\nboot_id b\nguardian_pid 3\n")));
}

TEST(Outcome, ComesBackFromItsRecord) {
  protocol::Ended ended;
  ended.exited = false;
  ended.code = 11;
  ended.core_dumped = true;
  ended.reason = "signal";
  ended.left_behind = 3;
  ended.memory_peak = 4096;
  ended.pids_peak = 7;
  ended.io_read = 8;
  ended.limits_hit = {"memory", "pids"};
  ended.not_applied = {"cpu"};
  const auto outcome = outcome_of(ended, 1000);
  const auto read = outcome_of(*Record::parse(record_of(outcome).text()));
  ASSERT_TRUE(read);
  EXPECT_EQ(record_of(*read).text(), record_of(outcome).text());
  EXPECT_EQ(read->status(), 139);
  EXPECT_TRUE(read->core_dumped);
  EXPECT_EQ(read->memory_peak, 4096U);
  EXPECT_EQ(read->oom_kills, std::nullopt);
  EXPECT_EQ(read->pids_peak, 7U);
  EXPECT_EQ(read->io_read, 8U);
  EXPECT_EQ(read->limits_hit, ended.limits_hit);
  EXPECT_EQ(read->not_applied, ended.not_applied);
  EXPECT_EQ(read->started_ms, 1000U);
  EXPECT_GE(read->ended_ms, 1000U);
}

TEST(Outcome, NeedsAStatus) {
  EXPECT_FALSE(outcome_of(*Record::parse("reason exit\n")));
  EXPECT_FALSE(outcome_of(*Record::parse("exited x\n")));
  EXPECT_EQ(outcome_of(*Record::parse("exited 7\n"))->status(), 7);
  EXPECT_EQ(outcome_of(*Record::parse("signaled 15\nreason timeout\n"))->status(), 124);
}

TEST(Life, AMarkNamesOneProcess) {
  const auto self = mark_of(::getpid());
  EXPECT_TRUE(is_alive(self));
  EXPECT_FALSE(is_alive({self.pid, self.start_time + 1})) << "another process of that pid";
  EXPECT_FALSE(is_alive({}));
  EXPECT_EQ(signal_marked({self.pid, self.start_time + 1}, SIGKILL).error().code, ESRCH);
  EXPECT_TRUE(signal_marked(self, 0));
}

TEST(Life, TheBootHasAnId) { EXPECT_EQ(boot_id().size(), 36U); }

}  // namespace
}  // namespace contained::job
