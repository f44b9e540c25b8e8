// `contained top`: what runs in the groups of our jobs and launchers, and what it uses.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "cli/cli11.hpp"

namespace contained::cli {

struct TopOptions {
  std::string space;  ///< namespace; empty: all, and launchers
  std::uint64_t delay_ms = 1000;
  bool once = false;
  bool json = false;
};

/// -d, --once and --json, and what a footer says of them. |options| must outlive |command|.
void add_top_options(CLI::App& command, TopOptions& options);

/// A screen until `q`, or the table once: with --once, --json, or without a terminal. 1 for an
/// unknown namespace; 128 + n when signal n has ended it.
int run_top(const TopOptions& options);

void add_top(CLI::App& app, int& exit_code);

/// `contained job NS top`, whose namespace is known when it is called.
void add_job_top(CLI::App& job, const std::shared_ptr<std::string>& space, int& exit_code);

}  // namespace contained::cli
