#include "job/logger.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <utility>

#include "engine/live.hpp"

namespace contained::job {
namespace {

using engine::Descriptor;
using std::chrono::milliseconds;

constexpr char kReport[] = "log-report";
constexpr int kReportFd = 3;
constexpr milliseconds kLongestPause{5000};

// Ours whatever becomes of the file: the link of a process leads to what it executes.
constexpr char kThisProgram[] = "/proc/self/exe";

protocol::Start sink_command(protocol::Id id, const std::vector<std::string>& words) {
  protocol::Start start;
  start.id = id;
  start.program = kThisProgram;
  start.args = {"contained", "sink", "report=" + std::to_string(kReportFd)};
  start.args.insert(start.args.end(), words.begin(), words.end());
  start.cd = "/";
  start.in = protocol::Stdin::kLink;
  start.in_link = Logger::kLink;
  start.out = start.err = protocol::Output::kNull;
  start.fds = {{kReportFd, protocol::Fd::Kind::kLinkOut, kReport}};
  start.linger = protocol::Linger::kKill;
  return start;
}

// The words of a report; the last one is the rest of the line.
std::vector<std::string> report_words(const std::string& line, std::size_t most) {
  std::vector<std::string> words;
  std::size_t begin = 0;
  while (words.size() + 1 < most && line.find(' ', begin) != line.npos) {
    const auto end = line.find(' ', begin);
    words.push_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  words.push_back(line.substr(begin));
  return words;
}

protocol::Id id_in(const protocol::Event& event) {
  if (const auto* ended = std::get_if<protocol::Ended>(&event)) return ended->id;
  if (const auto* failed = std::get_if<protocol::Failed>(&event)) return failed->id;
  if (const auto* started = std::get_if<protocol::Started>(&event)) return started->id;
  if (const auto* signaled = std::get_if<protocol::Signaled>(&event)) return signaled->id;
  return 0;
}

}  // namespace

Logger::Logger(engine::asio::io_context& io, engine::Household& household, protocol::Id first_id,
               std::vector<std::string> words, Listener listener)
    : io_(io),
      household_(household),
      id_(first_id),
      words_(std::move(words)),
      listener_(std::move(listener)),
      timer_(io) {}

Status Logger::start() {
  household_.links().open(kLink);
  household_.links().open(kReport);
  const auto listening = listen();
  return listening ? launch() : listening;
}

Status Logger::listen() {
  auto reader = household_.links().reader(kReport);
  if (!reader) return reader.error();
  report_.emplace(io_, reader->release());
  await_report();
  return Done{};
}

Status Logger::launch() {
  const auto live = household_.start(sink_command(id_, words_));
  if (!live) return live.error();
  return Done{};
}

bool Logger::take(const protocol::Event& event) {
  const auto id = id_in(event);
  if (id < id_ || id == 0) return false;
  if (const auto* failed = std::get_if<protocol::Failed>(&event); failed != nullptr && !ready_) {
    fail({errno_named(failed->error).value_or(EIO), Stage::kExec, failed->subject});
  } else if (failed != nullptr || std::holds_alternative<protocol::Ended>(event)) {
    on_end();
  }
  return true;
}

void Logger::fail(const Error& error) {
  if (!std::exchange(failed_, true)) listener_.on_failed(error);
}

void Logger::on_end() {
  dropped_before_ += std::exchange(dropped_, 0);
  if (failed_) return;
  if (!ready_) return fail({EPIPE, Stage::kFile, "log"});
  if (!closing_) return relaunch_later();
  timer_.cancel();
  listener_.on_over();
}

void Logger::relaunch_later() {
  timer_.expires_after(pause_);
  pause_ = std::min(pause_ * 2, kLongestPause);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    ++id_;
    if (!launch()) relaunch_later();
  });
}

// The worker holds both ends of the link: it never comes to an end of file, and a read after the
// wait does not block.
void Logger::await_report() {
  report_->async_wait(Descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    std::array<char, 4096> bytes;
    const auto count = ::read(report_->native_handle(), bytes.data(), bytes.size());
    if (count > 0) unread_.append(bytes.data(), static_cast<std::size_t>(count));
    for (auto end = unread_.find('\n'); end != unread_.npos; end = unread_.find('\n')) {
      const auto line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      take_report(line);
    }
    await_report();
  });
}

void Logger::take_report(const std::string& line) {
  const auto words = report_words(line, 4);
  if (words[0] == "ready" && !std::exchange(ready_, true)) return listener_.on_ready();
  if (words[0] == "failed" && words.size() == 4 && !ready_) {
    return fail({errno_named(words[2]).value_or(EIO), Stage::kFile, words[3]});
  }
  if (words[0] != "counts" || words.size() < 3) return;
  std::uint64_t dropped = 0;
  std::from_chars(words[2].data(), words[2].data() + words[2].size(), dropped);
  dropped_ = std::max(dropped_, dropped);
}

void Logger::reopen() {
  const auto live = household_.find(id_);
  if (live) live->signal({id_, SIGHUP, protocol::Target::kLeader});
}

void Logger::close() {
  closing_ = true;
  // Between two lives: what is in the link is still to be written.
  const bool dead = !household_.find(id_);
  if (dead) ++id_;
  const bool lost = dead && !launch();
  household_.links().close(kLink);
  if (lost) return listener_.on_over();
  timer_.expires_after(kGrace);
  timer_.async_wait([this](const boost::system::error_code& error) {
    const auto live = household_.find(id_);
    if (!error && live) live->stop(protocol::Ladder{});
  });
}

}  // namespace contained::job
