// Samples of top become rows: rates, shares, order, the choice.
#include "cli/top_model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace contained::cli {
namespace {

using testing::ElementsAre;

constexpr std::uint64_t kMegabyte = 1U << 20;

TopSample sample(std::string name, std::uint64_t cpu_us = 0) {
  TopSample made;
  made.key = name;
  made.name = std::move(name);
  made.cpu_us = cpu_us;
  return made;
}

TopSnapshot snapshot(std::uint64_t seconds, std::vector<TopSample> samples) {
  return {seconds * 1'000'000, 1000 * kMegabyte, std::move(samples)};
}

std::vector<std::string> names(const TopModel& model) {
  std::vector<std::string> all;
  for (const auto& row : model.rows()) all.push_back(row.sample.name);
  return all;
}

const TopRow& only(const TopModel& model) { return model.rows().at(0); }

TEST(TopModel, CpuIsThatOfTheTimeBetweenTwoSnapshots) {
  TopModel model;
  model.take(snapshot(10, {sample("a", 5'000'000)}));
  EXPECT_FALSE(only(model).cpu);
  model.take(snapshot(12, {sample("a", 8'000'000)}));
  EXPECT_DOUBLE_EQ(*only(model).cpu, 150);
  model.take(snapshot(14, {sample("a", 8'000'000)}));
  EXPECT_DOUBLE_EQ(*only(model).cpu, 0);
}

TEST(TopModel, ACountThatGoesBackIsNoNegativeRate) {
  TopModel model;
  model.take(snapshot(1, {sample("a", 500)}));
  model.take(snapshot(2, {sample("a", 400)}));
  EXPECT_DOUBLE_EQ(*only(model).cpu, 0);
}

TEST(TopModel, AnotherGroupOfTheNameBeginsAnew) {
  TopModel model;
  model.take(snapshot(1, {sample("a", 500)}));
  auto other = sample("a", 400'000);
  other.key = "a, made later";
  model.take(snapshot(2, {other}));
  EXPECT_FALSE(only(model).cpu);
}

TEST(TopModel, TwoSnapshotsOfOneMomentHaveNoRates) {
  TopModel model;
  model.take(snapshot(1, {sample("a", 500)}));
  model.take(snapshot(1, {sample("a", 600)}));
  EXPECT_FALSE(only(model).cpu);
}

TEST(TopModel, MemoryIsAShareOfTheLimitElseOfTheMachine) {
  auto one = sample("a");
  one.memory = 100 * kMegabyte;
  TopModel model;
  model.take(snapshot(1, {one}));
  EXPECT_DOUBLE_EQ(*only(model).memory, 10);
  one.memory_limit = 200 * kMegabyte;
  model.take(snapshot(2, {one}));
  EXPECT_DOUBLE_EQ(*only(model).memory, 50);
  one.memory.reset();
  model.take(snapshot(3, {one}));
  EXPECT_FALSE(only(model).memory);
}

TEST(TopModel, ReadAndWrittenBytesAreOneRate) {
  auto one = sample("a");
  one.io_read = 1000;
  one.io_written = 0;
  TopModel model;
  model.take(snapshot(1, {one}));
  one.io_read = 3000;
  one.io_written = 500;
  model.take(snapshot(3, {one}));
  EXPECT_DOUBLE_EQ(*only(model).io_per_second, 1250);
}

class SortedTop : public testing::Test {
 protected:
  SortedTop() {
    model_.take(snapshot(1, {sample("a/10"), sample("a/9"), sample("b")}));
    auto small = sample("a/10", 900'000);
    small.memory = 1;
    small.processes = 7;
    auto large = sample("a/9", 100'000);
    large.memory = 5;
    large.processes = 1;
    auto unknown = sample("b", 500'000);
    unknown.processes = 3;
    model_.take(snapshot(2, {small, large, unknown}));
  }

  std::vector<std::string> by(TopOrder order) {
    model_.sort_by(order);
    return names(model_);
  }
  std::string chosen() const { return model_.rows().at(model_.chosen()).sample.name; }

  TopModel model_;
};

TEST_F(SortedTop, TheLargestIsFirstAndWhatIsNotKnownLast) {
  EXPECT_THAT(names(model_), ElementsAre("a/10", "b", "a/9")) << "by CPU unless said otherwise";
  EXPECT_THAT(by(TopOrder::kMemory), ElementsAre("a/9", "a/10", "b"));
  EXPECT_THAT(by(TopOrder::kProcesses), ElementsAre("a/10", "b", "a/9"));
}

TEST_F(SortedTop, NumbersInNamesAreNumbers) {
  EXPECT_THAT(by(TopOrder::kName), ElementsAre("a/9", "a/10", "b"));
}

TEST_F(SortedTop, TheChoiceStaysWithItsGroup) {
  model_.move(1);
  EXPECT_EQ(chosen(), "b");
  by(TopOrder::kMemory);
  EXPECT_EQ(chosen(), "b");
  model_.take(snapshot(3, {sample("c"), sample("b"), sample("a/10")}));
  EXPECT_EQ(chosen(), "b");
}

TEST_F(SortedTop, TheFirstRowIsWhateverIsFirst) {
  EXPECT_EQ(chosen(), "a/10");
  by(TopOrder::kMemory);
  EXPECT_EQ(chosen(), "a/9");
}

TEST_F(SortedTop, TheChoiceOfAGroupThatIsGoneIsItsPlace) {
  model_.move(2);
  model_.take(snapshot(3, {sample("x"), sample("y")}));
  EXPECT_EQ(chosen(), "y");
  model_.take(snapshot(4, {}));
  EXPECT_EQ(model_.chosen(), 0U);
  model_.move(-1);
  EXPECT_EQ(model_.chosen(), 0U);
}

TEST_F(SortedTop, TheChoiceEndsAtTheFirstAndTheLast) {
  model_.move(-5);
  EXPECT_EQ(model_.chosen(), 0U);
  model_.move(100);
  EXPECT_EQ(model_.chosen(), 2U);
}

}  // namespace
}  // namespace contained::cli
