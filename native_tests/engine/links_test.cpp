#include "engine/links.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <optional>

namespace contained::engine {
namespace {

// What can be read now; nothing at the end of the file.
std::optional<std::string> read_now(const UniqueFd& fd) {
  (void)set_nonblocking(fd.get());
  std::array<char, 64> bytes = {};
  const auto count = ::read(fd.get(), bytes.data(), bytes.size());
  if (count < 0) return "";
  if (count == 0) return std::nullopt;
  return std::string(bytes.data(), static_cast<std::size_t>(count));
}

void write_to(const Links& links, const std::string& text) {
  const auto end = links.writer("a");
  ASSERT_TRUE(end.ok());
  EXPECT_EQ(::write(end->get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

TEST(LinksTest, WhatAReaderHasNotReadWaitsForTheNext) {
  Links links;
  ASSERT_EQ(links.open("a"), "");
  write_to(links, "before");
  EXPECT_EQ(read_now(links.reader("a").value()), "before");
  write_to(links, "after");
  EXPECT_EQ(read_now(links.reader("a").value()), "after");
  EXPECT_EQ(read_now(links.reader("a").value()), "");
}

TEST(LinksTest, AClosedLinkEndsWithItsWriters) {
  Links links;
  ASSERT_EQ(links.open("a"), "");
  const auto reader = std::move(links.reader("a").value());
  auto writer = std::move(links.writer("a").value());
  ASSERT_EQ(links.close("a"), "");
  EXPECT_EQ(read_now(reader), "");
  ASSERT_EQ(::write(writer.get(), "last", 4), 4);
  writer.reset();
  EXPECT_EQ(read_now(reader), "last");
  EXPECT_EQ(read_now(reader), std::nullopt);
}

TEST(LinksTest, NamesAreTakenOnceAndForgotten) {
  Links links;
  EXPECT_EQ(links.open("a"), "");
  EXPECT_EQ(links.open("a"), "link_in_use");
  EXPECT_EQ(links.close("b"), "unknown_link");
  EXPECT_EQ(links.close("a"), "");
  EXPECT_EQ(links.writer("a").error().code, ENOENT);
  EXPECT_EQ(links.reader("a").error().subject, "a");
  EXPECT_EQ(links.open("a"), "");
  links.close_all();
  EXPECT_EQ(links.close("a"), "unknown_link");
}

TEST(LinksTest, AnEndIsInheritedByOneCommandAlone) {
  Links links;
  ASSERT_EQ(links.open("a"), "");
  const auto first = std::move(links.reader("a").value());
  EXPECT_NE(::fcntl(first.get(), F_GETFD) & FD_CLOEXEC, 0);
  ASSERT_TRUE(set_nonblocking(first.get()).ok());
  EXPECT_EQ(::fcntl(links.reader("a")->get(), F_GETFL) & O_NONBLOCK, 0);
}

}  // namespace
}  // namespace contained::engine
