#include "cli/info.hpp"

#include <cstdio>
#include <memory>

#include "cli/exit_codes.hpp"
#include "cli/host.hpp"

namespace contained::cli {
namespace {

constexpr const char* kInfoFooter =
    "Namespaces, seccomp and Landlock are tried by doing it; a control group is made and removed.\n"
    "Examples:\n"
    "  contained info\n"
    "  contained info --json | jq -r '.advice[]'\n";

}  // namespace

void add_info(CLI::App& app, int& exit_code) {
  auto* const command = app.add_subcommand("info", "Show what this machine allows, and what to do");
  const auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "As JSON");
  command->footer(kInfoFooter);
  command->callback([json, &exit_code] {
    const auto host = look_at_host();
    const auto text = *json ? host_json(host) : host_text(host);
    exit_code = print(text) ? kOk : kNo;
  });
}

}  // namespace contained::cli
