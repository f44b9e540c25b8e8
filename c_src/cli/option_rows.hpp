// Options as rows of tables: what is the same for all of them is written once, and compiled once.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/cli11.hpp"
#include "cli/command_options.hpp"

namespace contained::cli {

struct Row;

/// Takes one value; returns what would be allowed when it is not, else nothing.
using Take = std::string (*)(CommandOptions& options, const Row& row, const std::string& value);

struct Row {
  enum class Kind : std::uint8_t { kOnce, kRepeated, kFlag };  ///< once: the last holds
  const char* names;                                           ///< "--uid,-u": a short one last
  const char* type;                                            ///< of its value, "BYTES"
  const char* help;
  Take take;
  Kind kind = Kind::kOnce;
  const char* key = "";  ///< for takers of several rows
};

struct Table {
  const char* title;
  std::span<const Row> rows;
};

/// Of the options of a command, in the order of the help.
Table group_table();
Table user_table();
Table isolation_table();
Table life_table();

/// Those that MuonTrap's wrapper has in common with us.
Table muontrap_table();

/// Adds the rows of |table|, under its title. |options| must outlive |app|.
void add_rows(CLI::App& app, const Table& table, CommandOptions& options, ShortNames shorts);

/// Throws CLI::ValidationError by the first of |names|: "--memory: much: <allowed>".
[[noreturn]] void refuse_value(std::string_view names, const std::string& value,
                               std::string_view allowed);

/// "a=b" at the first |separator|; nothing without one, or with nothing before it.
std::optional<std::pair<std::string, std::string>> split_pair(const std::string& text,
                                                              char separator = '=');

/// Parts between separators, empty ones too; one for a text without any.
std::vector<std::string> split_at(const std::string& text, char separator);

}  // namespace contained::cli
