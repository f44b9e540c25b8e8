#include <fmt/format.h>
#include <poll.h>

#include <csignal>

#include "base/proc.hpp"
#include "base/signals.hpp"
#include "cgroup/quarters.hpp"
#include "cli/exit_codes.hpp"
#include "cli/job_commands.hpp"
#include "cli/report.hpp"
#include "cli/units.hpp"
#include "job/client.hpp"
#include "job/lines.hpp"
#include "job/name_lock.hpp"

namespace contained::cli {
namespace {

using job::Deadline;
using std::chrono::milliseconds;

constexpr milliseconds kAnswer{5000};
constexpr milliseconds kForce{5000};
constexpr milliseconds kForever = std::chrono::hours(24 * 365);
constexpr int kLookPauseMs = 5;

struct JobStop {
  SpaceName space;
  std::string name;
  std::string time;  ///< as it was said
};

// Polls until the job does not run any more. False when it still does.
bool over_by(const job::Namespace& space, const std::string& name, Deadline until) {
  for (;;) {
    const auto entry = job::look(space, name);
    if (!entry || !entry->running()) return true;
    if (std::chrono::steady_clock::now() > until) return false;
    ::poll(nullptr, 0, kLookPauseMs);
  }
}

// Also the keeper is gone, but for the exit hook: whatever comes next meets nothing of it.
bool gone_by(const job::Namespace& space, const std::string& name, Deadline until) {
  if (!over_by(space, name, until)) return false;
  const auto directory = space.job(name);
  while (directory && job::is_locked(directory->get())) {
    if (std::chrono::steady_clock::now() > until) return false;
    ::poll(nullptr, 0, kLookPauseMs);
  }
  return true;
}

// By somebody's hand: then it does not answer.
bool is_stopped(const job::Mark& keeper) {
  const auto stat = read_proc_stat(keeper.pid);
  return stat && stat->start_time == keeper.start_time && stat->state == 'T';
}

void kill_groups(const job::Job& job, Deadline until) {
  auto quarters = cgroup::Quarters::open(job.groups);
  while (quarters && std::chrono::steady_clock::now() < until) {
    (void)quarters->kill();
    const auto populated = quarters->populated();
    if (!populated || !*populated) return;
    ::poll(nullptr, 0, kLookPauseMs);
  }
}

// The keeper does not answer: its worker's death is its guardian's task, if that can still do it.
bool force(const job::Namespace& space, const job::Entry& entry) {
  (void)job::signal_marked(entry.job.worker, SIGKILL);
  (void)job::signal_marked(entry.job.guardian, SIGCONT);
  if (gone_by(space, entry.name, job::after(kForce))) return true;
  (void)job::signal_marked(entry.job.guardian, SIGKILL);
  kill_groups(entry.job, job::after(kForce));
  return gone_by(space, entry.name, job::after(kForce));
}

// A keeper that has just been started does not listen yet.
Result<job::Client> connect_to(const job::Namespace& space, const std::string& name) {
  const auto until = job::after(kAnswer);
  for (;;) {
    const auto directory = space.job(name);
    if (!directory) return directory.error();
    auto client = job::Client::connect(directory->get());
    const auto entry = job::look(space, name);
    const bool again = entry && entry->running() && std::chrono::steady_clock::now() < until;
    if (client || client.error().code == EPERM || !again) return client;
    ::poll(nullptr, 0, kLookPauseMs);
  }
}

// Until it runs: what is asked of it before is refused.
Status ask_to_end(job::Client& client, const std::string& request) {
  const auto until = job::after(kAnswer);
  for (;;) {
    const auto answer = client.ask(request, false, until);
    if (answer) return Done{};
    if (answer.error().code != ESRCH || std::chrono::steady_clock::now() > until)
      return answer.error();
    ::poll(nullptr, 0, kLookPauseMs);
  }
}

Status await_end(job::Client& client, milliseconds time) {
  const auto watching = client.ask("watch", false, job::after(kAnswer));
  if (!watching && watching.error().code == ECONNRESET) return Done{};
  if (!watching) return watching.error();
  return client.await_end([](const std::string&) {}, job::after(time));
}

int not_running(const std::string& name) {
  complain("job", fmt::format("job {} is not running", name));
  return kNo;
}

// True when nothing is left of it.
bool ask_and_wait(const job::Namespace& space, const std::string& name,
                  const std::string& request) {
  auto client = connect_to(space, name);
  auto ended = client ? ask_to_end(*client, request) : Status(client.error());
  if (ended) ended = await_end(*client, kForever);
  const bool reset = !ended && (ended.error().code == ECONNRESET || ended.error().code == ESRCH);
  return (ended || reset) && gone_by(space, name, job::after(kAnswer));
}

int end_job(const JobStop& asked, const std::string& request) {
  const auto space = open_space(*asked.space);
  if (!space) return kNo;
  const auto entry = job::look(*space, asked.name);
  if (!entry || !entry->running()) return not_running(asked.name);
  const bool stopped = is_stopped(entry->job.guardian);
  if (!stopped && ask_and_wait(*space, asked.name, request)) return kOk;
  // Also of one that was just starting when it was looked at.
  const auto now = job::look(*space, asked.name);
  if (!now || !now->running() || force(*space, *now)) return kOk;
  complain("stop", fmt::format("job {} does not end: processes in state D?", asked.name));
  return kNo;
}

std::string stop_request(const JobStop& asked, const std::string& ladder) {
  if (!ladder.empty()) return "stop " + ladder;
  if (asked.time.empty()) return "stop";
  return fmt::format("stop {}:{}", SIGTERM, parse_time(asked.time).value_or(0));
}

std::string ladder_said(const std::string& text) {
  protocol::Ladder ladder;
  for (std::size_t at = 0; at < text.size();) {
    const auto rung = text.substr(at, text.find(',', at) - at);
    const auto colon = rung.find(':');
    const auto signal = signal_named(rung.substr(0, colon));
    const auto grace = colon == rung.npos ? std::nullopt : parse_time(rung.substr(colon + 1), 1);
    if (!signal || !grace) {
      throw CLI::ValidationError("--stop", text + ": SIGNAL:TIME, such as TERM:5s,INT:1s");
    }
    ladder.push_back({*signal, *grace});
    at += rung.size() + 1;
  }
  return job::text_of(ladder);
}

// CLI11 puts the option in front.
void check_time(const std::string& text) {
  if (!parse_time(text)) throw CLI::ValidationError(text + ": a time such as 500ms, 10s or 5m");
}

// ---- wait

int exit_code_of_job(const std::string& name, const job::Entry& entry) {
  if (entry.outcome && entry.outcome->reason != job::kReasonDied) return entry.outcome->status();
  const auto why = entry.outcome ? entry.outcome->reason : std::string(job::name(entry.state));
  complain("wait", fmt::format("job {} has no result: {}", name, why));
  return kRunFailed;
}

int wait_for_job(const JobStop& asked) {
  const auto space = open_space(*asked.space);
  if (!space) return kRunFailed;
  const auto time = asked.time.empty() ? kForever : milliseconds(*parse_time(asked.time));
  const auto until = job::after(time);
  auto client = connect_to(*space, asked.name);
  if (client) {
    const auto ended = await_end(*client, time);
    if (!ended && ended.error().code == ETIMEDOUT) return engine::kExitTimedOut;
  }
  const bool over = over_by(*space, asked.name, std::min(until, job::after(kForce)));
  const auto entry = job::look(*space, asked.name);
  if (!over) return engine::kExitTimedOut;
  if (entry) return exit_code_of_job(asked.name, *entry);
  complain("wait", fmt::format("job {} is not there", asked.name));
  return kRunFailed;
}

void add_stop(CLI::App& job, const SpaceName& space, int& exit_code) {
  auto* const command = job.add_subcommand("stop", "End a job: its stop ladder, then SIGKILL");
  const auto asked = std::make_shared<JobStop>(JobStop{space, {}, {}});
  const auto ladder = std::make_shared<std::string>();
  add_job_name(*command, asked->name);
  command->add_option("-t,--timeout", asked->time, "SIGTERM, and SIGKILL after this time")
      ->type_name("TIME")
      ->each(check_time);
  command->add_option("--stop", *ladder, "Another ladder")
      ->type_name("SIG:TIME[,...]")
      ->excludes("--timeout");
  command->footer("Returns when nothing of the job is left: 0; 1 when it does not run.\n");
  command->callback([asked, ladder, &exit_code] {
    exit_code = end_job(*asked, stop_request(*asked, ladder_said(*ladder)));
  });
}

}  // namespace

void add_job_stop(CLI::App& job, const SpaceName& space, int& exit_code) {
  add_stop(job, space, exit_code);
  auto* const kill = job.add_subcommand("kill", "End a job at once, by SIGKILL");
  const auto victim = std::make_shared<JobStop>(JobStop{space, {}, {}});
  add_job_name(*kill, victim->name);
  kill->callback([victim, &exit_code] { exit_code = end_job(*victim, "kill"); });

  auto* const wait = job.add_subcommand("wait", "Wait for a job's end, and exit as it has");
  const auto awaited = std::make_shared<JobStop>(JobStop{space, {}, {}});
  add_job_name(*wait, awaited->name);
  wait->add_option("-t,--timeout", awaited->time, "Exit with 124 after this time")
      ->type_name("TIME")
      ->each(check_time);
  wait->footer(
      "Exits with 128 + n when it died of signal n, and with 125 when it has no result.\n");
  wait->callback([awaited, &exit_code] { exit_code = wait_for_job(*awaited); });
}

}  // namespace contained::cli
