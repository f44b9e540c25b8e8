#include "engine/environment.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>

namespace contained::engine {
namespace {

std::string_view name_of(std::string_view variable) {
  return variable.substr(0, variable.find('='));
}

std::string_view value_of(const std::vector<std::string>& variables, std::string_view name) {
  for (const std::string_view variable : variables) {
    if (name_of(variable) == name && variable.size() > name.size()) {
      return variable.substr(name.size() + 1);
    }
  }
  return {};
}

// erlexec puts "$BINDIR:$ROOTDIR/bin:" in front of PATH, once for each VM that started the next.
std::string without_erts(std::string_view path, std::string_view bindir, std::string_view rootdir) {
  const std::array<std::string, 2> fronts = {std::string(bindir) + ":",
                                             std::string(rootdir) + "/bin:"};
  for (bool found = true; found;) {
    found = false;
    for (const auto& front : fronts) {
      if (!path.starts_with(front)) continue;
      path.remove_prefix(front.size());
      found = true;
    }
  }
  return std::string(path);
}

bool is_of_the_vm(std::string_view name) {
  static constexpr std::array<std::string_view, 4> kNames = {"BINDIR", "ROOTDIR", "EMU",
                                                             "PROGNAME"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

}  // namespace

Environment::Environment(const char* const* variables) {
  std::vector<std::string> all;
  for (; *variables != nullptr; ++variables) all.emplace_back(*variables);
  const std::string bindir(value_of(all, "BINDIR"));
  const std::string rootdir(value_of(all, "ROOTDIR"));
  // Without BINDIR no VM has started us, and nothing here is the VM's.
  const bool from_vm = !bindir.empty() && !rootdir.empty();
  for (auto& variable : all) {
    const auto name = name_of(variable);
    if (from_vm && is_of_the_vm(name)) continue;
    if (from_vm && name == "PATH") {
      variable = "PATH=" + without_erts(std::string_view(variable).substr(5), bindir, rootdir);
    }
    inherited_.push_back(std::move(variable));
  }
}

std::vector<std::string> Environment::with(const std::vector<protocol::EnvChange>& changes,
                                           bool clear) const {
  auto variables = clear ? std::vector<std::string>{} : inherited_;
  if (changes.empty()) return variables;
  std::unordered_map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < variables.size(); ++i) places.emplace(name_of(variables[i]), i);
  for (const auto& [name, value] : changes) {
    const auto [place, added] = places.emplace(name, variables.size());
    if (added) variables.emplace_back();
    variables[place->second] = value ? name + "=" + *value : std::string();
  }
  std::erase(variables, std::string());
  return variables;
}

}  // namespace contained::engine
