#include "cli/generate.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string_view>

#include "cli/exit_codes.hpp"
#include "cli/help.hpp"
#include "cli/outcome.hpp"
#include "cli/report.hpp"

namespace contained::cli {
namespace {

struct Generator {
  std::string_view name;
  std::vector<GeneratedFile> (*files)(const CLI::App& app);
};
constexpr Generator kGenerators[] = {{"man", man_pages},
                                     {"bash", bash_completion},
                                     {"zsh", zsh_completion},
                                     {"fish", fish_completion}};

int write_files(const std::vector<GeneratedFile>& files, const std::string& directory) {
  for (const auto& [name, text] : files) {
    if (directory.empty()) {
      std::fwrite(text.data(), 1, text.size(), stdout);
      continue;
    }
    const auto written = replace_file(fmt::format("{}/{}", directory, name), text);
    if (!written) return complain(written.error()), kNo;
  }
  return std::fflush(stdout) == 0 ? kOk : kNo;
}

void add_leaves(const CLI::App& app, const std::string& path, std::vector<Leaf>& leaves) {
  leaves.push_back({path, &app});
  for (const auto* const below : shown_subcommands(app)) {
    add_leaves(*below, path + " " + below->get_name(), leaves);
  }
}

}  // namespace

std::vector<Leaf> leaves_of(const CLI::App& app) {
  std::vector<Leaf> leaves;
  add_leaves(app, "", leaves);
  return leaves;
}

std::vector<std::string> option_names(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const auto& name : option.get_lnames()) names.push_back("--" + name);
  for (const auto& name : option.get_snames()) names.push_back("-" + name);
  return names;
}

std::vector<const CLI::Option*> shown_options(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) {
    return option->nonpositional() && !option->get_group().empty();
  });
}

void add_generate(CLI::App& app, int& exit_code) {
  auto* const command = app.add_subcommand("generate", "Man pages and completions");
  command->group("");
  const auto what = std::make_shared<std::string>();
  const auto directory = std::make_shared<std::string>();
  command->add_option("what", *what, "man, bash, zsh or fish")->required();
  command->add_option("directory", *directory, "Where to; else to stdout");
  command->callback([&app, what, directory, &exit_code] {
    for (const auto& generator : kGenerators) {
      if (generator.name == *what) {
        exit_code = write_files(generator.files(app), *directory);
        return;
      }
    }
    throw CLI::ValidationError("generate", *what + ": man, bash, zsh or fish");
  });
}

}  // namespace contained::cli
