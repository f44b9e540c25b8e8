#include "process/trial.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <memory>
#include <utility>

#include "base/file.hpp"
#include "process/spawn.hpp"

namespace contained::process {
namespace {

constexpr const char* kOurselves = "/proc/self/exe";

void end(Child& child) {
  (void)child.signal(SIGKILL);
  while (::waitpid(child.pid(), nullptr, 0) < 0 && errno == EINTR) {
  }
  child.mark_reaped();
}

ExecStatus await_exec(int status_fd) {
  auto status = read_exec_status(status_fd);
  while (status.state == ExecState::kPending) {
    pollfd pipe = {status_fd, POLLIN, 0};
    ::poll(&pipe, 1, -1);
    status = read_exec_status(status_fd);
  }
  return status;
}

}  // namespace

Status attempt(SpawnSpec spec) {
  const auto null = open_at(AT_FDCWD, "/dev/null", O_RDWR, Stage::kFile);
  if (!null) return null.error();
  spec.program = kOurselves;
  spec.args = {kOurselves, "--version"};
  spec.stdio = {null->get(), null->get(), null->get()};
  Refused refused;
  auto spawned = spawn(spec, refused);
  if (!spawned) return spawned.error();
  const auto status = await_exec(spawned->status.get());
  end(spawned->child);
  if (status.state == ExecState::kFailed) return status.error;
  return Done{};
}

Result<Way> attempt(Namespaces namespaces) {
  SpawnSpec spec;
  spec.isolation.namespaces = namespaces;
  const auto alone = attempt(spec);
  if (alone) return Way::kAlone;
  if ((namespaces & kNewUser) != 0 || may_make_namespaces()) return alone.error();
  spec.isolation.namespaces |= kNewUser;
  spec.isolation.by_way_of_user = true;
  if (const auto with_user = attempt(std::move(spec)); !with_user) return with_user.error();
  return Way::kByUser;
}

Status attempt_seccomp() {
  auto filter = compile({{}, {{{SeccompAction::Kind::kErrno, EPERM}, "acct"}}});
  if (!filter) return filter.error();
  SpawnSpec spec;
  spec.seal.filter = std::make_shared<const SeccompFilter>(std::move(*filter));
  return attempt(std::move(spec));
}

Status attempt_landlock() {
  SpawnSpec spec;
  spec.seal.paths = {{"/", true}};
  return attempt(std::move(spec));
}

}  // namespace contained::process
