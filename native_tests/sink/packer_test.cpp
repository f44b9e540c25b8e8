#include "sink/packer.hpp"

#include <sys/stat.h>
#include <zlib.h>

#include "sink/support.hpp"
#include "support/temp_dir.hpp"

namespace contained::sink {
namespace {

class PackerTest : public testing::Test {
 protected:
  std::string unpacked(const std::string& name) const {
    std::string text(1U << 20, '\0');
    auto* const file = ::gzopen(temp_.path(name).c_str(), "rb");
    if (file == nullptr) return "no file";
    const int count = ::gzread(file, text.data(), static_cast<unsigned>(text.size()));
    ::gzclose(file);
    text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return text;
  }
  bool exists(const std::string& name) const {
    return ::access(temp_.path(name).c_str(), F_OK) == 0;
  }

  test::TempDir temp_;
  UniqueFd directory_{::open(temp_.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
};

TEST_F(PackerTest, AFileIsExchangedForItsCompressedForm) {
  std::string text;
  for (int i = 0; i < 50000; ++i) text += std::to_string(i) + "\n";
  temp_.file("a.1", text, 0604);
  temp_.file("a.1.gz.tmp", "of one that was killed", 0600);
  ASSERT_EQ(pack(directory_.get(), "a.1"), 0);
  EXPECT_EQ(unpacked("a.1.gz"), text);
  EXPECT_FALSE(exists("a.1") || exists("a.1.gz.tmp"));
  struct stat found = {};
  ASSERT_EQ(::stat(temp_.path("a.1.gz").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0604U);
}

TEST_F(PackerTest, AFailureLeavesTheFile) {
  temp_.file("a.1", std::string(100, 'x'), 0600);
  {
    const FileSizeLimit limit(10);
    EXPECT_EQ(pack(directory_.get(), "a.1"), EFBIG);
  }
  EXPECT_TRUE(exists("a.1"));
  EXPECT_FALSE(exists("a.1.gz") || exists("a.1.gz.tmp"));
  EXPECT_EQ(pack(directory_.get(), "a.2"), ENOENT);
}

TEST_F(PackerTest, TheOldestComesFirstAndWhatIsDoneIsNotDoneAgain) {
  temp_.file("a.3", "three", 0600);
  temp_.file("a.2", "two", 0600);
  temp_.file("a.1", "one, whose end was interrupted", 0600);
  temp_.file("a.1.gz", "", 0600);
  Packer packer;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(packer.wake(directory_.get(), "a").ok());
    ASSERT_TRUE(packer.busy());
    ASSERT_EQ(packer.reap(true), 0);
    EXPECT_EQ(exists("a.3"), i == 0);
  }
  ASSERT_TRUE(packer.wake(directory_.get(), "a").ok());
  EXPECT_FALSE(packer.busy());
  EXPECT_FALSE(exists("a.1") || exists("a.2"));
  EXPECT_EQ(unpacked("a.2.gz") + unpacked("a.3.gz"), "twothree");
}

}  // namespace
}  // namespace contained::sink
