#include "engine/household.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <utility>

#include "base/proc.hpp"
#include "engine/last_resort.hpp"

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

}  // namespace

Household::Household(asio::io_context& io, const Place& place, Receiver& receiver, Options options)
    : io_(io),
      place_(place),
      options_(std::move(options)),
      null_(::open("/dev/null", O_RDWR | O_CLOEXEC)),
      environment_(::environ),
      reaper_(io, [this](int number) { on_signal(number); }),
      shared_{io_,
              receiver,
              reaper_,
              *place.ground,
              environment_,
              refused_,
              links_,
              sealer_,
              {.rlim_cur = 0, .rlim_max = 0},
              null_.get(),
              std::move(options_.directory),
              [this](protocol::Id id, Leftover leftover) { on_over(id, std::move(leftover)); }},
      leftover_timer_(io),
      guardian_timer_(io),
      end_timer_(io) {
  shared_.open_files = raise_open_files();
  process::probe(refused_);
}

Status Household::open() {
  auto started = reaper_.start();
  if (!started) return started;
  watch(place_.guardian, [this] { on_guardian_gone(); });
  return Done{};
}

Result<std::shared_ptr<Live>> Household::start(const protocol::Start& request) {
  if (place_.no_ground) return *place_.no_ground;
  auto live = Live::start(shared_, request);
  if (!live) return live;
  // The session may already be over; then on_over has come before and must not be undone.
  if (!(*live)->over()) sessions_.emplace(request.id, *live);
  watch_guardian();
  return live;
}

std::shared_ptr<Live> Household::find(protocol::Id id) const {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : found->second;
}

// ---- Who watches whom

void Household::watch(pid_t pid, std::function<void()> on_gone) {
  auto pidfd = process::open_pidfd(pid);
  if (!pidfd) {
    // Without pidfds end of file tells of the VM, and PR_SET_PDEATHSIG of the guardian.
    if (pidfd.error().code == ESRCH)
      asio::post(io_, std::move(on_gone));
    else
      refused_.pidfd_open = true;
    return;
  }
  watched_.push_back(std::make_unique<Descriptor>(io_, pidfd->release()));
  watched_.back()->async_wait(Descriptor::wait_read,
                              [gone = std::move(on_gone)](const boost::system::error_code& error) {
                                if (!error) gone();
                              });
}

// Looked at once a second while anything runs.
void Household::watch_guardian() {
  if (std::exchange(guardian_watched_, true)) return;
  guardian_timer_.expires_after(kGuardianTick);
  guardian_timer_.async_wait([this](const boost::system::error_code& error) {
    guardian_watched_ = false;
    if (!error) check_guardian();
  });
}

void Household::check_guardian() {
  const auto stat = read_proc_stat(place_.guardian);
  const bool stopped =
      !options_.guardian_may_stop && stat && (stat->state == 'T' || stat->state == 't');
  guardian_stopped_ticks_ = stopped ? guardian_stopped_ticks_ + 1 : 0;
  if (::getppid() != place_.guardian || guardian_stopped_ticks_ >= 2) return on_guardian_gone();
  if (!sessions_.empty()) watch_guardian();
}

void Household::on_signal(int number) {
  if (number != Reaper::kGuardianGone) return options_.on_signal(number);
  if (::getppid() != place_.guardian) on_guardian_gone();
}

// Half of the safety net is gone: nothing may run without it.
void Household::on_guardian_gone() {
  if (::getppid() == place_.guardian) ::kill(place_.guardian, SIGKILL);
  fmt::print(stderr, "contained: the guardian is gone, killing what runs\n");
  kill_everything(*place_.ground);
  std::_Exit(kExitInternal);
}

// ---- The end

void Household::close(std::function<bool()> told) {
  if (std::exchange(closing_, true)) return;
  told_ = std::move(told);
  links_.close_all();
  // A stop can end a session at once and take it out of the table.
  const auto sessions = sessions_;
  for (const auto& [id, live] : sessions) live->stop(std::nullopt);
  end_if_empty();
}

void Household::on_over(protocol::Id id, Leftover leftover) {
  sessions_.erase(id);
  if (!leftover.enclosure->tend(leftover.kill)) {
    leftovers_.push_back(std::move(leftover));
    tend_leftovers_later();
  }
  if (closing_) end_if_empty();
}

// Groups that were left on purpose are removed when they have become empty by themselves; those
// that SIGKILL did not empty are killed again.
void Household::tend_leftovers() {
  std::erase_if(leftovers_,
                [](const Leftover& leftover) { return leftover.enclosure->tend(leftover.kill); });
  if (!leftovers_.empty()) tend_leftovers_later();
}

void Household::tend_leftovers_later() {
  leftover_timer_.expires_after(kLeftoverTick);
  leftover_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) tend_leftovers();
  });
}

void Household::end_if_empty() {
  if (!sessions_.empty()) return;
  reaper_.kill_strays(*place_.ground);
  // What was left on purpose goes now; without groups its stub has to be told.
  std::erase_if(leftovers_,
                [](const Leftover& leftover) { return leftover.enclosure->tend(true); });
  const auto gone = place_.ground->destroy();
  const bool empty = leftovers_.empty() && (!gone || *gone);
  const bool over = empty || ++end_rounds_ > kMostEndRounds;
  if (over && told_()) return io_.stop();
  end_timer_.expires_after(kEndTick);
  end_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) end_if_empty();
  });
}

}  // namespace contained::engine
