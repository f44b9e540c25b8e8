#include "engine/spec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace contained::engine {
namespace {

// Where a program of that name may be, in the order of the search path.
std::vector<std::string> candidates(std::string_view path, std::string_view program) {
  std::vector<std::string> paths;
  while (!path.empty()) {
    const auto directory = path.substr(0, path.find(':'));
    paths.push_back(fmt::format("{}/{}", directory, program));
    path.remove_prefix(std::min(path.size(), directory.size() + 1));
  }
  return paths;
}

}  // namespace

process::SpawnSpec spec_of(const protocol::Start& request, const Environment& environment,
                           const std::string& vm_directory) {
  process::SpawnSpec spec;
  spec.program = request.program;
  spec.args = request.args;
  if (request.path) spec.candidates = candidates(*request.path, request.program);
  spec.env = environment.with(request.env, request.clear_env);
  spec.cd = request.cd;
  if (!spec.cd && !vm_directory.empty()) spec.cd = vm_directory;
  return spec;
}

}  // namespace contained::engine
