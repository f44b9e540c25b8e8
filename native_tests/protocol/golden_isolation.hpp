// What the golden frame `start_isolated` means.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "protocol/isolation.hpp"

namespace contained::protocol {

inline void expect_isolated(const Isolation& seen) {
  EXPECT_EQ(seen.namespaces, (std::vector<std::string>{"pid", "net", "user_if_needed"}));
  EXPECT_TRUE(seen.program_is_init);
  EXPECT_EQ(seen.hostname, "in");
  EXPECT_EQ(seen.root, "/srv/root");
  EXPECT_EQ(seen.chroot, "/srv/other");
  EXPECT_EQ(seen.binds, (std::vector<Bind>{{"/a", "/b", true}, {"/c", "/d", false}}));
  EXPECT_EQ(seen.tmpfs, (std::vector<Tmpfs>{{"/tmp", std::nullopt}, {"/run", 1U << 20}}));
  EXPECT_TRUE(seen.read_only_root);
  EXPECT_EQ(seen.network, Isolation::Network::kPath);
  EXPECT_EQ(seen.netns, "/run/netns/blue");
  EXPECT_EQ(seen.uid_map, (std::vector<IdMap>{{0, 100'000, 65'536}}));
  EXPECT_EQ(seen.gid_map, (std::vector<IdMap>{{5, 1000, 1}}));
  EXPECT_EQ(seen.time_offsets, (std::vector<TimeOffset>{{false, -5}, {true, 3'600'000}}));
}

}  // namespace contained::protocol
