// One control group of one hierarchy, held by its directory descriptor. In v2 unless said
// otherwise.
//
// A v1 hierarchy is named by one of its controllers ("memory", or "name=systemd"), as its line of
// /proc/<pid>/cgroup names it; v2 by nothing.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "cgroup/names.hpp"

namespace contained::cgroup {

struct CpuTime {
  std::uint64_t user_us = 0;
  std::uint64_t system_us = 0;
};

/// Parses cpu.stat; unknown keys are ignored, absent ones are 0.
CpuTime parse_cpu_stat(std::string_view text);

/// Parses the line "populated N" of cgroup.events; EINVAL without one.
Result<bool> parse_populated(std::string_view text);

/// Reads cgroup.events anew through the descriptor of Group::open_events(); false when it is gone.
Result<bool> read_populated(int events_fd);

class Group {
 public:
  Group() = default;

  /// Makes |name| below |parent_fd| and opens it. |name| must be valid_name(). EEXIST is an error.
  static Result<Group> create(int parent_fd, std::string name, std::string hierarchy = {});

  /// Opens an existing one. |parent_fd| must outlive it in both cases: remove() needs it.
  static Result<Group> open(int parent_fd, std::string name, std::string hierarchy = {});

  /// Opens the one at the absolute |path|; a symbolic link is refused. remove() cannot remove it.
  static Result<Group> at(const std::string& path, std::string hierarchy = {});

  bool valid() const { return dir_.valid(); }
  int fd() const { return dir_.get(); }  ///< for CLONE_INTO_CGROUP
  const std::string& name() const { return name_; }
  bool is_v1() const { return !hierarchy_.empty(); }
  const std::string& hierarchy() const { return hierarchy_; }

  /// Writes cgroup.kill: SIGKILL to every process in it and below, also frozen and stopped ones.
  /// A group that is gone is success. Callers loop until !populated(): kernels 5.14 to 6.13 can
  /// miss a racing fork once. Where there is no cgroup.kill (v1 has none), kill_each().
  Status kill();

  /// What kill() does without cgroup.kill: freezes the group if it can be frozen, SIGKILLs each
  /// member by pidfd after a second look at its membership until none is new (at most kKillRounds
  /// looks), and thaws, v1 sub-groups too: a frozen v1 task does not die of SIGKILL.
  Status kill_each();
  static constexpr int kKillRounds = 64;

  /// Freezes or thaws what is in it and below. v2: cgroup.freeze, whose effect takes a moment. v1:
  /// freezer.state; a freeze that does not complete within kFreezeTries is EBUSY and still tried by
  /// the kernel. ENOTSUP where this cannot be done (v1 other than freezer, Linux before 5.2).
  Status freeze(bool freeze);
  static constexpr int kFreezeTries = 50;  ///< of 100 us each

  /// Whether it is wholly frozen, by its own or an ancestor's setting. ENOTSUP as for freeze().
  Result<bool> frozen() const;

  /// Whether any live process is in it or below; false for a group that is gone. v1: by listing.
  Result<bool> populated() const;

  /// A file of it that is shorter than a page, by one read(2).
  Result<std::string> read(const char* file) const;

  /// Keeps the small files of v2 that are asked for again and again open, kKeptFiles at most: to
  /// open one takes longer than to read it. Those that cannot be opened are opened when asked for.
  void keep_open();
  static constexpr int kKeptFiles = 3;

  /// Both by one read. v1: populated() and frozen().
  struct State {
    std::optional<bool> populated;
    std::optional<bool> frozen;
  };
  State state() const;

  /// cgroup.events opened for reading: poll(2) for POLLPRI, then read_populated(). Only a read of
  /// this very descriptor takes the POLLPRI back, and a new one has it pending. ENOTSUP on v1.
  Result<UniqueFd> open_events() const;

  /// Pids of the members, sub-groups included (see walk.hpp): sorted, each once; empty when gone.
  std::vector<pid_t> processes() const;

  /// Whether |pid| is a member (of it or a sub-group), by /proc/<pid>/cgroup; so is a zombie that
  /// was one (on v1 a zombie is in the root). Our own path in that form is read once and kept: a v2
  /// group cannot be renamed.
  bool contains(pid_t pid) const;

  /// What its processes have used since it was made or renewed. v2 only.
  Result<CpuTime> cpu_time();

  /// Makes an empty group ready to be used again; what cpu_time() has told counts no longer. False
  /// when it is not as it was made: populated, frozen, or with sub-groups. What else a payload can
  /// have altered (its type, controllers below it) shows when a fork into it is refused.
  bool renew();
  bool renewed() const { return renewed_; }

  /// What it had counted when it was last renewed; and to one that is opened elsewhere, telling it.
  const CpuTime& before() const { return before_; }
  void renewed_at(const CpuTime& before);

  /// The directory's inode number, by which two groups of one name are told apart; 0 when unknown.
  std::uint64_t inode() const;

  /// rmdir(2), sub-groups first. True when it is gone (also by another's hand); false while it is
  /// populated or has more sub-groups than one call removes: call again. Other failures are errors.
  Result<bool> remove();

 private:
  struct Kept {
    const char* name;
    UniqueFd file;
  };
  Group(int parent_fd, std::string name, std::string hierarchy, UniqueFd dir);
  Status find_shown() const;
  bool can_freeze() const;
  Status freeze_v1();
  Status thaw();
  void kill_members();

  int parent_fd_ = -1;
  std::string name_;
  std::string hierarchy_;
  CpuTime counted_;  // by the kernel, when it was asked last
  CpuTime before_;   // of that, before it was renewed
  bool renewed_ = false;
  std::vector<Kept> kept_;
  UniqueFd dir_;               // O_PATH: all that CLONE_INTO_CGROUP and the *at calls need
  mutable std::string shown_;  // shown_path() of it, empty until asked for
};

}  // namespace contained::cgroup
