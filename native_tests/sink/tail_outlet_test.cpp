#include "sink/tail_outlet.hpp"

#include <gtest/gtest.h>

#include "sink/support.hpp"

namespace contained::sink {
namespace {

class TailOutletTest : public testing::Test {
 protected:
  TailOutletTest()
      : ends_(std::move(make_pipe().value())),
        tail_(FdOptions{.fd = ends_.write.get(), .tail = true}, told_.reports) {
    (void)set_nonblocking(ends_.read.get());
  }

  std::string written() const {
    std::string text(65536, '\0');
    const auto count = ::read(ends_.read.get(), text.data(), text.size());
    text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return text;
  }

  Told told_;
  PipeEnds ends_;
  TailOutlet tail_;
};

TEST_F(TailOutletTest, WritesNothingBeforeTheEnd) {
  ASSERT_TRUE(tail_.open().ok());
  tail_.write("one\n", at());
  tail_.write("two\n", at());
  EXPECT_EQ(written(), "");
  tail_.finish(at());
  EXPECT_EQ(written(), "one\ntwo\n");
}

TEST_F(TailOutletTest, KeepsTheLastBytesHoweverTheyCome) {
  std::string all;
  for (int number = 0; number < 5000; ++number) {
    const auto line = std::to_string(number) + '\n';
    tail_.write(line, at());
    all += line;
  }
  tail_.write(std::string(3 * TailOutlet::kMost, 'x') + "end", at());
  tail_.write("ing", at());
  tail_.finish(at());
  EXPECT_EQ(written(), std::string(TailOutlet::kMost - 6, 'x') + "ending");
  EXPECT_EQ(told_.text(), "");
}

TEST_F(TailOutletTest, AReaderThatIsGoneIsTold) {
  ::signal(SIGPIPE, SIG_IGN);
  ends_.read.reset();
  tail_.write("lost", at());
  tail_.finish(at());
  EXPECT_TRUE(told_.text().starts_with("trouble epipe fd "));
}

}  // namespace
}  // namespace contained::sink
