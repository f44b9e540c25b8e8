#include "protocol/decode_seal.hpp"

#include <limits>

#include "protocol/readers.hpp"

namespace contained::protocol {
namespace {

using What = SeccompAction::Kind;
using Compare = SeccompCondition::Op;

constexpr std::array kActions = {Named<What>{"allow", What::kAllow},
                                 Named<What>{"kill", What::kKill}, Named<What>{"log", What::kLog}};
constexpr std::array kOps = {
    Named<Compare>{"eq", Compare::kEq}, Named<Compare>{"ne", Compare::kNe},
    Named<Compare>{"lt", Compare::kLt}, Named<Compare>{"le", Compare::kLe},
    Named<Compare>{"ge", Compare::kGe}, Named<Compare>{"gt", Compare::kGt}};
constexpr std::array kAccess = {Named<bool>{"read", false}, Named<bool>{"write", true}};
constexpr unsigned kLastArgument = 5;

bool read_call_name(TermReader& in, std::string& out) { return read_text(in, out) && !out.empty(); }

bool read_action(TermReader& in, SeccompAction& out) {
  const auto arity = in.tuple();
  if (!arity) return read_choice(in, kActions, out.kind);
  if (*arity != 2 || in.atom() != "errno") return false;
  out.kind = What::kErrno;
  const auto error = in.atom();
  out.error = error.value_or("");
  return error.has_value();
}

bool read_word(TermReader& in, std::uint64_t& out) {
  return read_number(in, 0, std::numeric_limits<std::int64_t>::max(), out);
}

bool read_comparison(TermReader& in, SeccompCondition& out) {
  const auto arity = in.tuple();
  if (!arity) return read_choice(in, kOps, out.op);
  out.op = Compare::kMasked;
  return *arity == 2 && in.atom() == "mask" && read_word(in, out.mask);
}

bool read_conditions(TermReader& in, std::vector<SeccompCondition>& out) {
  return read_list(in, [&] {
    auto& condition = out.emplace_back();
    return in.tuple() == 3U && read_number(in, 0, kLastArgument, condition.argument) &&
           read_comparison(in, condition) && read_word(in, condition.value);
  });
}

// Name, or {Name, Conditions}.
bool read_call(TermReader& in, SeccompRule& out) {
  const auto arity = in.tuple();
  if (!arity) return read_call_name(in, out.call);
  return *arity == 2 && read_call_name(in, out.call) && read_conditions(in, out.conditions);
}

// {Action, [Call]}: a rule for each.
bool read_rules(TermReader& in, std::vector<SeccompRule>& out) {
  SeccompAction action;
  if (in.tuple() != 2U || !read_action(in, action)) return false;
  return read_list(in, [&] {
    out.push_back({.action = action});
    return read_call(in, out.back());
  });
}

bool read_entry(TermReader& in, Seccomp& out) {
  const auto key = in.atom();
  if (key == "default") return read_action(in, out.otherwise) && out.otherwise.kind != What::kLog;
  return key == "rules" && read_list(in, [&] { return read_rules(in, out.rules); });
}

}  // namespace

bool read_seccomp(TermReader& in, Seal& seal) {
  auto& seccomp = seal.seccomp.emplace();
  const auto pairs = in.map();
  for (std::size_t i = 0; pairs && i < *pairs; ++i) {
    if (!read_entry(in, seccomp)) return false;
  }
  return pairs.has_value();
}

bool read_landlock(TermReader& in, Seal& seal) {
  const bool read = read_list(in, [&] {
    auto& [path, write] = seal.landlock.emplace_back();
    return in.tuple() == 2U && read_choice(in, kAccess, write) && read_text(in, path) &&
           path.starts_with('/');
  });
  return read && !seal.landlock.empty();
}

}  // namespace contained::protocol
