#include "sink/sink.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string_view>
#include <variant>
#include <vector>

#include "sink/fd_outlet.hpp"
#include "sink/file_outlet.hpp"
#include "sink/options.hpp"
#include "sink/outlet.hpp"
#include "sink/report.hpp"
#include "sink/syslog_outlet.hpp"
#include "sink/tail_outlet.hpp"

namespace contained::sink {
namespace {

constexpr std::size_t kBuffer = 256U * 1024;
constexpr timespec kTick = {1, 0};

volatile sig_atomic_t hung_up = 0;
volatile sig_atomic_t told_to_end = 0;

void on_signal(int number) { (number == SIGHUP ? hung_up : told_to_end) = 1; }

void listen_to(int number, sigset_t& all) {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  ::sigaction(number, &action, nullptr);
  ::sigaddset(&all, number);
}

// Those that we listen to come while we wait for input only, so that no write is cut short. Returns
// the mask to wait with.
sigset_t prepare_signals(bool obey) {
  for (const int number : {SIGTERM, SIGINT, SIGQUIT, SIGPIPE, SIGXFSZ, SIGUSR1, SIGUSR2, SIGALRM}) {
    ::signal(number, SIG_IGN);
  }
  sigset_t heard = {};
  ::sigemptyset(&heard);
  listen_to(SIGHUP, heard);
  if (obey) {
    listen_to(SIGTERM, heard);
    listen_to(SIGINT, heard);
  }
  sigset_t mask = {};
  ::sigprocmask(SIG_BLOCK, &heard, &mask);
  for (const int number : {SIGHUP, SIGTERM, SIGINT}) ::sigdelset(&mask, number);
  return mask;
}

class Sink {
 public:
  Sink(const Options& options, const sigset_t& mask)
      : reports_(options.report), input_(options.input), mask_(mask) {
    for (const auto& each : options.sinks) {
      std::visit([this](const auto& sink) { add(sink); }, each);
    }
  }

  int run() {
    for (const auto& outlet : outlets_) {
      if (const auto opened = outlet->open(); !opened) return refuse(opened.error());
    }
    reports_.ready();
    while (told_to_end == 0 && step()) {
    }
    read_waiting();
    for (const auto& outlet : outlets_) outlet->finish(Moment::now());
    reports_.tell_counts();
    return 0;
  }

 private:
  void add(const FileOptions& options) {
    outlets_.push_back(std::make_unique<FileOutlet>(options, reports_));
  }
  void add(const SyslogOptions& options) {
    outlets_.push_back(std::make_unique<SyslogOutlet>(options, reports_));
  }
  void add(const FdOptions& options) {
    if (options.tail)
      outlets_.push_back(std::make_unique<TailOutlet>(options, reports_));
    else
      outlets_.push_back(std::make_unique<FdOutlet>(options, reports_));
  }

  int refuse(const Error& error) {
    if (reports_.heard())
      reports_.failed(error);
    else
      fmt::print(stderr, "{}: {}\n", program_invocation_short_name, error.message());
    return 1;
  }

  // False at the end of the input.
  bool step() {
    const bool readable = wait();
    const auto now = Moment::now();
    if (hung_up != 0) {
      hung_up = 0;
      for (const auto& outlet : outlets_) outlet->reopen(now);
    }
    for (const auto& outlet : outlets_) outlet->tick(now);
    reports_.tick(now);
    return !readable || read(now);
  }

  // What had come when we were told to end.
  void read_waiting() {
    int waiting = 0;
    if (told_to_end == 0 || ::ioctl(input_, FIONREAD, &waiting) < 0) return;
    const auto end = reports_.count_of_read() + static_cast<std::uint64_t>(waiting);
    while (reports_.count_of_read() < end && read(Moment::now())) {
    }
  }

  bool wait() {
    pollfd input = {input_, POLLIN, 0};
    return ::ppoll(&input, 1, restless() ? &kTick : nullptr, &mask_) > 0;
  }

  bool restless() const {
    if (reports_.has_news()) return true;
    for (const auto& outlet : outlets_) {
      if (outlet->restless()) return true;
    }
    return false;
  }

  bool read(const Moment& now) {
    const auto count = ::read(input_, buffer_.get(), kBuffer);
    if (count < 0) return errno == EINTR || errno == EAGAIN;
    const std::string_view text(buffer_.get(), static_cast<std::size_t>(count));
    reports_.count_read(text.size());
    if (count == 0) return false;
    for (const auto& outlet : outlets_) outlet->write(text, now);
    return true;
  }

  Reports reports_;
  int input_;
  sigset_t mask_;
  std::vector<std::unique_ptr<Outlet>> outlets_;
  // Not zeroed: a daemon that writes little takes little.
  std::unique_ptr<char[]> buffer_ = std::make_unique_for_overwrite<char[]>(kBuffer);
};

}  // namespace

int run(std::span<char* const> words) {
  const auto options = parse_options(words);
  if (!options) {
    fmt::print(stderr, "{}: sink: unknown word {}\n", program_invocation_short_name,
               options.error().subject);
    return kExitUsage;
  }
  const auto mask = prepare_signals(options->obey);
  return Sink(*options, mask).run();
}

}  // namespace contained::sink
