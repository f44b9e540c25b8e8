// Ranges of ids for an unprivileged user, by newuidmap(1) and newgidmap(1): what /etc/subuid and
// /etc/subgid allow, and what they do not. The two files are the test's own, in mounts of its own.
#include "process/id_maps.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "support/child_run.hpp"
#include "support/elsewhere.hpp"
#include "support/isolated.hpp"
#include "support/temp_dir.hpp"

namespace contained::process {
namespace {

constexpr std::uint32_t kFirst = 300'000;
constexpr std::uint32_t kCount = 1'000;

bool can_map() {
  for (const auto* file : {"/etc/subuid", "/etc/subgid", "/usr/bin/newuidmap"}) {
    if (::access(file, F_OK) != 0) return false;
  }
  return ::geteuid() == 0 && test::may_isolate();
}

#define CONTAINED_NEEDS_NEWUIDMAP() \
  if (!can_map()) GTEST_SKIP() << "needs root, namespaces, and newuidmap (Debian: uidmap)"

// With the calls of today, and with those of old kernels.
class Ranges : public ::testing::TestWithParam<bool> {
 protected:
  Ranges() { ::chmod(dir_.path().c_str(), 01777); }

  /// A command of an unprivileged user's, who may use kCount ids from kFirst on.
  std::string as_nobody(const std::string& script, const std::vector<IdMap>& uids,
                        const std::vector<IdMap>& gids) {
    return test::elsewhere([&] { become_allowed(); }, [&] { return output(script, uids, gids); });
  }

  std::string path(const std::string& name) const { return dir_.path(name); }

 private:
  void become_allowed() {
    const auto allowed = dir_.file("allowed", "nobody:300000:1000\n", 0644);
    bool done = ::unshare(CLONE_NEWNS) == 0 &&
                ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    for (const char* file : {"/etc/subuid", "/etc/subgid"}) {
      done = done && ::mount(allowed.c_str(), file, nullptr, MS_BIND, nullptr) == 0;
    }
    if (!done) ::_exit(92);
    test::become_nobody();
  }

  std::string output(const std::string& script, const std::vector<IdMap>& uids,
                     const std::vector<IdMap>& gids) {
    auto spec = test::spec_for({"/bin/sh", "-c", script});
    spec.cd = dir_.path();
    spec.isolation.namespaces = kNewUser;
    spec.isolation.uid_map = uids;
    spec.isolation.gid_map = gids;
    spec.who.uid = 0;
    spec.who.gid = 0;
    Refused refused{.clone3 = GetParam(), .pidfd_open = GetParam(), .close_range = GetParam()};
    const auto outcome = test::run(spec, refused);
    return outcome.error ? outcome.error->message() : outcome.out;
  }

  test::TempDir dir_;
};
INSTANTIATE_TEST_SUITE_P(Old, Ranges, ::testing::Bool());

TEST_P(Ranges, AreThoseOfTheUser) {
  CONTAINED_NEEDS_NEWUIDMAP();
  const auto seen = as_nobody("cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '; id -u; id -g",
                              {{0, kFirst, 10}, {10, test::kNobody, 1}}, {{0, kFirst, kCount}});
  EXPECT_EQ(seen, " 0 300000 10\n 10 65534 1\n 0 300000 1000\n0\n0\n");
}

TEST_P(Ranges, AFileIsGivenToAMappedId) {
  CONTAINED_NEEDS_NEWUIDMAP();
  const auto seen = as_nobody("umask 022; echo x >file; chown 7:8 file; stat -c %u:%g file",
                              {{0, kFirst, kCount}}, {{0, kFirst, kCount}});
  EXPECT_EQ(seen, "7:8\n");
  struct stat outside = {};
  ASSERT_EQ(::stat(path("file").c_str(), &outside), 0);
  EXPECT_EQ(outside.st_uid, kFirst + 7);
  EXPECT_EQ(outside.st_gid, kFirst + 8);
}

TEST_P(Ranges, GroupsAreSetInThem) {
  CONTAINED_NEEDS_NEWUIDMAP();
  EXPECT_EQ(as_nobody("id -G", {{0, kFirst, kCount}}, {{0, kFirst, kCount}}), "0\n");
}

TEST_P(Ranges, WhatIsNotAllowedIsToldByItsFile) {
  CONTAINED_NEEDS_NEWUIDMAP();
  const std::vector<IdMap> good = {{0, kFirst, kCount}};
  const std::vector<IdMap> longer = {{0, kFirst, kCount + 1}};
  const std::vector<IdMap> foreign = {{0, 0, 1}};
  EXPECT_EQ(as_nobody("echo ran", longer, good), "id_map: eperm (uid_map)");
  EXPECT_EQ(as_nobody("echo ran", good, longer), "id_map: eperm (gid_map)");
  EXPECT_EQ(as_nobody("echo ran", foreign, good), "id_map: eperm (uid_map)");
}

}  // namespace
}  // namespace contained::process
