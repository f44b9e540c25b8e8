#include <gtest/gtest.h>
#include <sys/xattr.h>

#include <string>

#include "cgroup/layout.hpp"
#include "kernel/cgroup_fixture.hpp"

namespace contained::cgroup {
namespace {

using test::idle;

class RealLayout : public test::RealGroups {
 protected:
  static std::string path_of(pid_t pid) {
    const auto file = fmt::format("/proc/{}/cgroup", pid);
    return parse_path(std::move(read_file_at(AT_FDCWD, file)).value(), {}).value();
  }
};

TEST_F(RealLayout, OwnIsWhereWeAre) {
  const auto dir = std::move(open_at(AT_FDCWD, layout().own, O_RDONLY | O_DIRECTORY)).value();
  EXPECT_EQ(shown_path(dir.get()).value(), path_of(::getpid()));
  EXPECT_TRUE(layout().own.starts_with(layout().mountpoint));
}

TEST_F(RealLayout, ShownPathIsWhatMembersShow) {
  const auto group = make("shown");
  const pid_t pid = run_in(group.fd(), idle);
  EXPECT_EQ(shown_path(group.fd()).value(), path_of(pid));
}

TEST_F(RealLayout, AWantedBaseIsTaken) {
  const auto group = make("wanted");
  const auto path = base() + "/wanted";
  EXPECT_EQ(choose_base(layout(), path).value(), path);
  EXPECT_EQ(choose_base(layout(), path + "//").value(), path);
  const auto relative = path.substr(layout().mountpoint.size() + 1);
  EXPECT_EQ(choose_base(layout(), relative).value(), path);
}

TEST_F(RealLayout, AWantedBaseMustBeAWritableGroup) {
  EXPECT_EQ(choose_base(layout(), base() + "/none").error().code, ENOENT);
  EXPECT_EQ(choose_base(layout(), "/tmp").error().message(), "cgroup: enodev (/tmp)");
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: becomes another user";
  ASSERT_EQ(::seteuid(65534), 0);
  const auto refused = choose_base(layout(), base());
  ASSERT_EQ(::seteuid(0), 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, EACCES);
  EXPECT_EQ(refused.error().subject, base());
}

TEST_F(RealLayout, RootUnderSystemdTakesTheMarkedGroup) {
  const auto group = make("delegated");
  const auto inner = std::move(Group::create(group.fd(), "inner")).value();
  run_in(inner.fd(), idle);
  const auto path = base() + "/delegated";
  const Layout in_service{layout().mountpoint, path + "/inner"};
  EXPECT_EQ(choose_base(in_service, {}, {0, true}).value(), path + "/inner");
  if (::setxattr(path.c_str(), "user.delegate", "1", 1, 0) != 0) {
    GTEST_SKIP() << "needs user xattrs on cgroup2 (Linux 5.7)";
  }
  EXPECT_EQ(choose_base(in_service, {}, {0, true}).value(), path);
}

}  // namespace
}  // namespace contained::cgroup
