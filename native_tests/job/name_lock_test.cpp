#include "job/name_lock.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <optional>
#include <thread>
#include <vector>

#include "base/file.hpp"
#include "support/temp_dir.hpp"

namespace contained::job {
namespace {

class Names : public testing::Test {
 protected:
  Names() : jobs_(::open(temp_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}
  Result<NameLock> take() const { return NameLock::take(jobs_.get(), "a"); }
  bool locked() const {
    const auto directory = open_at(jobs_.get(), "a", O_RDONLY | O_DIRECTORY);
    return directory && is_locked(directory->get());
  }

  test::TempDir temp_;
  UniqueFd jobs_;
};

TEST_F(Names, AreTakenOnce) {
  auto first = take();
  ASSERT_TRUE(first);
  EXPECT_TRUE(locked());
  const auto second = take();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, EAGAIN);
}

TEST_F(Names, AreFreeWhenTheirHolderIsGone) {
  std::optional<NameLock> first(std::move(take().value()));
  first.reset();
  EXPECT_FALSE(locked());
  EXPECT_TRUE(take());
}

TEST_F(Names, AreRemovedWithWhatAKilledWriterHasLeft) {
  auto lock = take();
  ASSERT_TRUE(lock);
  for (const char* file : {"job", "job.4711", "result.12", "control"}) {
    temp_.file(std::string("a/") + file, "", 0600);
  }
  EXPECT_TRUE(std::move(*lock).remove("a"));
  EXPECT_FALSE(std::filesystem::exists(temp_.path("a")));
}

TEST_F(Names, AreNotRemovedWithWhatIsSomebodyElses) {
  auto lock = take();
  ASSERT_TRUE(lock);
  temp_.file("a/job.4711.keep", "", 0600);
  EXPECT_EQ(std::move(*lock).remove("a").error().code, ENOTEMPTY);
  EXPECT_TRUE(std::filesystem::exists(temp_.path("a/job.4711.keep")));
}

TEST_F(Names, OfARemovedNamespaceAreNotTaken) {
  std::filesystem::remove(temp_.path());
  const auto lock = take();
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().code, ENOENT);
}

TEST_F(Names, AreHeldByAForkedProcessToo) {
  std::optional<NameLock> first(std::move(take().value()));
  auto pipe = make_pipe();
  ASSERT_TRUE(pipe);
  const pid_t child = ::fork();
  if (child == 0) {
    char byte = 0;
    pipe->write.reset();
    (void)!::read(pipe->read.get(), &byte, 1);
    ::_exit(0);
  }
  first.reset();
  EXPECT_TRUE(locked());
  EXPECT_FALSE(take());
  pipe->write.reset();
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(locked());
}

TEST_F(Names, OfARemovedDirectoryAreMadeAnew) {
  auto first = take();
  ASSERT_TRUE(first);
  ASSERT_TRUE(std::move(*first).remove("a"));
  EXPECT_FALSE(std::filesystem::exists(temp_.path("a")));
  EXPECT_TRUE(take());
}

TEST_F(Names, RemovalLeavesWhatIsNotOurs) {
  auto first = take();
  ASSERT_TRUE(first);
  temp_.file("a/other", "", 0600);
  EXPECT_EQ(std::move(*first).remove("a").error().code, ENOTEMPTY);
}

TEST_F(Names, ARemovalThatWasKilledIsCarriedOn) {
  for (const char* name : {"-a.1.2", "-b.1.2"}) {
    std::filesystem::create_directory(temp_.path(name));
    temp_.file(std::string(name) + "/lock", "", 0600);
  }
  temp_.file("-b.1.2/other", "", 0600);
  for (const char* name : {"-a.1.2", "-b.1.2"}) {
    EXPECT_TRUE(is_aside(name));
    remove_aside(jobs_.get(), name);
  }
  EXPECT_FALSE(is_aside("c"));
  EXPECT_FALSE(std::filesystem::exists(temp_.path("-a.1.2")));
  EXPECT_TRUE(std::filesystem::exists(temp_.path("-b.1.2/other")));
}

// Many that take and remove: whoever has it has a directory that is there.
TEST_F(Names, OneAtATimeAmongManyThatTakeAndRemove) {
  std::atomic<int> holders = 0;
  std::atomic<int> taken = 0;
  std::atomic<bool> broken = false;
  const auto race = [&] {
    for (int i = 0; i < 200; ++i) {
      auto lock = take();
      if (!lock) continue;
      if (holders.fetch_add(1) != 0) broken = true;
      ++taken;
      holders.fetch_sub(1);
      if (!std::move(*lock).remove("a")) broken = true;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(race);
  for (auto& thread : threads) thread.join();
  EXPECT_FALSE(broken);
  EXPECT_GT(taken, 0);
}

TEST_F(Names, ALinkInThePlaceOfTheDirectoryIsRefused) {
  test::TempDir elsewhere;
  ASSERT_EQ(::symlink(elsewhere.path().c_str(), temp_.path("a").c_str()), 0);
  EXPECT_FALSE(take());
  EXPECT_TRUE(std::filesystem::is_empty(elsewhere.path()));
}

TEST_F(Names, ADaemonKeepsTheLockAndNothingElse) {
  auto lock = take();
  ASSERT_TRUE(lock);
  auto pipe = make_pipe();
  const pid_t child = ::fork();
  if (child == 0) {
    lock->close_all_but(pipe->write);
    const bool kept = is_locked(lock->directory()) || ::fcntl(lock->directory(), F_GETFD) >= 0;
    const bool closed = ::fcntl(6, F_GETFD) < 0 && ::fcntl(7, F_GETFD) < 0;
    (void)!::write(pipe->write.get(), "x", 1);
    ::_exit(kept && closed ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  char byte = 0;
  EXPECT_EQ(::read(pipe->read.get(), &byte, 1), 1);
}

}  // namespace
}  // namespace contained::job
