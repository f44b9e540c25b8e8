#include "base/file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace contained {
namespace {

namespace fs = std::filesystem;

// A folder of its own for each test:  inside/{file, deep/file}, and links that try to leave it.
class FileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "contained-file-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    fs::create_directories(root_ / "inside/deep");
    write(root_ / "secret", "secret");
    write(root_ / "inside/file", "content\n");
    write(root_ / "inside/deep/file", "deep");
    fs::create_symlink(root_ / "secret", root_ / "inside/absolute");
    fs::create_symlink("../secret", root_ / "inside/relative");
    fs::create_symlink("deep", root_ / "inside/folder");
    dir_ = UniqueFd(::open((root_ / "inside").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(dir_);
  }
  void TearDown() override { fs::remove_all(root_); }

  static void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

  int code_beneath(const std::string& path) {
    const auto fd = open_beneath(dir_.get(), path, O_RDONLY);
    return fd ? 0 : fd.error().code;
  }

  fs::path root_;
  UniqueFd dir_;
};

TEST_F(FileTest, OpensWithCloexec) {
  const auto fd = open_at(dir_.get(), "file", O_RDONLY);
  ASSERT_TRUE(fd);
  EXPECT_NE(::fcntl(fd.value().get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(FileTest, AMissingFileIsAnErrorThatNamesIt) {
  const auto fd = open_at(dir_.get(), "missing", O_RDONLY, Stage::kCgroup);
  ASSERT_FALSE(fd);
  EXPECT_EQ(fd.error().message(), "cgroup: enoent (missing)");
}

TEST_F(FileTest, OpensBeneath) {
  EXPECT_EQ(code_beneath("file"), 0);
  EXPECT_EQ(code_beneath("deep/file"), 0);
  EXPECT_EQ(code_beneath("deep/missing"), ENOENT);
}

TEST_F(FileTest, NothingLeavesTheFolder) {
  EXPECT_NE(code_beneath("../secret"), 0);
  EXPECT_NE(code_beneath("deep/../../secret"), 0);
  EXPECT_NE(code_beneath((root_ / "secret").string()), 0);
  EXPECT_NE(code_beneath("absolute"), 0);
  EXPECT_NE(code_beneath("relative"), 0);
  EXPECT_NE(code_beneath("folder/file"), 0);
}

TEST_F(FileTest, ReadsWholeFiles) {
  const auto text = read_file_at(dir_.get(), "file");
  ASSERT_TRUE(text);
  EXPECT_EQ(text.value(), "content\n");
}

TEST_F(FileTest, ReadsFilesLargerThanOneChunk) {
  const std::string large(100'000, 'x');
  write(root_ / "inside/large", large);
  const auto text = read_file_at(dir_.get(), "large");
  ASSERT_TRUE(text);
  EXPECT_EQ(text.value(), large);
}

TEST_F(FileTest, RefusesToReadBeyondTheLimit) {
  EXPECT_TRUE(read_file_at(dir_.get(), "file", 8));
  const auto text = read_file_at(dir_.get(), "file", 7);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().message(), "file: efbig (file)");
}

TEST_F(FileTest, ReadingAFolderIsAnErrorThatNamesIt) {
  const auto text = read_file_at(dir_.get(), "deep");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().message(), "file: eisdir (deep)");
}

TEST_F(FileTest, WritesInPlace) {
  ASSERT_TRUE(write_file_at(dir_.get(), "file", "C"));
  EXPECT_EQ(read_file_at(dir_.get(), "file").value(), "Content\n");
}

TEST_F(FileTest, DoesNotMakeFiles) {
  const auto status = write_file_at(dir_.get(), "new", "1");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ENOENT);
}

TEST(WriteFileAt, ARefusedWriteIsAnError) {
  const auto status = write_file_at(AT_FDCWD, "/proc/self/oom_score_adj", "999999");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message(), "file: einval (/proc/self/oom_score_adj)");
}

TEST(WriteFileAt, AFullDeviceIsAnError) {
  const auto status = write_file_at(AT_FDCWD, "/dev/full", "1");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ENOSPC);
}

TEST(MakePipe, BothEndsAreCloexecAndConnected) {
  auto pipe = make_pipe();
  ASSERT_TRUE(pipe);
  EXPECT_NE(::fcntl(pipe->read.get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_NE(::fcntl(pipe->write.get(), F_GETFD) & FD_CLOEXEC, 0);
  ASSERT_EQ(::write(pipe->write.get(), "hi", 2), 2);
  pipe->write.reset();
  EXPECT_EQ(read_all(pipe->read.get()).value(), "hi");
}

TEST(SetNonblocking, AReadOfAnEmptyPipeReturns) {
  auto pipe = make_pipe();
  ASSERT_TRUE(pipe);
  ASSERT_TRUE(set_nonblocking(pipe->read.get()));
  const auto text = read_all(pipe->read.get());
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, EAGAIN);
}

TEST(SetNonblocking, ABadDescriptorIsAnError) {
  const auto status = set_nonblocking(-1);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, EBADF);
}

}  // namespace
}  // namespace contained
