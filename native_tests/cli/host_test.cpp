// What follows from what a machine allows.
#include "cli/host.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/program.hpp"

namespace contained::cli {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Unit = std::pair<std::string, std::string>;

// One that has all.
Host good() {
  Host host;
  host.kernel = "6.12.0";
  host.containment = "cgroup2";
  host.base = "/sys/fs/cgroup";
  host.limits = {"memory_max"};
  host.features = {{"cgroup.kill", true}, {"pidfd_open", true}, {"clone_into_cgroup", true}};
  host.attempts = {{"user", {}, false}, {"net", {}, true}};
  host.landlock = 4;
  return host;
}

std::vector<std::string> advice(void (*spoil)(Host& host)) {
  auto host = good();
  spoil(host);
  return advice_for(host);
}

TEST(Host, TheInnermostUnitIsOurs) {
  EXPECT_EQ(unit_of("/sys/fs/cgroup/system.slice/nginx.service/sub"),
            Unit("nginx.service", "/sys/fs/cgroup/system.slice/nginx.service"));
  EXPECT_EQ(unit_of("/c/user.slice/user@1000.service/app.slice/x.scope").first, "x.scope");
  EXPECT_EQ(unit_of("/sys/fs/cgroup"), Unit());
  EXPECT_EQ(unit_of(""), Unit());
}

TEST(Host, JobsOutliveAUnitThatTheyAreNotIn) {
  EXPECT_TRUE(outlives_unit("/c/contained-jobs-web", "/c/system.slice/a.service"));
  EXPECT_TRUE(outlives_unit("/c/a.service2/x", "/c/a.service"));
  EXPECT_FALSE(outlives_unit("/c/a.service/contained-jobs-web", "/c/a.service"));
  EXPECT_FALSE(outlives_unit("", "/c/a.service")) << "without a group they are where we are";
  EXPECT_TRUE(outlives_unit("", ""));
}

TEST(Host, WhereAllIsWellThereIsNoAdvice) { EXPECT_THAT(advice_for(good()), IsEmpty()); }

TEST(Host, WithoutGroupsTheAdviceDependsOnSystemd) {
  const auto without = advice([](Host& host) {
    host.no_groups = Error{EACCES, Stage::kCgroup, "/sys/fs/cgroup/x"};
  });
  EXPECT_THAT(without, Contains(AllOf(HasSubstr("eacces (/sys/fs/cgroup/x)"),
                                      HasSubstr("mount -t cgroup2"))));
  const auto with = advice([](Host& host) {
    host.no_groups = Error{EACCES, Stage::kCgroup, "/sys/fs/cgroup/x"};
    host.systemd = true;
  });
  EXPECT_THAT(with, Contains(HasSubstr("Delegate=yes")));
}

TEST(Host, WithoutLimitsTheBaseIsToBeFreed) {
  const auto told = advice([](Host& host) {
    host.limits = {"max_descendants", "max_depth"};
    host.systemd = true;
  });
  EXPECT_THAT(told, Contains(HasSubstr("DelegateSubgroup=")));
}

TEST(Host, OldKernelsAndOldHierarchies) {
  EXPECT_THAT(advice([](Host& host) { host.containment = "hybrid"; }),
              Contains(HasSubstr("unified_cgroup_hierarchy")));
  EXPECT_THAT(advice([](Host& host) { host.features[0].there = false; }),
              Contains(HasSubstr("5.14")));
  EXPECT_THAT(advice([](Host& host) { host.features[1].there = false; }),
              Contains(HasSubstr("5.7")));
  EXPECT_THAT(advice([](Host& host) { host.landlock = 0; }), Contains(HasSubstr("lsm=")));
}

TEST(Host, WhatForbidsNamespacesIsNamed) {
  const auto known = advice([](Host& host) {
    host.attempts[0].error = Error{EPERM, Stage::kNamespace, "user"};
    host.forbidding = {{"kernel.unprivileged_userns_clone", "0"}};
  });
  EXPECT_THAT(known, Contains(HasSubstr("kernel.unprivileged_userns_clone is 0: sysctl -w")));
  const auto unknown = advice([](Host& host) {
    host.attempts[0].error = Error{EPERM, Stage::kNamespace, "user"};
  });
  EXPECT_THAT(unknown, Contains(HasSubstr("security module")));
}

TEST(Host, JobsThatEndWithOurUnitAreToldOf) {
  const auto told = advice([](Host& host) {
    host.unit = "web.service";
    host.unit_directory = "/sys/fs/cgroup/web.service";
    host.spaces = {{"a", "/sys/fs/cgroup/web.service/contained-jobs-a", false}};
  });
  EXPECT_THAT(told, Contains(HasSubstr("Jobs end with web.service")));
  EXPECT_THAT(advice([](Host& host) {
                host.unit = "web.service";
                host.unit_directory = "/sys/fs/cgroup/web.service";
                host.spaces = {{"a", "/sys/fs/cgroup/contained-jobs-a", true}};
              }),
              IsEmpty());
}

TEST(Host, WhatEndsAtALogoutIsToldOf) {
  const auto in_session = advice([](Host& host) {
    host.unit = "session-3.scope";
    host.spaces = {{"a", "", false, "session-3.scope"}};
  });
  EXPECT_THAT(in_session, Contains(HasSubstr("KillUserProcesses=yes")));
  const auto of_manager = [](Host& host) {
    host.unit = "run-u7.scope";
    host.spaces = {{"a", "/c/user@1000.service/contained-jobs-a", true, "user@1000.service"}};
  };
  EXPECT_THAT(advice(of_manager), Contains(HasSubstr("loginctl enable-linger")));
  auto host = good();
  of_manager(host);
  EXPECT_THAT(host_text(host), HasSubstr("outlives run-u7.scope, ends with user@1000.service\n"));
  host.lingers = true;
  EXPECT_THAT(advice_for(host), IsEmpty());
}

TEST(Host, TheTextTellsVerdictsAndFates) {
  auto host = good();
  host.attempts.push_back({"seccomp", Error{EACCES, Stage::kSeccomp, ""}, false});
  host.systemd = true;
  host.unit = "web.service";
  host.spaces = {{"a", "/a", true}, {"b", "", false}};
  const auto text = host_text(host);
  EXPECT_THAT(text, HasSubstr("net                yes, in a user namespace\n"));
  EXPECT_THAT(text, HasSubstr("seccomp            no, Permission denied\n"));
  EXPECT_THAT(text, HasSubstr("jobs of a          /a, outlives web.service\n"));
  EXPECT_THAT(text, HasSubstr("jobs of b          ends with web.service\n"));
}

// Of this machine: what it says agrees with what it does.
TEST(Info, AgreesWithTheMachine) {
  const auto came = test::run_program(test::contained({"info", "--json"}));
  ASSERT_EQ(came.code(), 0) << came.err;
  const auto info = nlohmann::json::parse(came.out);
  const auto containment = info.at("containment").get<std::string>();
  EXPECT_EQ(test::run_program(test::contained({"run", "--containment", containment, "--", "true"}))
                .code(),
            0);
  const bool net = info.at("isolation").at("net").at("works");
  const auto isolated =
      test::run_program(test::contained({"run", "--namespace", "net", "--", "true"}));
  const bool by_user = net && info.at("isolation").at("net").at("by_user_namespace");
  EXPECT_EQ(isolated.code() == 0, net && !by_user) << isolated.err;
  EXPECT_EQ(info.at("base").is_null(), containment == "best_effort");
}

TEST(Info, LeavesNoGroupBehind) {
  const auto base = look_at_host().base;
  if (base.empty()) GTEST_SKIP() << "needs control groups";
  const auto came =
      test::run_program({.words = {"/bin/sh", "-c",
                                   "exec " CONTAINED_CLI_PATH " info & pid=$!; wait $pid; ls -d " +
                                       base + "/contained-*-$pid-* 2>/dev/null"}});
  EXPECT_THAT(came.out, Not(testing::ContainsRegex("/contained-[0-9]")));
  EXPECT_THAT(came.out, HasSubstr("containment"));
}

}  // namespace
}  // namespace contained::cli
