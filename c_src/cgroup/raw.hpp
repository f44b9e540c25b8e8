// Raw settings in the words of the other version, where those have an exact equivalent.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "cgroup/limits.hpp"

namespace contained::cgroup {

/// |setting| as it is written on |version|: itself when its file is of that version, else its
/// equivalent. ENOTSUP: there is none. EINVAL: not a valid_file() of that controller, a value that
/// cannot be understood, or a file that is not for settings (cgroup.procs and the like). Stage
/// kLimit, subject the file.
///
/// cpu.cfs_quota_us alone is for the period in force, cpu.cfs_period_us alone is without quota; the
/// two together are for paired().
Result<std::vector<Setting>> translated(const Setting& setting, Version version);

/// |settings| with a cpu.cfs_quota_us and a cpu.cfs_period_us made into one cpu.max, which keeps
/// the place of the first.
std::vector<Setting> paired(const std::vector<Setting>& settings);

}  // namespace contained::cgroup
