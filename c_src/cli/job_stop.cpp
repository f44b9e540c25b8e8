#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <csignal>
#include <optional>
#include <vector>

#include "base/proc.hpp"
#include "base/signals.hpp"
#include "cgroup/quarters.hpp"
#include "cli/exit_codes.hpp"
#include "cli/job_commands.hpp"
#include "cli/report.hpp"
#include "cli/units.hpp"
#include "engine/not_started.hpp"
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
constexpr int kWaitPauseMs = 50;
constexpr milliseconds kAwake{1000};  // a keeper that ends its job is not stopped for longer

struct JobStop {
  SpaceName space;
  std::vector<std::string> names;
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

bool is_stopped(const job::Mark& process) {
  const auto stat = read_proc_stat(process.pid);
  return stat && stat->start_time == process.start_time && stat->state == 'T';
}

// A keeper that somebody has stopped, or ^Z at its terminal, answers nobody.
void wake(const job::Namespace& space, const std::string& name) {
  const auto entry = job::look(space, name);
  if (!entry) return;
  // A guardian kills a worker that it finds stopped for long.
  for (const auto& process : {entry->job.worker, entry->job.guardian}) {
    if (is_stopped(process)) (void)job::signal_marked(process, SIGCONT);
  }
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

Status await_end(job::Client& client, const job::Namespace& space, const std::string& name) {
  auto watched = client.ask("watch", false, job::after(kAnswer));
  if (!watched) return watched.error();
  for (;;) {
    auto ended = client.await_end([](const std::string&) {}, job::after(kAwake));
    if (ended || ended.error().code != ETIMEDOUT) return ended;
    wake(space, name);
  }
}

int not_running(const std::string& name) {
  complain("job", fmt::format("job {} is not running", name));
  return kNo;
}

// A job whose keeper was asked to end it.
struct Ending {
  std::string name;
  std::optional<job::Client> client;
  Status asked;
};

Ending begin_end(const job::Namespace& space, const std::string& name, const std::string& request) {
  wake(space, name);
  auto client = connect_to(space, name);
  if (!client) return {name, std::nullopt, client.error()};
  auto asked = ask_to_end(*client, request);
  return {name, std::move(*client), std::move(asked)};
}

// True when nothing is left of it.
bool finish_end(const job::Namespace& space, Ending& ending) {
  auto ended = std::move(ending.asked);
  if (ended) ended = await_end(*ending.client, space, ending.name);
  const bool over = ended || ended.error().code == ECONNRESET || ended.error().code == ESRCH;
  if (over && gone_by(space, ending.name, job::after(kAnswer))) return true;
  // Also of one that was just starting when it was looked at.
  const auto now = job::look(space, ending.name);
  return !now || !now->running() || force(space, *now);
}

// All are asked before one is waited for.
int end_jobs(const JobStop& asked, const std::string& request) {
  const auto space = open_space(*asked.space);
  if (!space) return kNo;
  int code = kOk;
  std::vector<Ending> begun;
  for (const auto& name : asked.names) {
    const auto entry = job::look(*space, name);
    if (entry && entry->running()) {
      begun.push_back(begin_end(*space, name, request));
    } else {
      code = not_running(name);
    }
  }
  for (auto& ending : begun) {
    if (finish_end(*space, ending)) continue;
    complain("stop", fmt::format("job {} does not end: processes in state D?", ending.name));
    code = kNo;
  }
  return code;
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
    const auto grace = colon == rung.npos ? std::nullopt : parse_time(rung.substr(colon + 1));
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

int exit_code_of_job(const std::string& name, const Result<job::Entry>& entry) {
  if (!entry) return complain("wait", fmt::format("job {} is not there", name)), kRunFailed;
  const auto& outcome = entry->outcome;
  if (outcome && outcome->reason != job::kReasonDied) return outcome->status();
  const auto why = outcome ? outcome->reason : std::string(job::name(entry->state));
  complain("wait", fmt::format("job {} has no result: {}", name, why));
  return kRunFailed;
}

// Of the last event: when its name is taken anew at once, nobody else knows any more.
std::optional<int> exit_code_in(const std::string& event) {
  const auto words = job::split_words(event);
  const auto code = words.size() == 4 ? parse_number<int>(words[2]) : std::nullopt;
  if (words.front() != "ended" || !code) return std::nullopt;
  job::Outcome outcome;
  outcome.exited = words[1] == "exited";
  outcome.code = *code;
  outcome.reason = words[3];
  return outcome.status();
}

// What the keeper tells until |until|; nothing when it does not answer.
std::optional<int> listen(const job::Namespace& space, const std::string& name, Deadline until) {
  const auto directory = space.job(name);
  auto client = directory ? job::Client::connect(directory->get()) : directory.error();
  std::optional<int> told;
  if (!client || !client->ask("watch", false, std::min(until, job::after(kAnswer)))) return told;
  const auto hear = [&told](const std::string& event) {
    if (const auto code = exit_code_in(event)) told = code;
  };
  (void)client->await_end(hear, until);
  return told;
}

// A keeper that does not answer (it is stopped, or asked by too many) may do so later.
int wait_for_job(const job::Namespace& space, const std::string& name, Deadline until) {
  for (;;) {
    const auto entry = job::look(space, name);
    if (!entry || !entry->running()) return exit_code_of_job(name, entry);
    if (std::chrono::steady_clock::now() >= until) return engine::kExitTimedOut;
    if (const auto told = listen(space, name, until)) return *told;
    ::poll(nullptr, 0, kWaitPauseMs);
  }
}

// Of several jobs the first that is not 0.
int wait_for_jobs(const JobStop& asked) {
  const auto space = open_space(*asked.space);
  if (!space) return kRunFailed;
  const auto time = asked.time.empty() ? kForever : milliseconds(*parse_time(asked.time));
  const auto until = job::after(time);
  int code = kOk;
  for (const auto& name : asked.names) {
    const int one = wait_for_job(*space, name, until);
    if (code == kOk) code = one;
  }
  return code;
}

void add_names(CLI::App& command, std::vector<std::string>& names) {
  command.add_option("NAME", names, "The jobs")->required()->type_name("")->each(check_job_name);
}

void add_stop(CLI::App& job, const SpaceName& space, int& exit_code) {
  auto* const command =
      job.add_subcommand("stop", "End jobs: the stop ladder of each, then SIGKILL");
  const auto asked = std::make_shared<JobStop>(JobStop{space, {}, {}});
  const auto ladder = std::make_shared<std::string>();
  add_names(*command, asked->names);
  command->add_option("-t,--timeout", asked->time, "SIGTERM, and SIGKILL after this time")
      ->type_name("TIME")
      ->each(check_time);
  command->add_option("--stop", *ladder, "Another ladder")
      ->type_name("SIG:TIME[,...]")
      ->excludes("--timeout");
  command->footer("Returns when nothing is left of all the jobs: 0; 1 when one did not run.\n");
  command->callback([asked, ladder, &exit_code] {
    exit_code = end_jobs(*asked, stop_request(*asked, ladder_said(*ladder)));
  });
}

}  // namespace

void add_job_stop(CLI::App& job, const SpaceName& space, int& exit_code) {
  add_stop(job, space, exit_code);
  auto* const kill = job.add_subcommand("kill", "End jobs at once, by SIGKILL");
  const auto victim = std::make_shared<JobStop>(JobStop{space, {}, {}});
  add_names(*kill, victim->names);
  kill->callback([victim, &exit_code] { exit_code = end_jobs(*victim, "kill"); });

  auto* const wait = job.add_subcommand("wait", "Wait for jobs to end, and exit as they have");
  const auto awaited = std::make_shared<JobStop>(JobStop{space, {}, {}});
  add_names(*wait, awaited->names);
  wait->add_option("-t,--timeout", awaited->time, "Exit with 124 after this time")
      ->type_name("TIME")
      ->each(check_time);
  wait->footer(
      "Exits with 128 + n when it died of signal n, and with 125 when it has no result; of "
      "several\n"
      "jobs, once all have ended, as the first of them that did not exit with 0.\n");
  wait->callback([awaited, &exit_code] { exit_code = wait_for_jobs(*awaited); });
}

}  // namespace contained::cli
