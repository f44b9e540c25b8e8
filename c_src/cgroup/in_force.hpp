// Reading limits back, in the words they were given in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cgroup/limits.hpp"

namespace contained::cgroup {

/// The limits of |controller| (as v2 names it) in the group |dirfd|: those that are not the
/// kernel's default. Bytes are plain numbers, devices "8:0".
std::vector<Limit> limits_in_force(int dirfd, std::string_view controller, Version version);

/// The limit that |text|, read from the file of |word|, stands for; nothing for "none" and the
/// default. Of io, io_weight and hugetlb one for each line is made by limits_in_force().
std::vector<Limit> limits_of_text(const Word& word, Version version, std::string_view text);

}  // namespace contained::cgroup
