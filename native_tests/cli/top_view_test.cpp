// The screen of top and its keys, on a screen that is none.
#include "cli/top_view.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace contained::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using Kind = Key::Kind;

class Paper : public Screen {
 public:
  explicit Paper(Extent extent) : extent_(extent) {}

  Extent begin() override {
    lines.assign(static_cast<std::size_t>(extent_.rows), "");
    reversed.clear();
    return extent_;
  }
  void put(int row, int column, std::string_view text, Look look) override {
    auto& line = lines.at(static_cast<std::size_t>(row));
    const auto begin = static_cast<std::size_t>(column);
    line.resize(std::max(line.size(), begin + text.size()), ' ');
    line.replace(begin, text.size(), text);
    if (look.reverse && column == 0) reversed.push_back(line);
    colours.push_back(look.colour);
  }
  void show() override {}
  Key key() override { return {}; }
  void resize(Extent extent) { extent_ = extent; }

  std::vector<std::string> lines;
  std::vector<std::string> reversed;
  std::vector<Colour> colours;

 private:
  Extent extent_;
};

class TopViewTest : public testing::Test {
 protected:
  static TopSample sample(int number) {
    TopSample made;
    made.key = made.name = "ns/job" + std::to_string(number);
    made.space = "ns";
    made.job = "job" + std::to_string(number);
    made.processes = static_cast<std::uint64_t>(100 - number);
    return made;
  }

  void show(int count) {
    std::vector<TopSample> samples;
    for (int number = 0; number < count; ++number) samples.push_back(sample(number));
    model_.take({0, 1, std::move(samples)});
    view_.draw();
  }

  bool press(char letter) { return press(Kind::kLetter, letter); }
  bool press(Kind kind, char letter = 0) {
    const bool on = view_.take({kind, letter});
    view_.draw();
    return on;
  }

  const std::string& last() const { return paper_.lines.back(); }
  std::string chosen() const { return paper_.reversed.at(1); }

  Status deed(const char* what, const TopSample& about) {
    done_.push_back(what + (" " + about.name));
    return answer_;
  }

  Paper paper_{{8, 80}};
  TopModel model_;
  std::vector<std::string> done_;
  Status answer_ = Done{};
  TopView view_{paper_,
                model_,
                {[this](const auto& about) { return deed("stop", about); },
                 [this](const auto& about) { return deed("kill", about); }}};
};

TEST_F(TopViewTest, HasASummaryAHeadingRowsAndKeys) {
  show(2);
  EXPECT_THAT(paper_.lines[0], StartsWith(" contained top   2 groups, 199 processes"));
  EXPECT_THAT(paper_.lines[1], StartsWith("name "));
  EXPECT_THAT(paper_.lines[2], StartsWith("ns/job0 "));
  EXPECT_THAT(paper_.lines[3], StartsWith("ns/job1 "));
  EXPECT_THAT(last(), StartsWith("c cpu  m memory"));
  EXPECT_EQ(last().size(), 80U);
}

TEST_F(TopViewTest, SaysThatThereIsNothing) {
  show(0);
  EXPECT_THAT(paper_.lines[2], HasSubstr("No job is running"));
  press('k');
  EXPECT_THAT(last(), HasSubstr("nothing"));
  EXPECT_THAT(done_, IsEmpty());
}

TEST_F(TopViewTest, ArrowsChooseAndTheScreenFollows) {
  show(20);
  for (int times = 0; times < 7; ++times) press(Kind::kDown);
  EXPECT_THAT(chosen(), StartsWith("ns/job7 "));
  EXPECT_THAT(paper_.lines[6], StartsWith("ns/job7 "));
  press(Kind::kUp);
  EXPECT_THAT(chosen(), StartsWith("ns/job6 "));
  EXPECT_THAT(paper_.lines[6], StartsWith("ns/job7 ")) << "it scrolls only when it must";
  press(Kind::kEnd);
  EXPECT_THAT(paper_.lines[6], StartsWith("ns/job19 "));
  press(Kind::kPageUp);
  EXPECT_THAT(chosen(), StartsWith("ns/job14 "));
  press(Kind::kHome);
  EXPECT_THAT(paper_.lines[2], StartsWith("ns/job0 "));
  press(Kind::kPageDown);
  EXPECT_THAT(chosen(), StartsWith("ns/job5 "));
}

TEST_F(TopViewTest, LettersSort) {
  show(3);
  press('n');
  EXPECT_EQ(model_.order(), TopOrder::kName);
  EXPECT_THAT(paper_.lines[1], StartsWith("NAME"));
  press('m');
  EXPECT_EQ(model_.order(), TopOrder::kMemory);
  press('p');
  EXPECT_EQ(model_.order(), TopOrder::kProcesses);
  press('c');
  EXPECT_EQ(model_.order(), TopOrder::kCpu);
}

TEST_F(TopViewTest, StoppingIsAskedForFirst) {
  show(2);
  press(Kind::kDown);
  press('s');
  EXPECT_THAT(last(), StartsWith("Stop ns/job1? y/n"));
  press('n');
  EXPECT_THAT(done_, IsEmpty());
  EXPECT_EQ(model_.order(), TopOrder::kCpu) << "the letter was an answer";
  press('s');
  press('y');
  EXPECT_THAT(done_, ElementsAre("stop ns/job1"));
  EXPECT_THAT(last(), StartsWith("Stopping ns/job1."));
  press(Kind::kUp);
  EXPECT_THAT(last(), StartsWith("c cpu"));
}

TEST_F(TopViewTest, TheQuestionIsAboutWhatWasChosenWhenItWasAsked) {
  show(2);
  press('k');
  model_.take({1, 1, {sample(1)}});
  press('y');
  EXPECT_THAT(done_, ElementsAre("kill ns/job0"));
}

TEST_F(TopViewTest, WhatFailsIsSaid) {
  show(1);
  answer_ = Error{ECONNREFUSED, Stage::kProtocol, "control"};
  press('k');
  press('y');
  EXPECT_THAT(last(), StartsWith("ns/job0: control: Connection refused"));
}

TEST_F(TopViewTest, ACommandOfALauncherIsKilledButNotStopped) {
  auto command = sample(1);
  command.job.clear();
  model_.take({1, 1, {command}});
  press('s');
  EXPECT_THAT(last(), StartsWith("Only jobs can be stopped"));
  press('k');
  press('Y');
  EXPECT_THAT(done_, ElementsAre("kill ns/job1"));
}

TEST_F(TopViewTest, QEnds) {
  show(1);
  EXPECT_TRUE(press('x'));
  EXPECT_FALSE(press('q'));
}

TEST_F(TopViewTest, FitsAnyScreen) {
  show(20);
  press(Kind::kEnd);
  for (const Extent extent : {Extent{30, 100}, Extent{4, 10}, Extent{3, 1}, Extent{8, 80}}) {
    paper_.resize(extent);
    view_.draw();
    for (const auto& line : paper_.lines) EXPECT_LE(line.size(), std::size_t(extent.columns));
  }
  EXPECT_THAT(paper_.lines[6], StartsWith("ns/job19 "));
}

TEST_F(TopViewTest, WhatIsFullIsRed) {
  auto full = sample(1);
  full.memory = 9;
  full.memory_limit = 10;
  model_.take({0, 100, {full}});
  view_.draw();
  EXPECT_THAT(paper_.colours, Contains(Colour::kRed));
}

}  // namespace
}  // namespace contained::cli
