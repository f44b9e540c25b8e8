#include "sink/support.hpp"

namespace contained::sink {
namespace {

TEST(ReportTest, LinesSayWhatHappened) {
  Told told;
  told.reports.ready();
  told.reports.failed(Error{ENOENT, Stage::kFile, "/no\n/such"});
  EXPECT_EQ(told.text(), "ready\nfailed file enoent /no?/such\n");
}

TEST(ReportTest, AnEpisodeIsToldTwiceHoweverLong) {
  Told told;
  Trouble trouble(told.reports, "/log");
  trouble.failed(ENOSPC, 10, at(0));
  trouble.failed(EIO, 5, at(500));
  trouble.worked(at(600));
  trouble.failed(ENOSPC, 1, at(700));
  EXPECT_EQ(told.text(), "trouble enospc /log\n");
  trouble.worked(at(1699));
  EXPECT_TRUE(trouble.on());
  trouble.worked(at(1700));
  trouble.worked(at(9000));
  EXPECT_EQ(told.text(), "over 16 /log\n");
  trouble.failed(EIO, 0, at(9001));
  trouble.end();
  trouble.end();
  EXPECT_EQ(told.text(), "trouble eio /log\nover 0 /log\n");
}

TEST(ReportTest, CountsComeWhenTheyChangeAndAtMostOnceASecond) {
  Told told;
  told.reports.tick(at(0));
  EXPECT_EQ(told.text(), "");
  told.reports.count_read(3);
  told.reports.tick(at(0));
  told.reports.count_dropped(2);
  told.reports.tick(at(999));
  EXPECT_EQ(told.text(), "counts 3 0\n");
  EXPECT_TRUE(told.reports.has_news());
  told.reports.tick(at(1000));
  EXPECT_EQ(told.text(), "counts 3 2\n");
  EXPECT_FALSE(told.reports.has_news());
}

TEST(ReportTest, NobodyIsWaitedFor) {
  Told told;
  for (int i = 0; i < 20000; ++i) told.reports.ready();
  told.reports.count_read(1);
  told.reports.tell_counts();
  EXPECT_TRUE(told.reports.has_news());
  Reports nobody(-1);
  nobody.count_read(1);
  EXPECT_FALSE(nobody.has_news());
  nobody.ready();
}

}  // namespace
}  // namespace contained::sink
