// What a command may not do from its exec on, as a `start` request says it: README.md, "Spec".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace contained::protocol {

struct SeccompAction {
  enum class Kind : std::uint8_t { kAllow, kErrno, kKill, kLog };
  Kind kind = Kind::kAllow;
  std::string error = {};  ///< with kErrno, "eperm"
  bool operator==(const SeccompAction&) const = default;
};

struct SeccompCondition {
  enum class Op : std::uint8_t { kEq, kNe, kLt, kLe, kGe, kGt, kMasked };
  unsigned argument = 0;
  Op op = Op::kEq;
  std::uint64_t value = 0;
  std::uint64_t mask = 0;  ///< with kMasked
  bool operator==(const SeccompCondition&) const = default;
};

struct SeccompRule {
  SeccompAction action = {};
  std::string call = {};
  std::vector<SeccompCondition> conditions = {};
  bool operator==(const SeccompRule&) const = default;
};

struct Seccomp {
  SeccompAction otherwise = {};
  std::vector<SeccompRule> rules = {};
  bool operator==(const Seccomp&) const = default;
};

struct LandlockPath {
  std::string path = {};
  bool write = false;
  bool operator==(const LandlockPath&) const = default;
};

struct Seal {
  std::optional<Seccomp> seccomp = {};
  std::vector<LandlockPath> landlock = {};
};

}  // namespace contained::protocol
