#include "cli/job.hpp"

#include <fmt/format.h>

#include <cerrno>

#include "cli/help.hpp"
#include "cli/job_commands.hpp"
#include "cli/report.hpp"
#include "cli/top.hpp"
#include "job/job.hpp"

namespace contained::cli {
namespace {

constexpr const char* kJobFooter =
    "Examples:\n"
    "  contained job builds run nightly make all\n"
    "  contained job builds ls\n"
    "  contained job builds logs -f nightly\n"
    "  contained job builds stop nightly\n"
    "  sudo contained job builds init -u www-data   # only to hand a namespace to another user\n";

void require_command(const CLI::App& job) {
  if (!job.get_subcommands().empty()) return;
  const auto words = job.remaining();
  throw CLI::ValidationError(words.empty() ? "the command" : words.front(),
                             allowed_subcommands(job));
}

}  // namespace

void add_job(CLI::App& app, int& exit_code) {
  auto* const job = app.add_subcommand("job", "Named jobs that outlive whoever starts them");
  const auto space = std::make_shared<std::string>();
  job->add_option("NAMESPACE", *space, "Names of jobs are unique in it")
      ->required()
      ->type_name("")
      ->each(check_job_name);
  job->add_flag(std::string(kAsLanco))->group("");
  job->require_subcommand(0, 1);
  job->parse_complete_callback([job] { require_command(*job); });
  job->footer(kJobFooter);
  add_job_manage(*job, space, exit_code);
  add_job_run(*job, space, exit_code);
  add_job_show(*job, space, exit_code);
  add_job_stop(*job, space, exit_code);
  add_job_logs(*job, space, exit_code);
  add_job_top(*job, space, exit_code);
}

// CLI11 puts what it is the name of in front.
void check_job_name(const std::string& name) {
  if (job::valid_name(name)) return;
  throw CLI::ValidationError(fmt::format(
      "'{}' must be 1 to 64 of a-z A-Z 0-9 . _ -, not begin with '-', and not be . or ..", name));
}

void add_job_name(CLI::App& command, std::string& name) {
  command.add_option("NAME", name, "The job")->required()->type_name("")->each(check_job_name);
}

void complain_of_space(const std::string& name, const Error& error) {
  if (error.code == ENOENT && error.subject == name) {
    return complain("job", fmt::format("namespace {} is not there: 'run' makes it, or for another "
                                       "user root, by 'init -u USER'",
                                       name));
  }
  if (error.code == EINVAL && error.subject.starts_with("CONTAINED_")) {
    return complain("job", error.subject + " must be an absolute path");
  }
  if (error.code == ENOENT && error.subject == "CONTAINED_LOG_DIR") {
    return complain("job", "no home directory is known for logs: CONTAINED_LOG_DIR names another");
  }
  if (error.code == EPERM && error.subject.ends_with("/jobs")) {
    return complain("job", fmt::format("namespace {} is another user's ({}): work in it as that "
                                       "user, sudo -u",
                                       name, error.subject));
  }
  if (error.code == EPERM) {
    return complain("job",
                    fmt::format("{} is not to be trusted: it must be a directory of ours or "
                                "root's that nobody else can write to; CONTAINED_RUNTIME_DIR "
                                "names another",
                                error.subject));
  }
  complain("job", describe(error));
}

std::optional<job::Namespace> open_space(const std::string& name) {
  auto space = job::Namespace::open(name);
  if (space) return std::move(*space);
  complain_of_space(name, space.error());
  return std::nullopt;
}

std::optional<job::Entry> look_up(const std::string& space, const std::string& name) {
  const auto opened = job::Namespace::open(space);
  if (!opened) return std::nullopt;
  auto entry = job::look(*opened, name);
  if (!entry) return std::nullopt;
  return std::move(*entry);
}

}  // namespace contained::cli
