// Closing all descriptors from a number on, without allocating.
#pragma once

namespace contained::process {

/// By close_range(2), else from the listing of /proc/self/fd, else one by one up to RLIMIT_NOFILE.
/// False, with errno, when none of them could be done.
bool close_from(int first, bool close_range_refused) noexcept;

}  // namespace contained::process
