// Job and Outcome: what the files `job` and `result` of a job say.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cgroup/quarters.hpp"
#include "engine/exit_codes.hpp"
#include "job/life.hpp"
#include "job/record.hpp"
#include "protocol/message.hpp"

namespace contained::job {

inline constexpr char kJobFile[] = "job";
inline constexpr char kResultFile[] = "result";
inline constexpr char kControlFile[] = "control";
inline constexpr char kLockFile[] = "lock";

/// Names of jobs and namespaces: [A-Za-z0-9._-]{1,64}, not beginning with '-', not "." nor "..".
bool valid_name(std::string_view name);

/// Written when the command has been started.
struct Job {
  std::string name;
  std::vector<std::string> command;  ///< the program and its arguments
  std::string cwd;                   ///< where it was started
  std::string log;                   ///< path; empty: none
  std::string on_exit;               ///< for sh(1); empty: nothing
  std::string containment;           ///< "cgroup2", ..., "best_effort"
  std::string boot_id;
  std::uint64_t pid_namespace = 0;
  Mark guardian;
  Mark worker;
  Mark leader;
  std::vector<cgroup::Address> groups;  ///< none with "best_effort"
  std::uint64_t started_ms = 0;         ///< since 1970
};

Record record_of(const Job& job);

/// EINVAL when what nobody can do without is missing: name, boot, guardian.
Result<Job> job_of(const Record& record);

/// Reason of a job whose keeper was killed: nobody knows what became of the command but that it was
/// killed.
inline constexpr char kReasonDied[] = "supervisor_died";

/// Written when the command, all its descendants and its log have come to their end.
struct Outcome {
  bool exited = true;  ///< else signaled
  int code = 0;        ///< exit code or number of the signal
  bool core_dumped = false;
  std::string reason;  ///< as of protocol::Ended, or kReasonDied
  std::uint64_t started_ms = 0;
  std::uint64_t ended_ms = 0;
  std::uint64_t left_behind = 0;
  std::uint64_t unkilled = 0;
  std::uint64_t wall_us = 0;
  std::uint64_t user_us = 0;
  std::uint64_t system_us = 0;
  std::uint64_t max_rss_kb = 0;
  std::uint64_t log_dropped = 0;  ///< bytes of output that could not be logged
  std::optional<std::uint64_t> memory_peak;
  std::optional<std::uint64_t> oom_kills;
  std::optional<std::uint64_t> io_read;
  std::optional<std::uint64_t> io_written;
  std::optional<std::uint64_t> pids_peak;
  std::vector<std::string> limits_hit;   ///< as of protocol::Ended
  std::vector<std::string> not_applied;  ///< the same

  /// As a shell has it: 128 + the signal; 124 when its time limit was over, as timeout(1).
  int status() const {
    if (reason == "timeout") return engine::kExitTimedOut;
    return exited ? code : 128 + code;
  }
};

Outcome outcome_of(const protocol::Ended& ended, std::uint64_t started_ms);
Record record_of(const Outcome& outcome);
Result<Outcome> outcome_of(const Record& record);

}  // namespace contained::job
