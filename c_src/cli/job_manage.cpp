#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "cli/exit_codes.hpp"
#include "cli/host.hpp"
#include "cli/job_commands.hpp"
#include "cli/report.hpp"
#include "job/claim.hpp"
#include "job/keeper.hpp"
#include "job/sweep.hpp"
#include "process/identity.hpp"

namespace contained::cli {
namespace {

// ---- init

struct JobInit {
  SpaceName space;
  std::string user;
  std::string group;
  std::string cgroup_base;
};

Result<job::Heir> heir_of(const JobInit& asked) {
  job::Heir heir{::geteuid(), ::getegid()};
  if (asked.user.empty() && asked.group.empty()) return heir;
  process::IdentityRequest request;
  if (!asked.user.empty()) request.user = asked.user;
  if (!asked.group.empty()) request.group = asked.group;
  std::string culprit;
  const auto found = process::look_up(request, culprit);
  if (!found) return Error{found.error().code, Stage::kIds, culprit};
  if (found->uid) heir.uid = *found->uid;
  if (found->gid) heir.gid = *found->gid;
  return heir;
}

void complain_of_heir(const Error& error) {
  complain("init", error.code == EINVAL
                       ? fmt::format("{} is nobody whose group it could be: name one, -g GROUP",
                                     error.subject)
                       : fmt::format("unable to find {}", error.subject));
}

int complain_of_init(const JobInit& asked, const Error& error) {
  if (error.code == EPERM && error.stage == Stage::kIds) {
    complain("init", "only root hands a namespace to another user");
  } else if (error.code == EEXIST && error.subject.starts_with('/')) {
    complain("init", fmt::format("the logs of namespace {} are there and another user's ({}): move "
                                 "them away first",
                                 *asked.space, error.subject));
  } else if (error.code == EEXIST) {
    complain("init",
             fmt::format("namespace {} is there and another user's ({}); 'release' it first",
                         *asked.space, error.subject));
  } else {
    complain_of_space(*asked.space, error);
  }
  return kNo;
}

// Not a failure: jobs run, and are tracked by the tree of processes.
void tell_of_no_groups(const Error& error) {
  if (error.code == ENOTSUP) {
    return complain("init",
                    "control groups of v1 are not handed to users: jobs of this namespace "
                    "are tracked by their processes alone");
  }
  complain("init",
           fmt::format("no control groups ({}): jobs of this namespace are tracked by their "
                       "processes alone",
                       describe(error)));
}

// With what its jobs end, however they are started.
void tell_of_unit(const std::string& space, const std::string& unit) {
  if (!unit.empty()) (void)print(fmt::format("jobs of {} end with {}\n", space, unit));
}

int init_space(const JobInit& asked) {
  const auto heir = heir_of(asked);
  if (!heir) return complain_of_heir(heir.error()), kNo;
  const auto space = job::Namespace::make(*asked.space, *heir, asked.cgroup_base);
  if (!space) return complain_of_init(asked, space.error());
  const auto& plot = space->plot();
  if (plot.hierarchy.empty()) tell_of_unit(*asked.space, unit_of(plot.path).first);
  if (!plot.path.empty()) return kOk;
  tell_of_no_groups(space->no_plot());
  // Jobs do without; but these were asked for.
  return asked.cgroup_base.empty() ? kOk : kNo;
}

void add_init(CLI::App& job, const SpaceName& space, int& exit_code) {
  auto* const command = job.add_subcommand("init", "Make a namespace, as root also for a user");
  const auto asked = std::make_shared<JobInit>();
  asked->space = space;
  command->add_option("-u,--user", asked->user, "Who is to work in it")->type_name("USER");
  command->add_option("-g,--group", asked->group, "And with which group")->type_name("GROUP");
  command
      ->add_option("--cgroup-base", asked->cgroup_base,
                   "Below this control group, not below the nearest that is ours")
      ->type_name("PATH");
  command->footer(
      "Only needed to hand a namespace to another user: 'run' makes one of ours.\n"
      "Where everything is as asked for, nothing is done.\n");
  command->callback([asked, &exit_code] { exit_code = init_space(*asked); });
}

// ---- release

// Of a keeper that was killed the hook is still due.
int release_job(const job::Namespace& space, const std::string& name, bool hook) {
  if (!space.job(name)) {
    complain("release", fmt::format("job {} is not there", name));
    return kNo;
  }
  auto lock = job::claim(space, name);
  if (!lock) {
    complain("release", lock.error().code == EBUSY ? fmt::format("job {} is running", name)
                                                   : describe(lock.error()));
    return kNo;
  }
  const auto entry = job::look_claimed(space, name);
  const bool due = hook && entry && entry->state == job::State::kSupervisorDied;
  const auto removed = std::move(*lock).remove(name);
  if (!removed) return complain("release", describe(removed.error())), kNo;
  if (due) job::run_hook(space.name(), entry->job, job::killed_outcome(entry->job), true);
  return kOk;
}

int report_removed(const Status& removed) {
  if (removed) return kOk;
  const auto& error = removed.error();
  const bool left = error.code == EBUSY || error.code == ENOTEMPTY;
  complain("release",
           left ? fmt::format("something is left in {}", error.subject) : describe(error));
  return kNo;
}

int release_space(job::Namespace space, bool hook) {
  for (const auto& entry : job::list(space)) {
    if (!entry.running()) continue;
    complain("release", fmt::format("job {} is running: stop it first", entry.name));
    return kNo;
  }
  job::sweep_groups(space);
  space.sweep_names();
  for (const auto& name : space.names()) {
    if (release_job(space, name, hook) != kOk) return kNo;
  }
  return report_removed(std::move(space).remove());
}

int release_named(const std::string& space, const std::string& name, bool hook) {
  auto opened = job::Namespace::open(space);
  const bool handed_over = !opened && opened.error().code == EPERM && ::geteuid() == 0;
  if (handed_over && name.empty()) return report_removed(job::Namespace::take_back(space));
  if (!opened) return complain_of_space(space, opened.error()), kNo;
  return name.empty() ? release_space(std::move(*opened), hook) : release_job(*opened, name, hook);
}

void add_release(CLI::App& job, const SpaceName& space, int& exit_code) {
  auto* const command =
      job.add_subcommand("release", "Forget a job that is over, or the whole namespace");
  const auto name = std::make_shared<std::string>();
  const auto no_hook = std::make_shared<bool>(false);
  command->add_option("NAME", *name, "The job; none: the namespace, when none of its jobs runs")
      ->type_name("")
      ->each(check_job_name);
  command->add_flag("-n,--no-hook", *no_hook,
                    "Without the exit hook, which is still due when a keeper was killed");
  command->footer("Logs are kept.\n");
  command->callback([=, &exit_code] { exit_code = release_named(*space, *name, !*no_hook); });
}

// ---- gc

// Why it is of no more use; empty when it is.
std::string dead_because(const Result<job::Entry>& entry) {
  if (!entry) return entry.error().code == ENOENT ? "never started" : "";
  const bool before = entry->outcome && entry->job.boot_id != job::boot_id();
  const bool dead =
      entry->state == job::State::kSupervisorDied || entry->state == job::State::kRebooted;
  if (before) return "of an earlier boot";
  return dead ? std::string(job::name(entry->state)) : "";
}

// Looked at again once its name is ours: somebody may have taken that since, and be running or have
// told his end.
bool collect(const job::Namespace& space, const std::string& name) {
  auto lock = job::claim(space, name);
  if (!lock && lock.error().code == EBUSY) return true;
  const auto why = lock ? dead_because(job::look_claimed(space, name)) : describe(lock.error());
  if (why.empty()) return true;
  const auto removed = lock ? std::move(*lock).remove(name) : Status(lock.error());
  return print(fmt::format("{} {} ({})\n", removed ? "removed" : "could not remove", name, why)) &&
         removed;
}

int collect(const job::Namespace& space) {
  job::sweep_groups(space);
  bool good = true;
  for (const auto& name : space.names()) {
    if (!dead_because(job::look(space, name)).empty()) good = collect(space, name) && good;
  }
  return good ? kOk : kNo;
}

void add_gc(CLI::App& job, const SpaceName& space, int& exit_code) {
  auto* const command =
      job.add_subcommand("gc", "Clean up after a reboot, or after keepers that were killed");
  command->footer(
      "Nothing is signalled by what files say: only control groups whose keeper is dead "
      "are emptied.\n");
  command->callback([space, &exit_code] {
    const auto opened = open_space(*space);
    exit_code = opened ? collect(*opened) : kNo;
  });
}

}  // namespace

void add_job_manage(CLI::App& job, const SpaceName& space, int& exit_code) {
  add_init(job, space, exit_code);
  add_release(job, space, exit_code);
  add_gc(job, space, exit_code);
}

}  // namespace contained::cli
