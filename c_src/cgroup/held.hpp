// What a ground and its crowds share.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cgroup/ground.hpp"
#include "cgroup/select.hpp"
#include "cgroup/spares.hpp"
#include "cgroup/trees.hpp"

namespace contained::cgroup {

/// Whether |name| is |group| or below it.
inline bool is_within(const std::string& name, const std::string& group) {
  return name == group || (name.starts_with(group) && name[group.size()] == '/');
}

/// |group| and those above it: "a/b" is "a" and "a/b".
inline std::vector<std::string> lineage(const std::string& group) {
  std::vector<std::string> names;
  for (auto end = group.find('/'); end != std::string::npos; end = group.find('/', end + 1)) {
    names.push_back(group.substr(0, end));
  }
  names.push_back(group);
  return names;
}

struct Ground::Held {
  using Names = std::vector<std::string>;

  explicit Held(Selected selected)
      : kind(selected.kind), trees(std::move(selected.trees)), why(std::move(selected.why)) {
    if (trees.valid()) spares.emplace(trees.track());
  }

  /// The controllers that limit |group| or one above it.
  Names controllers_of(const std::string& group) const {
    Names all;
    for (const auto& name : lineage(group)) {
      const auto found = group_controllers.find(name);
      if (found == group_controllers.end()) continue;
      for (const auto& controller : found->second) add(all, controller);
    }
    return all;
  }

  /// What |limits|, now in force in |group|, are limits of.
  void note_controllers(const std::string& group, const std::vector<Limit>& limits,
                        const Names& ignored) {
    auto& controllers = group_controllers[group];
    for (const auto& limit : limits) {
      const auto* word = find_word(limit.key);
      const bool applies = word != nullptr && word->controller != "cgroup" &&
                           std::find(ignored.begin(), ignored.end(), limit.key) == ignored.end();
      if (applies) add(controllers, std::string(word->controller));
    }
  }

  static void add(Names& names, const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }

  /// To be kept by a cell of |group| as long as it needs the parent's descriptor.
  std::shared_ptr<const void> hold(const std::string& group) {
    auto& held = holds[group];
    if (!held) held = std::make_shared<int>();
    return held;
  }

  /// Whether a cell is in |group| or below it.
  bool in_use(const std::string& group) const {
    return std::any_of(holds.begin(), holds.end(), [&](const auto& entry) {
      return is_within(entry.first, group) && entry.second.use_count() > 1;
    });
  }

  /// |group| is gone, with all below it.
  void forget(const std::string& group) {
    const auto inside = [&](const auto& entry) { return is_within(entry.first, group); };
    std::erase_if(group_controllers, inside);
    std::erase_if(group_limits, inside);
    std::erase_if(holds, inside);
    std::erase_if(past, inside);
    std::erase_if(made, [&](const auto& name) { return is_within(name, group); });
  }

  /// A cell of |group| is gone; what it counted alone is not lost.
  void add_past(const std::string& group, const Stats& counts) {
    for (const auto& name : lineage(group)) {
      for (const auto& [key, value] : counts) past[name][key] += value;
    }
  }

  Kind kind;
  Trees trees;
  Error why;
  std::optional<Spares> spares;
  std::map<std::string, Names> group_controllers;  // what limits of parents are in force
  std::map<std::string, std::vector<Limit>> group_limits;
  std::map<std::string, std::shared_ptr<const void>> holds;
  std::map<std::string, std::map<std::string, std::uint64_t>> past;
  std::set<std::string> made;   // crowds that were asked for
  std::set<std::string> named;  // in use, "<group>/<name>"
  std::uint64_t kills = 0;      // of crowds
};

}  // namespace contained::cgroup
