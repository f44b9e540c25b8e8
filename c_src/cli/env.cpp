#include "cli/env.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>

#include "cli/exit_codes.hpp"
#include "cli/pieces.hpp"
#include "cli/report.hpp"
#include "cli/words.hpp"
#include "engine/not_started.hpp"

namespace contained::cli {
namespace {

constexpr int kDenvFailed = 111;

constexpr const char* kEnvFooter =
    "The environment is empty at first; the options are taken in their order. The command is "
    "looked\n"
    "for in our PATH, and takes our place: nothing is contained.\n"
    "\n"
    "Examples:\n"
    "  contained env -i PATH -i HOME -E LANG=C -f /etc/default/server -- server\n"
    "  contained env -I -E SECRET -d /etc/server/env -- server\n"
    "\n"
    "Exit code: the command's; 125 our own failure (111 as denv), 126 it cannot be executed, 127 "
    "it is\n"
    "not found, 2 usage.\n";

struct EnvOptions {
  bool as_denv = false;
  CLI::Option* inherit_all = nullptr;
  CLI::Option* inherit = nullptr;
  CLI::Option* change = nullptr;
  CLI::Option* directory = nullptr;
  CLI::Option* file = nullptr;
};

std::optional<Mistake> add_piece(Pieces& pieces, const EnvOptions& options,
                                 const CLI::Option* option, const std::string& value) {
  if (option == options.inherit_all) pieces.inherit_all(::environ);
  if (option == options.inherit) pieces.inherit(::environ, value);
  if (option == options.directory) return pieces.add_directory(value);
  if (option == options.file) return pieces.add_file(value);
  if (option == options.change && !pieces.change(value)) {
    return Mistake{"--environ", value + ": NAME=VALUE, or NAME to remove it"};
  }
  return std::nullopt;
}

// One after the other, as they were said.
std::optional<Mistake> put_together(Pieces& pieces, const CLI::App& app,
                                    const EnvOptions& options) {
  std::map<const CLI::Option*, std::size_t> taken;
  for (const auto* const option : app.parse_order()) {
    const auto& values = option->results();
    const auto number = taken[option]++;
    if (number >= values.size()) continue;
    if (auto mistake = add_piece(pieces, options, option, values[number])) return mistake;
  }
  return std::nullopt;
}

// Returns only when it fails.
int execute(const Words& words, const std::vector<std::string>& environment) {
  const auto pointers = [](const std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (const auto& text : texts) all.push_back(const_cast<char*>(text.data()));  // NOLINT
    all.push_back(nullptr);
    return all;
  };
  const auto argv = pointers(words);
  const auto envp = pointers(environment);
  ::execvpe(argv.front(), argv.data(), envp.data());
  const auto error = Error::last(Stage::kExec, words.front());
  complain(error);
  return engine::exit_code_of(error);
}

int run_env(const CLI::App& app, const EnvOptions& options, const Words& words) {
  if (words.empty()) throw CLI::ValidationError("COMMAND", "is missing");
  Pieces pieces;
  if (const auto mistake = put_together(pieces, app, options)) {
    complain(mistake->where, mistake->why);
    return options.as_denv ? kDenvFailed : kRunFailed;
  }
  const int code = execute(words, pieces.strings());
  return options.as_denv ? kDenvFailed : code;
}

CLI::Option* add_env_value(CLI::App& app, const char* names, const char* type, const char* help) {
  return app
      .add_option(
          names, [](const CLI::results_t&) { return true; }, help)
      ->type_name(type)
      ->expected(1, CLI::detail::expected_max_vector_size)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

}  // namespace

void add_env(CLI::App& app, int& exit_code) {
  auto* const command =
      app.add_subcommand("env", "Run a command with an environment made of pieces (denv)");
  const auto options = std::make_shared<EnvOptions>();
  options->inherit_all = command->add_flag_function(
      "-I,--inherit-env", [](std::int64_t) {}, "All of our environment");
  options->inherit =
      add_env_value(*command, "-i,--inherit", "NAME", "A variable of ours; repeatable");
  options->change = add_env_value(*command, "-E,--environ", "NAME[=VALUE]",
                                  "Sets a variable, or removes it; repeatable");
  options->directory = add_env_value(*command, "-d,--envdir", "DIR",
                                     "A file for each variable, its first line; repeatable");
  options->file =
      add_env_value(*command, "-f,--file", "FILE", "Lines NAME=VALUE and # comments; repeatable");
  command->add_flag("--as-denv", options->as_denv, "Fails with 111")->group("");
  command->prefix_command()->footer(kEnvFooter);
  command->callback(
      [command, options, &exit_code] { exit_code = run_env(*command, *options, command_words()); });
}

}  // namespace contained::cli
