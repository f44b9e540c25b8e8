#include "process/capabilities.hpp"

#include <gtest/gtest.h>
#include <linux/capability.h>

namespace contained::process {
namespace {

constexpr CapSet kChown = cap_bit(CAP_CHOWN);
constexpr CapSet kBind = cap_bit(CAP_NET_BIND_SERVICE);

Capabilities resolved(const CapabilityNames& names) {
  const auto result = resolve(names);
  EXPECT_TRUE(result.ok()) << result.error().message();
  return result.ok() ? *result : Capabilities{};
}

std::string refusal(const CapabilityNames& names) {
  const auto result = resolve(names);
  return result ? "ok" : result.error().message();
}

TEST(ResolveCapabilities, NothingIsNothing) {
  EXPECT_EQ(resolved({}).drop, 0U);
  EXPECT_EQ(resolved({}).ambient, 0U);
}

TEST(ResolveCapabilities, NamesWithAndWithoutThePrefix) {
  EXPECT_EQ(resolved({.drop = {"chown", "cap_net_bind_service"}}).drop, kChown | kBind);
  EXPECT_EQ(resolved({.ambient = {"net_bind_service"}}).ambient, kBind);
}

TEST(ResolveCapabilities, AllMeansTheUnknownOnesToo) {
  EXPECT_EQ(resolved({.drop_all = true}).drop, kAllCapabilities);
}

TEST(ResolveCapabilities, KeepDropsTheOthers) {
  EXPECT_EQ(resolved({.keep = std::vector<std::string>{"chown"}}).drop, ~kChown);
  EXPECT_EQ(resolved({.keep = std::vector<std::string>{}}).drop, kAllCapabilities);
}

TEST(ResolveCapabilities, AmbientOnesAreSpared) {
  EXPECT_EQ(resolved({.drop_all = true, .ambient = {"chown"}}).drop, ~kChown);
  const auto both =
      resolved({.keep = std::vector<std::string>{"net_bind_service"}, .ambient = {"chown"}});
  EXPECT_EQ(both.drop, ~(kChown | kBind));
  EXPECT_EQ(both.ambient, kChown);
}

TEST(ResolveCapabilities, UnknownNamesAreRefusedByName) {
  for (const std::string name : {"no_such", "", "cap_", "cap_cap_chown", "10", "cap_10", "CHOWN",
                                 "chown ", "all", "chown\n"}) {
    EXPECT_EQ(resolve({.drop = {name}}).ok(), false) << name;
  }
  EXPECT_EQ(refusal({.drop = {"no_such"}}), "capabilities: einval (no_such)");
  EXPECT_EQ(refusal({.keep = std::vector<std::string>{"x"}}), "capabilities: einval (x)");
  EXPECT_EQ(refusal({.ambient = {"chown", "y"}}), "capabilities: einval (y)");
}

TEST(ResolveCapabilities, DroppedAndWantedIsAContradiction) {
  EXPECT_EQ(refusal({.drop = {"chown"}, .ambient = {"chown"}}), "capabilities: einval (chown)");
  EXPECT_EQ(refusal({.drop = {"kill", "chown"}, .keep = std::vector<std::string>{"kill"}}),
            "capabilities: einval (kill)");
}

TEST(CapabilityName, OfEachIsWhatResolvesToIt) {
  for (int capability = 0; capability <= CAP_LAST_CAP; ++capability) {
    const auto name = capability_name(capability);
    EXPECT_EQ(resolved({.drop = {name}}).drop, cap_bit(capability)) << name;
  }
  EXPECT_EQ(capability_name(63), "63");
}

}  // namespace
}  // namespace contained::process
