#include "engine/links.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <utility>

namespace contained::engine {
namespace {

// Of proc_pid_fd(5): opening such a link makes another description of the same pipe. It does not
// wait for the other end, as the worker holds both.
Result<UniqueFd> another(int fd, int mode, const std::string& name) {
  UniqueFd fresh(::open(fmt::format("/proc/self/fd/{}", fd).c_str(), mode | O_CLOEXEC));
  if (!fresh) fresh.reset(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!fresh) return Error::last(Stage::kPipe, name);
  return fresh;
}

}  // namespace

std::string_view Links::open(const std::string& name) {
  if (links_.contains(name)) return "link_in_use";
  if (links_.size() >= kMostLinks) return "no_link";
  auto ends = make_pipe();
  if (!ends) return "no_link";
  links_.emplace(name, std::move(*ends));
  return {};
}

std::string_view Links::close(const std::string& name) {
  return links_.erase(name) == 1 ? std::string_view() : "unknown_link";
}

Result<UniqueFd> Links::reader(const std::string& name) const {
  const auto found = links_.find(name);
  if (found == links_.end()) return Error{ENOENT, Stage::kPipe, name};
  return another(found->second.read.get(), O_RDONLY, name);
}

Result<UniqueFd> Links::writer(const std::string& name) const {
  const auto found = links_.find(name);
  if (found == links_.end()) return Error{ENOENT, Stage::kPipe, name};
  return another(found->second.write.get(), O_WRONLY, name);
}

}  // namespace contained::engine
