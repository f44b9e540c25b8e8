#include "engine/sealer.hpp"

#include <algorithm>
#include <cerrno>

namespace contained::engine {
namespace {

constexpr std::size_t kMostKept = 16;

Result<process::SeccompAction> action_of(const protocol::SeccompAction& asked) {
  const auto kind = static_cast<process::SeccompAction::Kind>(asked.kind);
  if (asked.kind != protocol::SeccompAction::Kind::kErrno) return process::SeccompAction{kind, 0};
  const auto code = errno_named(asked.error);
  if (!code) return Error{EINVAL, Stage::kSeccomp, asked.error};
  return process::SeccompAction{kind, *code};
}

process::SeccompCondition condition_of(const protocol::SeccompCondition& asked) {
  const auto op = static_cast<process::SeccompCondition::Op>(asked.op);
  return {asked.argument, op, asked.value, asked.mask};
}

Result<process::SeccompRule> rule_of(const protocol::SeccompRule& asked) {
  const auto action = action_of(asked.action);
  if (!action) return action.error();
  process::SeccompRule rule = {*action, asked.call, {}};
  std::transform(asked.conditions.begin(), asked.conditions.end(),
                 std::back_inserter(rule.conditions), condition_of);
  return rule;
}

Result<process::SeccompProfile> profile_of(const protocol::Seccomp& asked) {
  const auto otherwise = action_of(asked.otherwise);
  if (!otherwise) return otherwise.error();
  process::SeccompProfile profile = {*otherwise, {}};
  profile.rules.reserve(asked.rules.size());
  for (const auto& each : asked.rules) {
    auto rule = rule_of(each);
    if (!rule) return rule.error();
    profile.rules.push_back(std::move(*rule));
  }
  return profile;
}

}  // namespace

Result<process::Seal> Sealer::seal(const protocol::Seal& asked) {
  process::Seal seal;
  for (const auto& [path, write] : asked.landlock) seal.paths.push_back({path, write});
  if (!asked.seccomp) return seal;
  auto filter = filter_of(*asked.seccomp);
  if (!filter) return filter.error();
  auto last_word = process::LastWord::make();
  if (!last_word) return last_word.error();
  seal.filter = std::move(*filter);
  seal.last_word = std::move(*last_word);
  return seal;
}

Result<Sealer::Filter> Sealer::filter_of(const protocol::Seccomp& asked) {
  const auto found = std::find_if(made_.begin(), made_.end(),
                                  [&](const Made& made) { return made.profile == asked; });
  if (found != made_.end()) return found->filter;
  const auto profile = profile_of(asked);
  if (!profile) return profile.error();
  auto compiled = process::compile(*profile);
  if (!compiled) return compiled.error();
  made_.push_front({asked, std::make_shared<process::SeccompFilter>(std::move(*compiled))});
  if (made_.size() > kMostKept) made_.pop_back();
  return made_.front().filter;
}

}  // namespace contained::engine
