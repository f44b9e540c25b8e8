// What the golden requests about parent groups mean.
#pragma once

#include <gtest/gtest.h>

#include <variant>
#include <vector>

#include "protocol/message.hpp"

namespace contained::protocol {

template <class T>
const T& as(const Request& request) {
  static const T kNone{};
  const auto* found = std::get_if<T>(&request);
  EXPECT_NE(found, nullptr) << "another kind of request";
  return found != nullptr ? *found : kNone;
}

template <GroupControl::Op op>
void is_group(const Request& request) {
  EXPECT_EQ(as<GroupControl>(request).group, "web/box");
  EXPECT_EQ(as<GroupControl>(request).op, op);
  EXPECT_EQ(as<GroupControl>(request).control.ref, 9U);
  EXPECT_EQ(as<GroupControl>(request).control.id, 0U);
}

inline void is_group_stats(const Request& request) {
  is_group<GroupControl::Op::kControl>(request);
  EXPECT_EQ(as<GroupControl>(request).control.op, Control::Op::kStats);
}

inline void is_group_set_limits(const Request& request) {
  is_group<GroupControl::Op::kControl>(request);
  EXPECT_EQ(as<GroupControl>(request).control.op, Control::Op::kSetLimits);
  EXPECT_EQ(as<GroupControl>(request).control.limits, (std::vector<Limit>{{"memory", "1G"}}));
}

}  // namespace contained::protocol
