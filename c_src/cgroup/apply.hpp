// Writing limits and settings into the groups of one place.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "cgroup/limits.hpp"

namespace contained::cgroup {

/// The groups of a command, or of a parent, over all hierarchies. Controllers are named as by v2.
class Place {
 public:
  virtual ~Place() = default;

  /// Where |controller| is; nothing: no hierarchy here has it.
  virtual std::optional<Version> version(std::string_view controller) const = 0;

  /// The group that has it, made when needed.
  virtual Result<int> directory(std::string_view controller) = 0;
};

/// Applies in order ("memory" before "swap"). Where |ignored| is given, what nothing here can do is
/// added there and passed over. Errors: stage kLimit, subject the key; EINVAL, ENOTSUP, ERANGE when
/// the kernel took another value, else what it said.
Status apply(Place& place, const std::vector<Limit>& limits, std::vector<std::string>* ignored);

/// The same for raw settings, translated when their file is the other version's; subject the file.
Status apply(Place& place, const std::vector<Setting>& settings, std::vector<std::string>* ignored);

/// Writes one value by one write(2) and reads it back where that can be compared. ENOTSUP: there is
/// no such file.
Status write_setting(int dirfd, const Setting& setting, std::string_view subject);

/// Whether |taken|, read back from |file|, is |written|: bytes rounded down to a page are (unless
/// nothing is left), a clamped number or a narrower set of CPUs is not.
bool is_as_written(std::string_view file, std::string_view written, std::string_view taken);

/// v1's memory.limit_in_bytes and memory.memsw.limit_in_bytes, which must not be below it: the swap
/// allowed stays what it was, and the two are written in the order the kernel accepts. |value| is a
/// number or "-1".
Status write_memory_v1(int dirfd, const std::string& value, std::string_view subject);

/// |value| of swap beside the memory limit in force. ENOTSUP when there is none: v1 limits only the
/// sum. Where swap is not accounted for, "-1" is as it is, and "0" if the machine has none.
Status write_swap_v1(int dirfd, const std::string& value, std::string_view subject);

}  // namespace contained::cgroup
