#include "nif/events.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/file.hpp"
#include "base/linux.hpp"
#include "nif/source.hpp"

namespace contained::nif {
namespace {

constexpr std::size_t kPage = 4096;

// The VM polls for reading alone, and a file of the kernel's is always readable. An epoll instance
// that watches it for POLLPRI is readable when there is an event (epoll(7)).
Result<UniqueFd> epoll_of(int file, const std::string& name) {
  UniqueFd events(::epoll_create1(EPOLL_CLOEXEC));
  if (!events) return Error::last(Stage::kFile, name);
  epoll_event wanted = {};
  wanted.events = EPOLLPRI;
  if (::epoll_ctl(events.get(), EPOLL_CTL_ADD, file, &wanted) != 0) {
    return Error::last(Stage::kFile, name);
  }
  return events;
}

Term watched(ErlNifEnv* env, const std::string& path, const std::string& trigger) {
  auto file = open_at(AT_FDCWD, path, trigger.empty() ? O_RDONLY : O_RDWR, Stage::kCgroup);
  if (!file) return error(env, file.error());
  // psi.rst: the trigger, and the NUL at its end.
  const auto size = static_cast<ssize_t>(trigger.size() + 1);
  if (!trigger.empty() && ::write(file->get(), trigger.c_str(), trigger.size() + 1) != size) {
    return error(env, Error::last(Stage::kCgroup, path));
  }
  auto events = epoll_of(file->get(), path);
  if (!events) return error(env, events.error());
  return ok(env, make_handle(env, std::move(*events), std::move(*file)));
}

}  // namespace

Outcome open_process(ErlNifEnv* env, const Term* argv) {
  const auto pid = to_int(env, argv[0]);
  if (!pid || *pid <= 0) return std::nullopt;
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0U)));
  if (!pidfd) return error(env, Error::last(Stage::kSignal, std::to_string(*pid)));
  return ok(env, make_handle(env, std::move(pidfd), {}));
}

Outcome signal(ErlNifEnv* env, const Term* argv) {
  auto* source = to_source(env, argv[0]);
  const auto number = to_int(env, argv[1]);
  if (source == nullptr || !number) return std::nullopt;
  const std::scoped_lock guard(source->lock);
  if (source->closing) return refusal(env, EBADF);
  const auto sent =
      ::syscall(SYS_pidfd_send_signal, source->event.get(), *number, nullptr, 0U) == 0;
  return done(env, sent ? Status(Done{}) : Status(Error::last(Stage::kSignal)));
}

Outcome monitor(ErlNifEnv* env, const Term* argv) {
  auto* source = to_source(env, argv[0]);
  if (source == nullptr) return std::nullopt;
  return wait_for(env, *source, "contained_exit", argv[0]);
}

Outcome watch(ErlNifEnv* env, const Term* argv) {
  const auto directory = to_text(env, argv[0]);
  const auto file = to_text(env, argv[1]);
  const auto trigger = to_text(env, argv[2]);
  if (!directory || !file || !trigger || !directory->starts_with('/')) return std::nullopt;
  if (file->find('/') != std::string::npos) return std::nullopt;
  return watched(env, *directory + "/" + *file, *trigger);
}

Outcome await_event(ErlNifEnv* env, const Term* argv) {
  auto* source = to_source(env, argv[0]);
  if (source == nullptr) return std::nullopt;
  return wait_for(env, *source, "contained_event", argv[0]);
}

Outcome look_at(ErlNifEnv* env, const Term* argv) {
  auto* source = to_source(env, argv[0]);
  if (source == nullptr) return std::nullopt;
  const std::scoped_lock guard(source->lock);
  if (source->closing || !source->file) return refusal(env, EBADF);
  std::array<char, kPage> text;
  const auto size = ::pread(source->file.get(), text.data(), text.size(), 0);
  if (size < 0) return error(env, Error::last(Stage::kCgroup));
  return ok(env, binary(env, {text.data(), static_cast<std::size_t>(size)}));
}

Outcome close_handle(ErlNifEnv* env, const Term* argv) {
  auto* source = to_source(env, argv[0]);
  if (source == nullptr) return std::nullopt;
  return boolean(env, close(env, *source));
}

}  // namespace contained::nif
