// Block devices as control files name them.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace contained::cgroup {

/// "8:0" of a block device's node below /dev, of the whole disk for a partition (the io controller
/// knows no partitions); text that is already of that form stays. ENODEV: no such block device.
/// EINVAL: neither; nothing outside of /dev is looked at, since a dead file system would hang us.
Result<std::string> device_number(std::string_view name);

}  // namespace contained::cgroup
