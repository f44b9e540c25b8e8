#include "sink/syslog_outlet.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <thread>

#include "sink/support.hpp"
#include "support/temp_dir.hpp"

namespace contained::sink {
namespace {

// A syslog daemon of our own.
class Daemon {
 public:
  explicit Daemon(const std::string& path) {
    ::unlink(path.c_str());
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::copy(path.begin(), path.end(), address.sun_path);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }

  std::string packet(int flags = MSG_DONTWAIT) const {
    std::string text(4096, '\0');
    const auto count = ::recv(socket_.get(), text.data(), text.size(), flags);
    text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return text;
  }

 private:
  UniqueFd socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

class SyslogOutletTest : public testing::Test {
 protected:
  SyslogOutletTest() {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
    options_ = {"app", 14, temp_.path("log"), false, Policy::kDrop};
  }

  test::TempDir temp_;
  Told told_;
  SyslogOptions options_;
};

const std::string kHead = "<14>Nov 21 06:57:41 app: ";

TEST_F(SyslogOutletTest, EachLineIsAPacket) {
  const Daemon daemon(options_.socket);
  SyslogOutlet outlet(options_, told_.reports);
  ASSERT_TRUE(outlet.open().ok());
  outlet.write("one\r\n\ntw", at());
  EXPECT_EQ(daemon.packet(), kHead + "one");
  EXPECT_EQ(daemon.packet(), "");
  outlet.write("o\nlast", at());
  EXPECT_EQ(daemon.packet(), kHead + "two");
  outlet.finish(at());
  EXPECT_EQ(daemon.packet(), kHead + "last");
  EXPECT_EQ(told_.text(), "");
}

TEST_F(SyslogOutletTest, LongLinesAreSplit) {
  const Daemon daemon(options_.socket);
  SyslogOutlet outlet(options_, told_.reports);
  ASSERT_TRUE(outlet.open().ok());
  const std::string line(2500, 'x');
  outlet.write(line.substr(0, 2000), at());
  outlet.write(line.substr(2000) + "\n", at());
  std::string together;
  for (auto packet = daemon.packet(); !packet.empty(); packet = daemon.packet()) {
    EXPECT_LE(packet.size(), 1024U);
    EXPECT_TRUE(packet.starts_with(kHead));
    together += packet.substr(kHead.size());
  }
  EXPECT_EQ(together, line);
}

TEST_F(SyslogOutletTest, ADaemonThatIsNotThereIsAnErrorAtFirstOnly) {
  SyslogOutlet outlet(options_, told_.reports);
  EXPECT_EQ(outlet.open().error().code, ENOENT);
  {
    const Daemon daemon(options_.socket);
    ASSERT_TRUE(outlet.open().ok());
  }
  outlet.write("lost\n", at());
  EXPECT_EQ(told_.text(), "trouble econnrefused " + options_.socket + "\n");
  const Daemon restarted(options_.socket);
  outlet.write("found\n", at(2000));
  EXPECT_EQ(told_.text(), "over 4 " + options_.socket + "\n");
  EXPECT_EQ(restarted.packet().substr(kHead.size()), "found");
}

TEST_F(SyslogOutletTest, ADaemonThatHangsCostsOneSecondThenLines) {
  const Daemon daemon(options_.socket);
  SyslogOutlet outlet(options_, told_.reports);
  ASSERT_TRUE(outlet.open().ok());
  std::string lines;
  for (int i = 0; i < 10000; ++i) lines += "x\n";
  outlet.write(lines, at());
  EXPECT_EQ(told_.text(), "trouble eagain " + options_.socket + "\n");
  std::size_t received = 0;
  while (!daemon.packet().empty()) ++received;
  outlet.finish(at());
  EXPECT_EQ(told_.text(), fmt::format("over {} {}\n", 10000 - received, options_.socket));
}

TEST_F(SyslogOutletTest, BlockWaitsForTheDaemon) {
  const Daemon daemon(options_.socket);
  options_.policy = Policy::kBlock;
  SyslogOutlet outlet(options_, told_.reports);
  ASSERT_TRUE(outlet.open().ok());
  std::string lines;
  for (int i = 0; i < 2000; ++i) lines += "x\n";
  std::thread writer([&] { outlet.write(lines, at()); });
  int received = 0;
  while (received < 2000 && !daemon.packet(0).empty()) ++received;
  writer.join();
  EXPECT_EQ(received, 2000);
}

}  // namespace
}  // namespace contained::sink
