// Jobs that fork without end, and without any limit of their group: a user of their own and his
// RLIMIT_NPROC keep the machine out of it.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <filesystem>

#include "cli/job_cli.hpp"

namespace contained::test {
namespace {

using std::chrono::steady_clock;

class JobBomb : public JobCli {
 protected:
  // Until there are as many as there may be.
  void light(const std::string& word) {
    ::chmod(temp_.path().c_str(), 0755);
    const auto storm = temp_.path("fork_storm");
    std::filesystem::copy_file(CONTAINED_HELPERS_DIR "/fork_storm", storm);
    Words words = {"run",
                   "--rlimit",
                   "nproc=200:200",
                   "--nice",
                   "19",
                   "--env",
                   "CONTAINED_BOMB=" + temp_.path()};
    if (::geteuid() == 0) words.insert(words.end(), {"--uid", "64711", "--gid", "64711"});
    words.insert(words.end(), {"a", storm, word});
    const auto came = job(std::move(words));
    ASSERT_EQ(came.code(), 0) << came.err;
    ASSERT_TRUE(before_long([&] { return content(log_of("a")) == "full\n"; }));
  }

  // How long depends on the machine: printed, and bounded only by the deadline of a program.
  void put_out(const std::string& command) {
    const auto space = job::Namespace::open(space_);
    const auto lit = job::processes(*space, entry("a")).size();
    const auto begin = steady_clock::now();
    EXPECT_EQ(code({command, "a"}), 0);
    const auto taken =
        std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - begin);
    std::printf("%s: %zu processes gone after %lld ms\n", command.c_str(), lit,
                static_cast<long long>(taken.count()));
    ASSERT_TRUE(entry("a").outcome);
    EXPECT_EQ(entry("a").outcome->unkilled, 0U);
    EXPECT_TRUE(processes_with("CONTAINED_BOMB=" + temp_.path()).empty());
  }
};

TEST_F(JobBomb, IsGoneAfterAStop) {
  light("obeys");
  put_out("stop");
}

TEST_F(JobBomb, IsGoneAfterAKillThoughItIgnoresSignals) {
  light("ignore_term");
  put_out("kill");
}

}  // namespace
}  // namespace contained::test
