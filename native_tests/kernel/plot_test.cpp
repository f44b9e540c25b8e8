#include "job/plot.hpp"

#include <gtest/gtest.h>

#include <string>

#include "cgroup/controllers.hpp"
#include "cgroup/knobs.hpp"
#include "cgroup/text.hpp"
#include "kernel/cgroup_fixture.hpp"

namespace contained::job {
namespace {

using RealPlot = test::RealGroups;

// As in a service of systemd without Delegate=yes, or whose process has not moved away.
TEST_F(RealPlot, CanBeEnteredThoughProcessesStandBesideIt) {
  const auto above = std::move(open_at(base_fd(), "..", O_RDONLY | O_DIRECTORY)).value();
  (void)cgroup::enable(above.get(), {"cpu", "pids"});
  (void)cgroup::enable(base_fd(), {"cpu", "pids"});
  const auto service = make("service");
  if (!cgroup::has(cgroup::listed(service.fd(), cgroup::kControllers), "pids")) {
    GTEST_SKIP() << "needs the v2 controller pids";
  }
  run_in(service.fd(), test::idle);
  const auto plot = make_plot("ns", {::geteuid(), ::getegid()}, base() + "/service");
  ASSERT_TRUE(plot) << plot.error().message();
  EXPECT_TRUE(cgroup::listed(service.fd(), cgroup::kSubtreeControl).empty());
  run_in(std::move(cgroup::Group::at(plot->path)).value().fd(), test::idle);
  EXPECT_TRUE(is_populated(*plot));
}

}  // namespace
}  // namespace contained::job
