#include "cgroup/devices.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <optional>

#include "base/file.hpp"
#include "cgroup/text.hpp"

namespace contained::cgroup {
namespace {

bool is_number(std::string_view text) {
  const auto major = cut(text, ':');
  return to_number<unsigned>(major) && to_number<unsigned>(text);
}

// sysfs has a partition's directory inside that of its disk.
std::string whole_disk(const std::string& number) {
  const auto directory = "/sys/dev/block/" + number;
  if (::access((directory + "/partition").c_str(), F_OK) != 0) return number;
  const auto disk = read_brief_at(AT_FDCWD, directory + "/../dev");
  return disk ? std::string(trimmed(*disk)) : number;
}

}  // namespace

Result<std::string> device_number(std::string_view name) {
  if (is_number(name)) return std::string(name);
  const bool climbs = name.find("/..") != std::string_view::npos;
  if (!name.starts_with("/dev/") || climbs || name.find('\0') != std::string_view::npos) {
    return Error{EINVAL, Stage::kLimit, std::string(name)};
  }
  struct stat info = {};
  if (::stat(std::string(name).c_str(), &info) != 0 || !S_ISBLK(info.st_mode)) {
    return Error{ENODEV, Stage::kLimit, std::string(name)};
  }
  return whole_disk(fmt::format("{}:{}", major(info.st_rdev), minor(info.st_rdev)));
}

}  // namespace contained::cgroup
