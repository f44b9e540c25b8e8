// Capabilities by name, resolved in the parent: the child works on masks. See capabilities(7).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace contained::process {

/// Bit n for capability n.
using CapSet = std::uint64_t;
inline constexpr CapSet kAllCapabilities = ~CapSet{0};
inline constexpr int kMostCapabilities = 64;
constexpr CapSet cap_bit(int capability) { return CapSet{1} << capability; }

/// What the child does with its capabilities. Bits beyond the kernel's last one do nothing in
/// |drop|.
struct Capabilities {
  CapSet drop = 0;     ///< from the bounding, permitted, effective, inheritable and ambient sets
  CapSet ambient = 0;  ///< into inheritable and ambient, so that a program of another user has them
};

/// As a request names them, in lower case, with or without "cap_".
struct CapabilityNames {
  bool drop_all = false;
  std::vector<std::string> drop = {};
  std::optional<std::vector<std::string>> keep = {};  ///< all others are dropped
  std::vector<std::string> ambient = {};              ///< spared by drop_all and by keep
};

/// EINVAL at Stage::kCapabilities, the name as subject: unknown, or in |drop| and also in |keep| or
/// |ambient|.
Result<Capabilities> resolve(const CapabilityNames& names);

/// "net_bind_service"; the number where libcap has no name for it.
std::string capability_name(int capability);

}  // namespace contained::process
