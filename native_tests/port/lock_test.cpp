// contained_port --lock as it is started: a file, a line on stdout, lines on stdin.
#include "port/lock.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>

#include "base/file.hpp"
#include "support/temp_dir.hpp"

namespace contained::port {
namespace {

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A process that holds a lock, or does not get it.
class Holder {
 public:
  explicit Holder(const std::string& path)
      : in_(std::move(make_pipe().value())), out_(std::move(make_pipe().value())) {
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(in_.read.get(), STDIN_FILENO);
      ::dup2(out_.write.get(), STDOUT_FILENO);
      ::execl(CONTAINED_PORT_PATH, CONTAINED_PORT_PATH, "--lock", path.c_str(), nullptr);
      ::_exit(127);
    }
    out_.write.reset();
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  ~Holder() { kill(); }

  std::string line() const {
    std::string text;
    for (char c = 0; ::read(out_.read.get(), &c, 1) == 1 && c != '\n';) text += c;
    return text;
  }
  void say(const std::string& line) const {
    ASSERT_EQ(::write(in_.write.get(), line.data(), line.size()), ssize_t(line.size()));
  }
  void hang_up() { in_.write.reset(); }
  void signal(int number) const { ::kill(child_, number); }
  void kill() {
    if (child_ == 0) return;
    signal(SIGKILL);
    ::waitpid(child_, nullptr, 0);
    child_ = 0;
  }

 private:
  PipeEnds in_;
  PipeEnds out_;
  pid_t child_ = 0;
};

class LockTest : public testing::Test {
 protected:
  // What a holder is told has been done when the file says so.
  void await(const std::string& wanted) const {
    for (int tries = 0; content(path_) != wanted && tries < 3000; ++tries) ::usleep(10000);
    EXPECT_EQ(content(path_), wanted);
  }
  std::string refusal() const { return Holder(path_).line(); }

  test::TempDir temp_;
  std::string path_ = temp_.path("lock");
};

TEST_F(LockTest, OneHoldsItAndTheOthersLearnItsNumber) {
  Holder first(path_);
  EXPECT_EQ(first.line(), "held");
  EXPECT_EQ(refusal(), "taken 0");
  first.say("123456\n");
  await("123456\n");
  EXPECT_EQ(refusal(), "taken 123456");
  first.say("7\n");
  await("7\n");
  first.say("\n");
  await("");
  EXPECT_EQ(refusal(), "taken 0");
}

TEST_F(LockTest, NeitherSignalsNorTheEndOfItsInputEndIt) {
  Holder first(path_);
  EXPECT_EQ(first.line(), "held");
  first.say("8\n");
  await("8\n");
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE}) first.signal(number);
  first.hang_up();
  EXPECT_EQ(refusal(), "taken 8");
}

TEST_F(LockTest, ItsDeathFreesItWhateverStandsThere) {
  Holder first(path_);
  EXPECT_EQ(first.line(), "held");
  first.say("9\n");
  await("9\n");
  first.kill();
  Holder second(path_);
  EXPECT_EQ(second.line(), "held");
  EXPECT_EQ(content(path_), "");
}

TEST_F(LockTest, InOrderItLeavesAnEmptyFile) {
  Holder first(path_);
  EXPECT_EQ(first.line(), "held");
  first.say("9\n");
  await("9\n");
  first.signal(SIGUSR2);
  EXPECT_EQ(first.line(), "");
  EXPECT_EQ(content(path_), "");
}

TEST_F(LockTest, AFileThatWasRemovedIsMadeAnew) {
  Holder first(path_);
  EXPECT_EQ(first.line(), "held");
  ::unlink(path_.c_str());
  Holder second(path_);
  EXPECT_EQ(second.line(), "held");
}

TEST_F(LockTest, OnlyAFileLikeItsOwnIsTaken) {
  const auto text = temp_.path("text");
  std::ofstream(text) << "not a number\n";
  ::symlink(text.c_str(), path_.c_str());
  EXPECT_EQ(refusal(), "failed eloop");
  EXPECT_EQ(Holder(text).line(), "failed eperm");
  ::unlink(path_.c_str());
  ::mkfifo(path_.c_str(), 0600);
  EXPECT_EQ(refusal(), "failed enotsup");
  EXPECT_EQ(Holder(temp_.path("no/lock")).line(), "failed enoent");
  EXPECT_EQ(Holder(temp_.path()).line(), "failed eisdir");
  const auto linked = temp_.path("linked");
  std::ofstream(linked).close();
  ::link(linked.c_str(), temp_.path("second").c_str());
  EXPECT_EQ(Holder(linked).line(), "failed eperm");
  EXPECT_EQ(content(text), "not a number\n");
}

}  // namespace
}  // namespace contained::port
