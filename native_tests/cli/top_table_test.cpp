// The rows of top as text.
#include "cli/top_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <numeric>

namespace contained::cli {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

constexpr std::uint64_t kMegabyte = 1U << 20;

TopSample web() {
  TopSample sample;
  sample.key = sample.name = "web/api";
  sample.space = "web";
  sample.job = "api";
  sample.groups = {{{}, "/sys/fs/cgroup/web", 0, {}}};
  sample.processes = 3;
  sample.cpu_us = 0;
  sample.memory = 48 * kMegabyte;
  sample.memory_limit = 64 * kMegabyte;
  sample.age_ms = 125'000;
  sample.command = "sh -c \x1b[2Jserve";
  return sample;
}

// Over a second in which it has used 85% of a CPU.
TopModel model() {
  TopModel made;
  auto sample = web();
  made.take({0, 1024 * kMegabyte, {sample}});
  sample.cpu_us = 850'000;
  made.take({1'000'000, 1024 * kMegabyte, {sample}});
  return made;
}

std::string text(const TopLine& pieces) {
  return std::accumulate(pieces.begin(), pieces.end(), std::string(),
                         [](auto all, const auto& piece) { return all + piece.text; });
}

TEST(TopTable, ABarIsAsFullAsItsPercentage) {
  EXPECT_EQ(bar(0, 12), "[          ]");
  EXPECT_EQ(bar(44, 12), "[||||      ]");
  EXPECT_EQ(bar(46, 12), "[|||||     ]");
  EXPECT_EQ(bar(100, 12), "[||||||||||]");
  EXPECT_EQ(bar(350, 12), "[||||||||||]");
  EXPECT_EQ(bar(50, 1), "[]");
}

TEST(TopTable, ColoursChangeAbove70AndAbove80Percent) {
  EXPECT_EQ(level_of(70), Level::kGreen);
  EXPECT_EQ(level_of(70.1), Level::kYellow);
  EXPECT_EQ(level_of(80), Level::kYellow);
  EXPECT_EQ(level_of(80.1), Level::kRed);
}

TEST(TopTable, ALineHasBarsInTheirColours) {
  const auto made = model();
  const auto line = line_of(made.rows().front(), 12, 200);
  EXPECT_EQ(text(line),
            "web/api          3   85.0 [||||||||| ]    48M [||||||||  ]  2m05s       - sh -c "
            "?[2Jserve");
  EXPECT_EQ(line[1].level, Level::kRed);
  EXPECT_EQ(line[3].level, Level::kYellow);
}

TEST(TopTable, LinesAreCutAtTheEdge) {
  const auto made = model();
  for (const int columns : {0, 1, 13, 30, 60}) {
    EXPECT_EQ(text(line_of(made.rows().front(), 12, columns)).size(), std::size_t(columns));
    EXPECT_EQ(heading(TopOrder::kCpu, 12, columns).size(), std::size_t(columns));
  }
}

TEST(TopTable, TheHeadingStandsOverItsColumnsAndTellsTheOrder) {
  const auto made = model();
  const auto line = text(line_of(made.rows().front(), 12, 100));
  const auto head = heading(TopOrder::kMemory, 12, 100);
  EXPECT_EQ(head.find("procs") + 5, line.find("3  ") + 1);
  EXPECT_EQ(head.find("MEM") + 3, line.find("48M") + 3);
  EXPECT_THAT(head, HasSubstr("cpu%"));
  EXPECT_THAT(heading(TopOrder::kCpu, 12, 100), HasSubstr("CPU%"));
}

TEST(TopTable, NamesHaveTheRoomThatTheyNeed) {
  auto made = model();
  EXPECT_EQ(name_width(made.rows(), 100), 12);
  auto sample = web();
  sample.name = std::string(80, 'n');
  made.take({2'000'000, 1, {sample}});
  EXPECT_EQ(name_width(made.rows(), 200), 32);
  EXPECT_EQ(name_width(made.rows(), 70), 20);
  EXPECT_EQ(name_width(made.rows(), 20), 12);
}

TEST(TopTable, TheSummaryIsOfAll) {
  EXPECT_EQ(summary(model()), "1 group, 3 processes   cpu 85%   memory 48M of 1.0G");
  EXPECT_EQ(summary({}), "0 groups, 0 processes   cpu 0%   memory 0B of 0B");
}

TEST(TopTable, ThePlainTableHasNeitherBarsNorControlCharacters) {
  EXPECT_EQ(plain_table(model()),
            "NAME         PROCS   CPU%    MEM   MEM%     UP    IO/S COMMAND\n"
            "web/api          3   85.0    48M   75.0  2m05s       - sh -c ?[2Jserve\n");
}

TEST(TopTable, JsonHasTheNumbersAndNullForWhatIsNotKnown) {
  const auto json = nlohmann::json::parse(json_table(model()));
  const auto& group = json.at("groups").at(0);
  EXPECT_EQ(json.at("memory_total"), 1024 * kMegabyte);
  EXPECT_EQ(group.at("kind"), "job");
  EXPECT_EQ(group.at("namespace"), "web");
  EXPECT_EQ(group.at("memory_percent"), 75);
  EXPECT_EQ(group.at("cpu_percent"), 85);
  EXPECT_TRUE(group.at("io_per_second").is_null());
  EXPECT_EQ(group.at("command"), "sh -c \x1b[2Jserve");
  EXPECT_EQ(group.at("groups"), nlohmann::json({"/sys/fs/cgroup/web"}));
}

TEST(TopTable, JsonIsSoEvenOfCommandsThatAreNoUtf8) {
  TopModel made;
  auto sample = web();
  sample.command = "\xff\xfe";
  made.take({0, 1, {sample}});
  EXPECT_TRUE(nlohmann::json::accept(json_table(made)));
  EXPECT_THAT(json_table(made), EndsWith("}\n"));
}

}  // namespace
}  // namespace contained::cli
