#include "nif/host.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "base/file.hpp"
#include "base/linux.hpp"
#include "cgroup/controllers.hpp"
#include "cgroup/knobs.hpp"
#include "cgroup/layout.hpp"
#include "cgroup/rescue.hpp"

namespace contained::nif {
namespace {

Term v2(ErlNifEnv* env) {
  const auto layout = cgroup::find_layout();
  if (!layout) return atom(env, "nil");
  const auto root = open_at(AT_FDCWD, layout->mountpoint, O_PATH | O_DIRECTORY);
  const auto controllers =
      root ? cgroup::listed(root->get(), cgroup::kControllers) : std::vector<std::string>();
  return map(env, {{"mountpoint", binary(env, layout->mountpoint)},
                   {"own", binary(env, layout->own)},
                   {"controllers", binaries(env, controllers)}});
}

Term v1(ErlNifEnv* env) {
  std::vector<Term> all;
  const auto hierarchies = cgroup::find_v1();
  if (!hierarchies) return list(env, all);
  for (const auto& [controllers, mountpoint, own] : *hierarchies) {
    all.push_back(map(env, {{"mountpoint", binary(env, mountpoint)},
                            {"own", binary(env, own)},
                            {"controllers", binaries(env, controllers)}}));
  }
  return list(env, all);
}

bool has_pidfd() {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0U))).valid();
}

bool has_pressure() { return ::access("/proc/pressure/memory", R_OK) == 0; }

}  // namespace

Outcome capabilities(ErlNifEnv* env, const Term* /*argv*/) {
  return map(env, {{"cgroup2", v2(env)},
                   {"cgroup1", v1(env)},
                   {"pidfd", boolean(env, has_pidfd())},
                   {"pressure", boolean(env, has_pressure())}});
}

Outcome kill_trees(ErlNifEnv* env, const Term* argv) {
  const auto path = to_text(env, argv[0]);
  if (!path) return std::nullopt;
  const auto gone = cgroup::kill_trees(*path);
  return gone ? ok(env, boolean(env, *gone)) : error(env, gone.error());
}

}  // namespace contained::nif
