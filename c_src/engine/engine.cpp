#include "engine/engine.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <utility>

#include "base/file.hpp"
#include "base/proc.hpp"
#include "engine/control.hpp"
#include "engine/last_resort.hpp"
#include "engine/sweeper.hpp"
#include "process/seal.hpp"
#include "protocol/codec.hpp"

#ifndef CONTAINED_VERSION
#error "the build defines CONTAINED_VERSION"
#endif

namespace contained::engine {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kGuardianTick{1000};
constexpr milliseconds kLeftoverTick{1000};
constexpr milliseconds kEndTick{20};
constexpr int kMostEndRounds = 250;

// A command costs up to five descriptors; the limit that we found is given back to each.
rlimit raise_open_files() {
  rlimit found = {};
  ::getrlimit(RLIMIT_NOFILE, &found);
  const rlimit raised = {found.rlim_max, found.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &raised);
  return found;
}

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
      null_(::open("/dev/null", O_RDWR | O_CLOEXEC)),
      environment_(::environ),
      outbox_(io, std::move(setup_.to_vm), true, [this] { on_vm_gone(); }),
      reaper_(io, [this](int number) { on_signal(number); }),
      groups_(io, outbox_, *setup_.ground, setup_.no_ground),
      shared_{io_,
              outbox_,
              reaper_,
              *setup_.ground,
              environment_,
              refused_,
              links_,
              sealer_,
              raise_open_files(),
              null_.get(),
              vm_directory(setup_.vm_side),
              [this](protocol::Id id, Leftover leftover) { on_over(id, std::move(leftover)); }},
      leftover_timer_(io),
      guardian_timer_(io),
      end_timer_(io) {
  (void)set_nonblocking(from_vm_.native_handle());
  process::probe(refused_);
}

int Engine::run() {
  if (const auto started = reaper_.start(); !started) {
    fmt::print(stderr, "contained_port: {}\n", started.error().message());
    return kExitInternal;
  }
  watch_process(setup_.guardian, guardian_gone_, &Engine::on_guardian_gone);
  watch_process(setup_.vm_side, vm_side_gone_, &Engine::on_vm_gone);
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
  back.guardian = identify(setup_.guardian);
  back.worker = identify(::getpid());
  back.containment = setup_.no_ground ? "none" : cgroup::name(setup_.ground->kind());
  back.cgroup = setup_.ground->path();
  back.limits = setup_.ground->limits();
  back.seccomp = process::seccomp_available();
  back.landlock = process::landlock_abi();
  if (refused_.clone3) back.refused.emplace_back("clone3");
  if (refused_.pidfd_open) back.refused.emplace_back("pidfd_open");
  if (refused_.close_range) back.refused.emplace_back("close_range");
  if (shared_.vm_directory.empty()) back.refused.emplace_back("cwd");
  if (!outbox_.splices()) back.refused.emplace_back("splice");
  outbox_.send(back);
}

void Engine::handle(const protocol::Start& request) {
  const auto refuse = [&](std::string_view reason) {
    outbox_.send(protocol::Refused{request.id, "start", reason});
  };
  if (mode_ == Mode::kClosing) return refuse("shutting_down");
  if (sessions_.contains(request.id)) return refuse("id_in_use");
  auto live = setup_.no_ground ? Result<std::shared_ptr<Live>>(*setup_.no_ground)
                               : Live::start(shared_, request);
  if (live) {
    // The session may already be over; then on_over has come before and must not be undone.
    if (!(*live)->over()) sessions_.emplace(request.id, std::move(*live));
    groups_.on_start(request.placement.group, !request.placement.limits.empty());
    return watch_guardian();
  }
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
  const auto found = sessions_.find(request.id);
  if (found != sessions_.end()) return found->second->signal(request);
  outbox_.send(protocol::Signaled{request.id, "esrch"});
}

void Engine::handle(const protocol::Stop& request) {
  if (const auto live = find(request.id, "stop")) live->stop(request.ladder);
}

void Engine::handle(const protocol::Control& request) {
  const auto found = sessions_.find(request.id);
  if (found != sessions_.end()) return found->second->control(request);
  if (request.op == protocol::Control::Op::kSweep) {
    return sweep(request.ref, std::make_shared<Sweeper>(*setup_.ground));
  }
  outbox_.send(refuse(request, Error{ESRCH, Stage::kSignal, {}}));
}

void Engine::sweep(std::uint32_t ref, const std::shared_ptr<Sweeper>& sweeper) {
  if (!sweeper->over()) sweeper->round();
  if (sweeper->over()) return outbox_.send(protocol::Answer{0, ref, sweeper->swept()});
  auto timer = std::make_shared<asio::steady_timer>(io_, kEndTick);
  timer->async_wait([this, ref, sweeper, timer](const boost::system::error_code& error) {
    if (!error) sweep(ref, sweeper);
  });
}

void Engine::handle(const protocol::GroupControl& request) { groups_.handle(request); }

void Engine::handle(const protocol::OpenLink& request) {
  refuse_link("open_link", mode_ == Mode::kClosing ? "shutting_down" : links_.open(request.name));
}

void Engine::handle(const protocol::CloseLink& request) {
  refuse_link("close_link", links_.close(request.name));
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
  const auto found = sessions_.find(id);
  if (found != sessions_.end()) return found->second;
  outbox_.send(protocol::Refused{id, std::string(request), "unknown_id"});
  return nullptr;
}

// ---- Who watches whom

void Engine::watch_process(pid_t pid, std::unique_ptr<Descriptor>& slot,
                           void (Engine::*on_gone)()) {
  auto pidfd = process::open_pidfd(pid);
  if (!pidfd) {
    // Without pidfds end of file tells of the VM, and PR_SET_PDEATHSIG of the guardian.
    if (pidfd.error().code == ESRCH)
      asio::post(io_, [this, on_gone] { (this->*on_gone)(); });
    else
      refused_.pidfd_open = true;
    return;
  }
  slot = std::make_unique<Descriptor>(io_, pidfd->release());
  slot->async_wait(Descriptor::wait_read, [this, on_gone](const boost::system::error_code& error) {
    if (!error) (this->*on_gone)();
  });
}

// A stopped guardian would not see us die: looked at once a second while anything runs.
void Engine::watch_guardian() {
  if (std::exchange(guardian_watched_, true)) return;
  guardian_timer_.expires_after(kGuardianTick);
  guardian_timer_.async_wait([this](const boost::system::error_code& error) {
    guardian_watched_ = false;
    if (!error) check_guardian();
  });
}

void Engine::check_guardian() {
  const auto stat = read_proc_stat(setup_.guardian);
  const bool stopped = stat && (stat->state == 'T' || stat->state == 't');
  guardian_stopped_ticks_ = stopped ? guardian_stopped_ticks_ + 1 : 0;
  if (::getppid() != setup_.guardian || guardian_stopped_ticks_ >= 2) return on_guardian_gone();
  if (!sessions_.empty()) watch_guardian();
}

// Of the signals to us only the guardian's death is ours to act on; the rest is the VM's to decide.
void Engine::on_signal(int number) {
  if (number != Reaper::kGuardianGone) return outbox_.send(protocol::VmSignal{number});
  if (::getppid() != setup_.guardian) on_guardian_gone();
}

// Half of the safety net is gone: nothing may run without it.
void Engine::on_guardian_gone() {
  if (::getppid() == setup_.guardian) ::kill(setup_.guardian, SIGKILL);
  fmt::print(stderr, "contained_port: the guardian is gone, killing what runs\n");
  kill_everything(*setup_.ground);
  std::_Exit(kExitInternal);
}

void Engine::on_vm_gone() {
  for (const auto& [id, live] : sessions_) live->abandon_output();
  close(exit_code_);
}

// ---- The end

void Engine::close(int exit_code) {
  if (std::exchange(mode_, Mode::kClosing) == Mode::kClosing) return;
  exit_code_ = exit_code;
  links_.close_all();
  // A stop can end a session at once and take it out of the table.
  const auto sessions = sessions_;
  for (const auto& [id, live] : sessions) live->stop(std::nullopt);
  end_if_empty();
}

void Engine::on_over(protocol::Id id, Leftover leftover) {
  sessions_.erase(id);
  if (!leftover.enclosure->tend(leftover.kill)) {
    leftovers_.push_back(std::move(leftover));
    tend_leftovers_later();
  }
  if (mode_ == Mode::kClosing) end_if_empty();
}

// Groups that were left on purpose are removed when they have become empty by themselves; those
// that SIGKILL did not empty are killed again.
void Engine::tend_leftovers() {
  std::erase_if(leftovers_,
                [](const Leftover& leftover) { return leftover.enclosure->tend(leftover.kill); });
  if (!leftovers_.empty()) tend_leftovers_later();
}

void Engine::tend_leftovers_later() {
  leftover_timer_.expires_after(kLeftoverTick);
  leftover_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) tend_leftovers();
  });
}

void Engine::end_if_empty() {
  if (!sessions_.empty()) return;
  reaper_.kill_strays(*setup_.ground);
  // What was left on purpose goes now; without groups its stub has to be told.
  std::erase_if(leftovers_,
                [](const Leftover& leftover) { return leftover.enclosure->tend(true); });
  const auto gone = setup_.ground->destroy();
  const bool empty = leftovers_.empty() && (!gone || *gone);
  const bool over = empty || ++end_rounds_ > kMostEndRounds;
  const bool told = outbox_.broken() || outbox_.idle();
  if (over && told) return io_.stop();
  end_timer_.expires_after(kEndTick);
  end_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) end_if_empty();
  });
}

}  // namespace contained::engine
