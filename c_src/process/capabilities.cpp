#include "process/capabilities.hpp"

#include <sys/capability.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>

namespace contained::process {
namespace {

constexpr std::string_view kPrefix = "cap_";

Error unfit(const std::string& name) { return {EINVAL, Stage::kCapabilities, name}; }

// cap_from_name(3) takes upper case, numbers and a NUL's rest as well; one spelling is enough.
bool is_plain(const std::string& name) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  return !name.empty() && std::all_of(name.begin(), name.end(), plain);
}

Result<CapSet> set_of(const std::vector<std::string>& names) {
  CapSet set = 0;
  for (const auto& name : names) {
    const auto full = name.starts_with(kPrefix) ? name : std::string(kPrefix) + name;
    cap_value_t value = 0;
    if (!is_plain(name) || ::cap_from_name(full.c_str(), &value) < 0) return unfit(name);
    if (value >= kMostCapabilities) return unfit(name);
    set |= cap_bit(value);
  }
  return set;
}

std::string first_of(CapSet set) {
  int capability = 0;
  while ((set & cap_bit(capability)) == 0) ++capability;
  return capability_name(capability);
}

}  // namespace

Result<Capabilities> resolve(const CapabilityNames& names) {
  const auto drop = set_of(names.drop);
  if (!drop) return drop.error();
  const auto keep = set_of(names.keep.value_or(std::vector<std::string>{}));
  if (!keep) return keep.error();
  const auto ambient = set_of(names.ambient);
  if (!ambient) return ambient.error();
  const CapSet wanted = *keep | *ambient;
  if ((*drop & wanted) != 0) return unfit(first_of(*drop & wanted));
  const bool all_others = names.drop_all || names.keep.has_value();
  return Capabilities{all_others ? kAllCapabilities & ~wanted : *drop, *ambient};
}

std::string capability_name(int capability) {
  const std::unique_ptr<char, int (*)(void*)> text(::cap_to_name(capability), ::cap_free);
  if (!text) return std::to_string(capability);
  const std::string_view name = text.get();
  return std::string(name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name);
}

}  // namespace contained::process
