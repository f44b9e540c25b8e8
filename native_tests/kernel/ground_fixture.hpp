// A ground of the test's own in a directory of its own, and children put into its cells. What a
// kind needs and this machine lacks skips the test by name.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/proc.hpp"
#include "cgroup/ground.hpp"
#include "cgroup/text.hpp"
#include "kernel/cgroup_fixture.hpp"

namespace contained::test {

class RealGround : public RealGroups {
 protected:
  void SetUp() override {
    if (needs_v2()) {
      RealGroups::SetUp();
      if (IsSkipped()) return;
    }
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  }

  void TearDown() override {
    for (auto& ground : grounds_) {
      EXPECT_TRUE(eventually([&] {
        const auto gone = ground.destroy();
        reap();
        return gone && *gone;
      }));
    }
    disable_what_was_not();
    if (needs_v2()) RealGroups::TearDown();
  }

  /// Pure v1 needs none.
  virtual bool needs_v2() const { return true; }

  static cgroup::Owner owner_of(pid_t pid) {
    return {pid_namespace(), pid, read_proc_stat(pid).value().start_time};
  }

  /// A ground in our own directory of v2, or in our group of each v1 hierarchy.
  cgroup::Ground& make_ground(const std::string& containment = "auto") {
    cgroup::Wanted wanted;
    wanted.containment = containment;
    if (needs_v2()) wanted.base = base();
    auto ground = cgroup::Ground::create(wanted, owner_of(::getpid()));
    EXPECT_TRUE(ground) << ground.error().message();
    return adopt(std::move(ground).value());
  }

  /// The machine's own base on v2, left as it was found: in a directory of ours nobody gives us
  /// controllers. REQUIRES: needs_v2().
  std::string machine_base() {
    auto base = cgroup::choose_base(layout(), {}).value();
    base_control_ = base + "/cgroup.subtree_control";
    enabled_ = read_file_at(AT_FDCWD, base_control_).value();
    return base;
  }

  /// Destroyed at the end.
  cgroup::Ground& adopt(cgroup::Ground ground) { return grounds_.emplace_back(std::move(ground)); }

  /// What a dead |owner| has left; other tests and launchers are at work beside us.
  static std::vector<cgroup::Stale> stale_of(const cgroup::Ground& ground,
                                             const cgroup::Owner& owner) {
    auto stale = ground.stale();
    std::erase_if(stale, [&](const auto& one) { return one.name != cgroup::tree_name(owner); });
    return stale;
  }

  /// The keys that do not work here, of those wanted; a test that needs them skips by them.
  static std::string missing(const cgroup::Ground& ground, const std::vector<std::string>& wanted) {
    const auto there = ground.limits();
    std::string missing;
    for (const auto& key : wanted) {
      if (std::find(there.begin(), there.end(), key) == there.end()) missing += " " + key;
    }
    return missing;
  }

  static cgroup::Cell make_cell(cgroup::Ground& ground, cgroup::Request request = {}) {
    auto cell = ground.make(request);
    EXPECT_TRUE(cell) << cell.error().message();
    return cell ? std::move(*cell) : cgroup::Cell();
  }

  static std::string refusal(cgroup::Ground& ground, const cgroup::Request& request) {
    const auto cell = ground.make(request);
    return cell ? "made" : cell.error().message();
  }

  static cgroup::Request limited(std::vector<cgroup::Limit> limits) {
    cgroup::Request request;
    request.limits = std::move(limits);
    return request;
  }

  /// Forks a child into all groups of |cell|, as the engine does; returns once it is inside.
  static pid_t run(const cgroup::Cell& cell, const std::function<void()>& payload) {
    auto inside = std::move(make_pipe()).value();
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (const int procs : cell.procs_fds()) {
        if (::write(procs, "0", 1) != 1) ::_exit(125);
      }
      const bool in_v2 =
          cell.clone_fd() < 0 || write_file_at(cell.clone_fd(), "cgroup.procs", "0").ok();
      if (!in_v2 || ::write(inside.write.get(), "!", 1) != 1) ::_exit(125);
      inside.write.reset();
      payload();
      ::_exit(0);
    }
    inside.write.reset();
    char byte = 0;
    EXPECT_EQ(::read(inside.read.get(), &byte, 1), 1) << "the child did not get into the groups";
    return pid;
  }

  /// The wait status of |pid|.
  static int wait(pid_t pid) {
    int status = -1;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
  }

  /// Kills and gives back as the engine does: until it is gone.
  static bool ends(cgroup::Ground& ground, cgroup::Cell& cell) {
    return eventually([&] {
      EXPECT_TRUE(cell.kill());
      reap();
      const auto gone = ground.give_back(cell);
      EXPECT_TRUE(gone) << gone.error().message();
      return !gone || *gone;
    });
  }

 private:
  void disable_what_was_not() {
    if (base_control_.empty()) return;
    const auto now = read_file_at(AT_FDCWD, base_control_).value();
    const auto before = cgroup::split(enabled_, ' ');
    for (const auto name : cgroup::split(now, ' ')) {
      if (std::find(before.begin(), before.end(), name) != before.end()) continue;
      (void)write_file_at(AT_FDCWD, base_control_, "-" + std::string(name));
    }
  }

  std::string base_control_;
  std::string enabled_;
  std::deque<cgroup::Ground> grounds_;
};

}  // namespace contained::test
