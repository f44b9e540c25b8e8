// What a program sees of the files, and that it does not get out.
#include "process/mounts.hpp"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "support/child_run.hpp"
#include "support/isolated.hpp"
#include "support/temp_dir.hpp"

namespace contained::process {
namespace {

namespace fs = std::filesystem;
using test::run;
using test::spec_for;

// With the calls of today, and with mount(2) alone.
class Mounts : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    CONTAINED_NEEDS_NAMESPACES();
    fs::create_directories(root() + "/in");
    fs::create_directories(root() + "/proc");
    fs::create_directories(path("data/sub"));
    std::ofstream(path("data/file")) << "data\n";
    std::ofstream(path("secret")) << "secret\n";
  }

  std::string path(const std::string& name) const { return dir_.path(name); }
  std::string root() const { return path("root"); }

  SpawnSpec shell(const std::string& script) {
    auto spec = spec_for({"/bin/sh", "-c", script});
    spec.isolation.namespaces = test::as_we_may(kNewMount);
    return spec;
  }

  // With the directories of programs, so that there is a shell.
  SpawnSpec rooted(const std::string& script) {
    auto spec = shell(script);
    spec.isolation.root = root();
    spec.isolation.tmpfs = {{"/"}};
    for (const char* directory : {"/usr", "/bin", "/lib", "/lib64"}) {
      if (fs::exists(directory)) spec.isolation.binds.push_back({directory, directory, true});
    }
    return spec;
  }

  std::string output(const SpawnSpec& spec) {
    Refused refused{.mount_calls = GetParam()};
    const auto outcome = run(spec, refused);
    return outcome.error ? outcome.error->message() : outcome.out;
  }

  test::TempDir dir_;
};
INSTANTIATE_TEST_SUITE_P(Old, Mounts, ::testing::Bool());

TEST_P(Mounts, ABindShowsADirectoryElsewhere) {
  auto spec = shell("cat /mnt/file; echo new > /mnt/made && cat /mnt/made");
  spec.isolation.binds = {{path("data"), "/mnt", false}};
  EXPECT_EQ(output(spec), "data\nnew\n");
  EXPECT_TRUE(fs::exists(path("data/made")));
}

// /dev has another file system in it, for writing.
TEST_P(Mounts, AReadOnlyBindIsSoToItsLastLeaf) {
  auto spec = shell("exec 2>&1; echo x > /mnt/made; echo y > /mnt/shm/made");
  spec.isolation.binds = {{"/dev", "/mnt", true}};
  EXPECT_EQ(output(spec),
            "/bin/sh: 1: cannot create /mnt/made: Read-only file system\n"
            "/bin/sh: 1: cannot create /mnt/shm/made: Read-only file system\n");
}

TEST_P(Mounts, AFileCanBeBound) {
  const auto target = dir_.file("target", "old\n", 0644);
  auto spec = shell("cat " + target + "; exec 2>&1; echo x > " + target);
  spec.isolation.binds = {{path("data/file"), target, true}};
  const auto seen = output(spec);
  EXPECT_TRUE(seen.starts_with("data\n/bin/sh: 1: cannot create ")) << seen;
}

TEST_P(Mounts, ATmpfsIsEmptyAndForEverybody) {
  auto spec = shell(
      "ls -A /mnt; echo x > /mnt/made && stat -f -c %T /mnt && stat -c %a /mnt; "
      "stat -f -c '%b * %S' /mnt");
  spec.isolation.tmpfs = {{"/mnt", 1U << 20}};
  EXPECT_EQ(output(spec), "tmpfs\n1777\n256 * 4096\n");
}

// Whatever the order in which they were named.
TEST_P(Mounts, WhatIsInsideComesAfterWhatIsAround) {
  auto spec = shell("cat /mnt/a/b/file; ls /mnt /mnt/a");
  spec.isolation.binds = {{path("data"), "/mnt/a/b", true}};
  spec.isolation.tmpfs = {{"/mnt"}};
  EXPECT_EQ(output(spec), "data\n/mnt:\na\n\n/mnt/a:\nb\n");
}

TEST_P(Mounts, ASourceIsTheOneOfBefore) {
  auto spec = shell("cat " + path("") + "/kept/file; ls " + path(""));
  spec.isolation.tmpfs = {{dir_.path()}};
  spec.isolation.binds = {{path("data"), path("kept"), true}};
  EXPECT_EQ(output(spec), "data\nkept\n");
}

TEST_P(Mounts, AReadOnlyRootLeavesWhatWasAskedFor) {
  auto spec =
      shell("exec 2>&1; echo y > /dev/shm/made; echo z > /mnt/made && cat /mnt/made; " +
            ("echo a > " + root()) + "/made && ls " + root() + "; echo b > " + path("made"));
  spec.isolation.read_only_root = true;
  spec.isolation.binds = {{path("data"), "/mnt", false}};
  spec.isolation.tmpfs = {{root()}};
  EXPECT_EQ(output(spec),
            "/bin/sh: 1: cannot create /dev/shm/made: Read-only file system\nz\nmade\n"
            "/bin/sh: 1: cannot create " +
                path("made") + ": Read-only file system\n");
  EXPECT_FALSE(fs::exists(path("made")));
}

TEST_P(Mounts, ARootOfItsOwn) {
  EXPECT_EQ(output(rooted("exec 2>&-; pwd; ls /; ls -d " + dir_.path())),
            fs::exists("/lib64") ? "/\nbin\nlib\nlib64\nusr\n" : "/\nbin\nlib\nusr\n");
}

TEST_P(Mounts, ADirectoryAsRoot) {
  auto spec = rooted("ls /; echo made > /in/made; exec 2>&1; echo x > /made");
  spec.isolation.tmpfs.clear();
  for (const char* name : {"usr", "bin", "lib", "lib64"})
    fs::create_directories(root() + "/" + name);
  spec.isolation.binds.push_back({path("data"), "/in", false});
  spec.isolation.read_only_root = true;
  EXPECT_EQ(
      output(spec),
      "bin\nin\nlib\nlib64\nproc\nusr\n/bin/sh: 1: cannot create /made: Read-only file system\n");
  EXPECT_TRUE(fs::exists(path("data/made")));
}

TEST_P(Mounts, AnotherRootByChroot) {
  auto spec = rooted("exec 2>&-; pwd; cat " + path("secret") + " || echo none");
  std::swap(spec.isolation.root, spec.isolation.chroot);
  EXPECT_EQ(output(spec), "/\nnone\n");
}

// ".." and a directory of its own, links, /proc and what may still be open: all end in its root.
TEST_P(Mounts, NothingLeadsOutOfARoot) {
  auto spec = rooted("exec 2>&-; cd /; cd ../../../..; ls -d ." + path("secret") + " /proc/1/root" +
                     path("secret") + " /proc/self/cwd" + path("secret") + " /proc/$PPID/root" +
                     path("secret") + "; ln -s ../../../.." + path("secret") +
                     " /link; cat /link;" + " ls /proc/self/fd | wc -l; echo end");
  spec.isolation.namespaces |= kNewPid;
  EXPECT_EQ(output(spec), "3\nend\n");
}

// Its links lead where they would lead in it.
TEST_P(Mounts, ALinkInTheRootDoesNotLeadATargetOutOfIt) {
  fs::create_directories(path("outside"));
  fs::create_directories(root() + path("outside"));
  fs::create_directory_symlink(path("outside"), root() + "/link");
  fs::create_directory_symlink("../../../../../../../.." + path("outside"), root() + "/up");
  for (const char* target : {"/link", "/up"}) {
    auto spec = rooted("cat " + path("outside/file"));
    spec.isolation.tmpfs.clear();
    for (const char* name : {"usr", "bin", "lib", "lib64"})
      fs::create_directories(root() + "/" + name);
    spec.isolation.binds.push_back({path("data"), target, true});
    EXPECT_EQ(output(spec), "data\n") << target;
  }
}

TEST_P(Mounts, AMissingTargetIsOnlyMadeWhereNothingOfTheHostIsChanged) {
  auto spec = rooted("true");
  spec.isolation.tmpfs.clear();
  spec.isolation.binds = {{path("data"), "/new/deep", true}};
  EXPECT_EQ(output(spec), "mount: enoent (/new/deep)");
  EXPECT_FALSE(fs::exists(root() + "/new"));
}

TEST_P(Mounts, WhatIsWrongIsToldByItsPath) {
  auto spec = shell("true");
  spec.isolation.binds = {{"/no/such", "/mnt", true}};
  EXPECT_EQ(output(spec), "mount: enoent (/no/such)");
  spec.isolation.binds = {{path("data/file"), "/mnt", true}};
  EXPECT_EQ(output(spec), "mount: enotdir (/mnt)");
  spec.isolation.binds = {};
  spec.isolation.root = "/no/such";
  EXPECT_EQ(output(spec), "mount: enoent (/no/such)");
  spec.isolation.root = path("data/file");
  EXPECT_EQ(output(spec), "mount: enotdir (" + path("data/file") + ")");
}

TEST_P(Mounts, TheDirectoryIsThatOfTheNewMounts) {
  auto spec = shell("cat file; pwd");
  spec.isolation.binds = {{path("data"), root(), true}};
  spec.cd = root();
  EXPECT_EQ(output(spec), "data\n" + root() + "\n");
  spec.inherit_cd = true;
  EXPECT_EQ(output(spec), "data\n" + root() + "\n");
}

TEST_P(Mounts, NothingShowsOutside) {
  const auto before = *read_file_at(AT_FDCWD, "/proc/self/mountinfo");
  auto spec = rooted("true");
  spec.isolation.namespaces |= kNewPid;
  EXPECT_EQ(output(spec), "");
  EXPECT_EQ(*read_file_at(AT_FDCWD, "/proc/self/mountinfo"), before);
}

}  // namespace
}  // namespace contained::process
