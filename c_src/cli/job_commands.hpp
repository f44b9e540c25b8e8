// The subcommands of `contained job NAMESPACE`, and what they share.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cli/cli11.hpp"
#include "job/namespace.hpp"
#include "job/registry.hpp"

namespace contained::cli {

/// The namespace that the command line names, known when callbacks run.
using SpaceName = std::shared_ptr<std::string>;

/// Of a link named `lanco`: not for people.
inline constexpr char kAsLanco[] = "--as-lanco";

void add_job_run(CLI::App& job, const SpaceName& space, int& exit_code);
void add_job_show(CLI::App& job, const SpaceName& space, int& exit_code);  ///< check ls dump
void add_job_stop(CLI::App& job, const SpaceName& space, int& exit_code);  ///< stop kill wait
void add_job_logs(CLI::App& job, const SpaceName& space, int& exit_code);
void add_job_manage(CLI::App& job, const SpaceName& space, int& exit_code);  ///< init release gc

/// Adds the positional NAME, checked.
void add_job_name(CLI::App& command, std::string& name);

/// Throws CLI::ValidationError unless |name| can be that of a job or a namespace.
void check_job_name(const std::string& name);

/// Opens it; nothing, complained of, when that fails.
std::optional<job::Namespace> open_space(const std::string& name);

/// What is wrong with the namespace |name|, and what to do.
void complain_of_space(const std::string& name, const Error& error);

/// A job of it; nothing when there is none, silently.
std::optional<job::Entry> look_up(const std::string& space, const std::string& name);

}  // namespace contained::cli
