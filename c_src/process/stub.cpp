#include "process/stub.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/file.hpp"
#include "process/fork.hpp"
#include "process/init_main.hpp"
#include "process/prepare.hpp"
#include "process/stub_main.hpp"
#include "process/stub_word.hpp"

namespace contained::process {
namespace {

using Kind = StubWord::Kind;

struct ControlPair {
  UniqueFd worker;
  UniqueFd stub;
};

// Whole messages in order, and an end of file when the other side is gone.
Result<ControlPair> make_control() {
  std::array<int, 2> ends;
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) < 0) {
    return Error::last(Stage::kPipe);
  }
  ControlPair pair = {UniqueFd(ends[0]), UniqueFd(ends[1])};
  const auto set = set_nonblocking(pair.worker.get());
  if (!set) return set.error();
  return pair;
}

Result<PipeEnds> make_status_pipe() {
  auto pipe = make_pipe();
  if (!pipe) return pipe;
  const auto set = set_nonblocking(pipe->read.get());
  if (!set) return set.error();
  return pipe;
}

Status ask(int control, const StubWord& word) {
  ssize_t sent = 0;
  do {
    sent = ::send(control, &word, sizeof word, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return Error::last(Stage::kSignal);
  return Done{};
}

// With the sender's pid as it is called here; 0 where the socket does not tell, see unix(7).
struct Received {
  ssize_t size = 0;
  pid_t sender = 0;
  StubWord word;
};

Received receive(int control) {
  Received received;
  iovec part = {&received.word, sizeof received.word};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> aside;
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = aside.data();
  message.msg_controllen = aside.size();
  // One that ends with a request unread has the socket reset, which is told once and before what it
  // has sent.
  do {
    received.size = ::recvmsg(control, &message, MSG_DONTWAIT);
  } while (received.size < 0 && (errno == EINTR || errno == ECONNRESET));
  const auto* const header = received.size < 0 ? nullptr : CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_CREDENTIALS) return received;
  ucred who;
  std::memcpy(&who, CMSG_DATA(header), sizeof who);
  received.sender = who.pid;
  return received;
}

StubEvent event_in(const StubWord& word, pid_t sender) {
  switch (word.kind) {
    case Kind::kLeader:
      // Its own number is one of another pid namespace.
      return StubLeader{sender != 0 ? sender : word.number, word.count};
    case Kind::kLeaderExited:
      return StubLeaderExited{word.status, word.usage, word.count};
    case Kind::kSignaled:
      return StubSignaled{word.number};
    case Kind::kCount:
      return StubCount{word.count};
    case Kind::kOrphanExited:
      return StubOrphanExited{word.number, word.status};
    default:
      return StubClosed{};
  }
}

}  // namespace

Result<StubSpawned> spawn_stub(const SpawnSpec& spec, Refused& refused) {
  if (spec.cgroup_fd >= 0) return Error{EINVAL, Stage::kOption, "cgroup_fd"};
  if (const auto good = check(spec); !good) return good.error();
  if (!refused.ignored_signals) probe(refused);
  auto control = make_control();
  if (!control) return control.error();
  auto status = make_status_pipe();
  if (!status) return status.error();
  auto pointers = pointers_for(spec);
  if (!pointers) return pointers.error();
  const auto plan = plan_for(spec, *pointers, status->write.get(), refused);
  const pid_t worker = ::getpid();
  const SignalsBlocked blocked;
  auto forked = fork_self(refused);
  if (!forked) return forked.error();
  if (forked->pid == 0) run_stub(plan, control->stub.get(), worker, refused);
  return StubSpawned{Child(forked->pid, std::move(forked->pidfd)), std::move(status->read),
                     std::move(control->worker)};
}

Result<StubSpawned> spawn_init(const SpawnSpec& spec, Refused& refused) {
  if (!spec.isolation.own_init) return Error{EINVAL, Stage::kOption, "pid_init"};
  if (const auto good = check(spec); !good) return good.error();
  if (!refused.ignored_signals) probe(refused);
  auto control = make_control();
  if (!control) return control.error();
  constexpr int kOn = 1;
  if (::setsockopt(control->worker.get(), SOL_SOCKET, SO_PASSCRED, &kOn, sizeof kOn) < 0) {
    return Error::last(Stage::kPipe);
  }
  auto status = make_status_pipe();
  if (!status) return status.error();
  auto pointers = pointers_for(spec);
  if (!pointers) return pointers.error();
  auto plan = plan_for(spec, *pointers, status->write.get(), refused);
  plan.entry = run_init;
  plan.control_fd = control->stub.get();
  auto forked = fork_child(plan, spec.cgroup_fd, refused);
  if (!forked) return forked.error();
  return StubSpawned{Child(forked->pid, std::move(forked->pidfd)), std::move(status->read),
                     std::move(control->worker)};
}

std::optional<StubEvent> read_stub(int control) {
  const auto [size, sender, word] = receive(control);
  if (size < 0 && errno == EAGAIN) return std::nullopt;
  return size == sizeof word ? event_in(word, sender) : StubEvent(StubClosed{});
}

Status stub_signal(int control, int number, bool leader_only) {
  StubWord word;
  word.kind = Kind::kSignal;
  word.number = number;
  word.leader_only = leader_only;
  return ask(control, word);
}

Status stub_kill(int control) {
  StubWord word;
  word.kind = Kind::kKill;
  return ask(control, word);
}

Status stub_count(int control) {
  StubWord word;
  word.kind = Kind::kList;
  return ask(control, word);
}

}  // namespace contained::process
