#include "engine/engine.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <utility>

#include "base/file.hpp"
#include "base/proc.hpp"
#include "engine/control.hpp"
#include "engine/sweeper.hpp"
#include "process/seal.hpp"
#include "protocol/codec.hpp"

#ifndef CONTAINED_VERSION
#error "the build defines CONTAINED_VERSION"
#endif

namespace contained::engine {
namespace {

constexpr std::chrono::milliseconds kSweepTick{20};

protocol::ProcessId identify(pid_t pid) {
  const auto stat = read_proc_stat(pid);
  return {pid, stat ? stat->start_time : 0};
}

// A path that leads to the VM's current directory whenever it is followed, see proc_pid_cwd(5). The
// VM is the parent of erl_child_setup.
std::string vm_directory(pid_t vm_side) {
  const auto stat = read_proc_stat(vm_side);
  const auto path = fmt::format("/proc/{}/cwd", stat ? stat->ppid : 0);
  return ::faccessat(AT_FDCWD, path.c_str(), X_OK, 0) == 0 ? path : std::string();
}

}  // namespace

Engine::Engine(asio::io_context& io, Setup setup)
    : io_(io),
      setup_(std::move(setup)),
      from_vm_(io, setup_.from_vm.release()),
      outbox_(io, std::move(setup_.to_vm), true, [this] { on_vm_gone(); }),
      household_(io, setup_.place, outbox_,
                 {.directory = vm_directory(setup_.place.parent),
                  // Signals are the VM's to decide on.
                  .on_signal = [this](int number) { outbox_.send(protocol::VmSignal{number}); }}),
      groups_(io, outbox_, *setup_.place.ground, setup_.place.no_ground) {
  (void)set_nonblocking(from_vm_.native_handle());
}

int Engine::run() {
  if (const auto opened = household_.open(); !opened) {
    fmt::print(stderr, "contained_port: {}\n", opened.error().message());
    return kExitInternal;
  }
  household_.watch(setup_.place.parent, [this] { on_vm_gone(); });
  read_requests();
  io_.run();
  outbox_.flush();
  return exit_code_;
}

// ---- The VM's requests

void Engine::read_requests() {
  if (outbox_.crowded()) return outbox_.notify([this] { read_requests(); });
  from_vm_.async_wait(Descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (!error) on_readable();
  });
}

void Engine::on_readable() {
  const auto space = reader_.space();
  const auto count = ::read(from_vm_.native_handle(), space.data(), space.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return read_requests();
  if (count <= 0) {
    if (!reader_.idle()) fmt::print(stderr, "contained_port: the last request is cut short\n");
    if (!reader_.idle()) exit_code_ = kExitProtocol;
    return on_vm_gone();
  }
  reader_.commit(static_cast<std::size_t>(count));
  if (take_frames()) read_requests();
}

// False after a framing violation: nothing that follows can be understood.
bool Engine::take_frames() {
  for (;;) {
    auto frame = reader_.next();
    auto request = frame && *frame ? protocol::decode(**frame)
                                   : Result<protocol::Request>(protocol::Request{});
    if (frame && !*frame) return true;
    if (frame && request &&
        (mode_ != Mode::kGreeting || std::holds_alternative<protocol::Hello>(*request))) {
      std::visit([this](const auto& what) { handle(what); }, *request);
      continue;
    }
    const auto why =
        !frame ? frame.error().message() : (!request ? request.error().message() : "no handshake");
    fmt::print(stderr, "contained_port: bad request from the VM: {}\n", why);
    close(kExitProtocol);
    return false;
  }
}

void Engine::handle(const protocol::Hello& request) {
  if (request.version != protocol::kVersion || mode_ != Mode::kGreeting) {
    fmt::print(stderr, "contained_port: the VM speaks version {} of the protocol, this is {}\n",
               request.version, protocol::kVersion);
    return close(kExitProtocol);
  }
  mode_ = Mode::kServing;
  protocol::HelloBack back;
  back.version = CONTAINED_VERSION;
  back.guardian = identify(setup_.place.guardian);
  back.worker = identify(::getpid());
  back.containment = setup_.place.no_ground ? "none" : cgroup::name(setup_.place.ground->kind());
  back.cgroup = setup_.place.ground->path();
  back.limits = setup_.place.ground->limits();
  back.seccomp = process::seccomp_available();
  back.landlock = process::landlock_abi();
  const auto& refused = household_.refused();
  if (refused.clone3) back.refused.emplace_back("clone3");
  if (refused.pidfd_open) back.refused.emplace_back("pidfd_open");
  if (refused.close_range) back.refused.emplace_back("close_range");
  if (household_.directory().empty()) back.refused.emplace_back("cwd");
  if (!outbox_.splices()) back.refused.emplace_back("splice");
  outbox_.send(back);
}

void Engine::handle(const protocol::Start& request) {
  const auto refuse = [&](std::string_view reason) {
    outbox_.send(protocol::Refused{request.id, "start", reason});
  };
  if (mode_ == Mode::kClosing) return refuse("shutting_down");
  if (household_.find(request.id)) return refuse("id_in_use");
  const auto live = household_.start(request);
  if (live) return groups_.on_start(request.placement.group, !request.placement.limits.empty());
  const auto& error = live.error();
  const auto& subject = error.subject.empty() ? request.program : error.subject;
  outbox_.send(protocol::Failed{request.id, name(error.stage), errno_name(error.code), subject});
}

void Engine::handle(const protocol::Input& request) {
  if (const auto live = find(request.id, "input")) live->input(request);
}

void Engine::handle(const protocol::CloseInput& request) {
  if (const auto live = find(request.id, "close_input")) live->close_input(request);
}

void Engine::handle(const protocol::Credit& request) {
  if (const auto live = find(request.id, "credit")) live->credit(request);
}

void Engine::handle(const protocol::Signal& request) {
  if (const auto live = household_.find(request.id)) return live->signal(request);
  outbox_.send(protocol::Signaled{request.id, "esrch"});
}

void Engine::handle(const protocol::Stop& request) {
  if (const auto live = find(request.id, "stop")) live->stop(request.ladder);
}

void Engine::handle(const protocol::Control& request) {
  if (const auto live = household_.find(request.id)) return live->control(request);
  if (request.op == protocol::Control::Op::kSweep) {
    return sweep(request.ref, std::make_shared<Sweeper>(*setup_.place.ground));
  }
  outbox_.send(refuse(request, Error{ESRCH, Stage::kSignal, {}}));
}

void Engine::sweep(std::uint32_t ref, const std::shared_ptr<Sweeper>& sweeper) {
  if (!sweeper->over()) sweeper->round();
  if (sweeper->over()) return outbox_.send(protocol::Answer{0, ref, sweeper->swept()});
  auto timer = std::make_shared<asio::steady_timer>(io_, kSweepTick);
  timer->async_wait([this, ref, sweeper, timer](const boost::system::error_code& error) {
    if (!error) sweep(ref, sweeper);
  });
}

void Engine::handle(const protocol::GroupControl& request) { groups_.handle(request); }

void Engine::handle(const protocol::OpenLink& request) {
  refuse_link("open_link",
              mode_ == Mode::kClosing ? "shutting_down" : household_.links().open(request.name));
}

void Engine::handle(const protocol::CloseLink& request) {
  refuse_link("close_link", household_.links().close(request.name));
}

void Engine::refuse_link(std::string_view request, std::string_view reason) {
  if (!reason.empty()) outbox_.send(protocol::Refused{0, std::string(request), reason});
}

void Engine::handle(const protocol::Ping& request) { outbox_.send(protocol::Pong{request.number}); }

void Engine::handle(const protocol::Shutdown&) { close(kExitOk); }

void Engine::handle(const protocol::Unusable& request) {
  outbox_.send(protocol::Refused{request.id, request.request, request.reason});
}

std::shared_ptr<Live> Engine::find(protocol::Id id, std::string_view request) {
  auto live = household_.find(id);
  if (live) return live;
  outbox_.send(protocol::Refused{id, std::string(request), "unknown_id"});
  return nullptr;
}

// ---- The end

void Engine::on_vm_gone() {
  for (const auto& [id, live] : household_.sessions()) live->abandon_output();
  close(exit_code_);
}

void Engine::close(int exit_code) {
  if (std::exchange(mode_, Mode::kClosing) == Mode::kClosing) return;
  exit_code_ = exit_code;
  household_.close([this] { return outbox_.broken() || outbox_.idle(); });
}

}  // namespace contained::engine
