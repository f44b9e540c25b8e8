#include "job/worker.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "base/proc.hpp"
#include "engine/not_started.hpp"
#include "job/lines.hpp"

namespace contained::job {
namespace {

namespace asio = engine::asio;

std::vector<cgroup::Address> addresses_in(const protocol::Answer& answer) {
  std::vector<cgroup::Address> addresses;
  const auto* rows = std::get_if<std::vector<protocol::PlaceRow>>(&answer.what);
  if (rows == nullptr) return addresses;
  for (const auto& row : *rows) addresses.push_back({row.controllers, row.path, row.inode, {}});
  return addresses;
}

engine::Household::Options options_of(const Plan& plan, std::function<void(int)> on_signal) {
  engine::Household::Options options;
  options.directory = plan.foreground ? "" : plan.job.cwd;
  options.guardian_may_stop = plan.foreground;
  options.on_signal = std::move(on_signal);
  return options;
}

}  // namespace

Worker::Worker(asio::io_context& io, const engine::Place& place, const Plan& plan, int directory,
               UniqueFd told)
    : io_(io),
      plan_(plan),
      directory_(directory),
      told_(std::move(told)),
      job_(plan.job),
      household_(io, place, *this,
                 options_of(plan,
                            [this](int number) {
                              // In the foreground the front passes them on, those of the terminal
                              // apart.
                              if (!plan_.foreground) on_signal(number);
                            })),
      server_(io, [this](const auto& words, auto reply) { on_request(words, reply); }) {
  job_.boot_id = boot_id();
  job_.pid_namespace = pid_namespace();
  job_.guardian = mark_of(place.guardian);
  job_.worker = mark_of(::getpid());
  job_.containment = cgroup::name(place.ground->kind());
  job_.started_ms = now_ms();
}

int Worker::run(engine::FrontSignals& signals) {
  const auto opened = open();
  if (!opened) fail(opened.error());
  signals.listen([this](int number) { on_signal(number); });
  io_.run();
  return exit_code_;
}

Status Worker::open() {
  auto opened = household_.open();
  if (opened) opened = server_.open(directory_);
  if (!opened) return opened;
  if (plan_.log.empty()) {
    asio::post(io_, [this] { start_command(); });
    return opened;
  }
  // Out of the events that they come with: those end what is told of.
  Logger::Listener listener{
      [this] { start_command(); },
      [this](const Error& error) { asio::post(io_, [this, error] { fail(error); }); },
      [this] { asio::post(io_, [this] { end(); }); }};
  logger_.emplace(io_, household_, kCommand + 1, plan_.log, std::move(listener));
  return logger_->start();
}

void Worker::start_command() {
  if (phase_ != Phase::kOpening) return;
  phase_ = Phase::kStarting;
  auto start = plan_.start;
  start.id = kCommand;
  start.keep_session = plan_.foreground;
  start.in = plan_.foreground ? protocol::Stdin::kInherit : protocol::Stdin::kNull;
  start.out = plan_.foreground ? protocol::Output::kInherit : protocol::Output::kNull;
  start.err = start.out;
  if (logger_) {
    start.out = protocol::Output::kLink;
    start.out_link = Logger::kLink;
    start.err = protocol::Output::kStdout;
  }
  const auto live = household_.start(start);
  if (!live) fail(live.error());
}

// ---- What becomes of it

void Worker::send(const protocol::Event& event) {
  if (logger_ && logger_->take(event)) return;
  std::visit([this](const auto& what) { on(what); }, event);
}

void Worker::on(const protocol::Started& started) {
  job_.leader = mark_of(static_cast<pid_t>(started.os_pid));
  job_.leader.pid = static_cast<pid_t>(started.os_pid);
  ask({kCommand, 0, protocol::Control::Op::kPlaces, {}, 0, {}, {}}, nullptr);
}

// Who is told that it runs finds it in the files.
void Worker::announce(const protocol::Answer& places) {
  job_.groups = addresses_in(places);
  phase_ = Phase::kRunning;
  const auto written = write_record(directory_, kJobFile, record_of(job_));
  if (!written) {
    fail(written.error());
    return;
  }
  tell(fmt::format("started {}\n", job_.leader.pid));
  if (plan_.on_started) plan_.on_started();
}

void Worker::on(const protocol::Failed& failed) {
  asio::post(io_, [this, error = engine::error_of(failed)] { fail(error); });
}

void Worker::on(const protocol::Ended& ended) {
  if (phase_ != Phase::kRunning) return;
  phase_ = Phase::kEnding;
  outcome_ = outcome_of(ended, job_.started_ms);
  exit_code_ = outcome_->status();
  asio::post(io_, [this] { finish(); });
}

void Worker::on(const protocol::Stuck&) { server_.tell("stuck\n"); }

// The log first: whoever is told of the end finds all of it there.
void Worker::finish() {
  if (logger_) return logger_->close();
  end();
}

void Worker::end() {
  if (std::exchange(phase_, Phase::kOver) == Phase::kOver) return;
  if (outcome_) {
    if (logger_) outcome_->log_dropped = logger_->dropped();
    // Without it the guardian writes one, and says so.
    (void)write_record(directory_, kResultFile, record_of(*outcome_));
    server_.tell(fmt::format("ended {} {} {}\n", outcome_->exited ? "exited" : "signaled",
                             outcome_->code, outcome_->reason));
  }
  if (logger_) logger_->abandon();
  server_.close();
  (void)::unlinkat(directory_, kControlFile, 0);
  household_.close([] { return true; });
}

void Worker::fail(const Error& error) {
  if (phase_ == Phase::kOver) return;
  exit_code_ = engine::exit_code_of(error);
  tell(error_answer(name(error.stage), errno_name(error.code), error.subject));
  (void)::unlinkat(directory_, kJobFile, 0);
  outcome_.reset();
  end();
}

void Worker::tell(const std::string& line) {
  if (!told_) return;
  (void)!::write(told_.get(), line.data(), line.size());
  told_.reset();
}

// In the foreground a job is like any command; in the background nobody but an administrator or the
// system at its end sends signals to its keeper.
void Worker::on_signal(int number) {
  const auto live = command();
  if (!live) return;
  if (plan_.foreground) return live->signal({kCommand, number, protocol::Target::kLeader});
  if (number == SIGHUP && logger_) return logger_->reopen();
  const bool end = number == SIGTERM || number == SIGINT || number == SIGQUIT;
  if (end) live->stop(std::nullopt);
}

}  // namespace contained::job
