// What the worker of a job is asked by its control socket.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/signals.hpp"
#include "job/lines.hpp"
#include "job/worker.hpp"

namespace contained::job {
namespace {

using Op = protocol::Control::Op;
using Words = std::vector<std::string>;

struct Question {
  std::string_view word;
  Op op;
};
constexpr std::array kQuestions = {Question{"stats", Op::kStats}, Question{"limits", Op::kLimits},
                                   Question{"processes", Op::kProcesses},
                                   Question{"freeze", Op::kFreeze}, Question{"thaw", Op::kThaw}};

std::optional<Op> question_in(const Words& words) {
  const auto* const found =
      std::find_if(kQuestions.begin(), kQuestions.end(),
                   [&](const Question& known) { return known.word == words.front(); });
  if (found == kQuestions.end() || words.size() != 1) return std::nullopt;
  return found->op;
}

std::optional<std::vector<protocol::Limit>> limits_in(const Words& words) {
  std::vector<protocol::Limit> limits;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const auto equals = words[i].find('=');
    if (equals == std::string::npos) return std::nullopt;
    limits.push_back({words[i].substr(0, equals), words[i].substr(equals + 1)});
  }
  return limits;
}

std::string refusal(std::string_view code, const std::string& subject) {
  return error_answer("option", code, subject);
}

}  // namespace

void Worker::on_request(const Words& words, const Server::Reply& reply) {
  if (answer_at_once(words, reply)) return;
  if (phase_ != Phase::kRunning) return reply(error_answer("control", "esrch", plan_.job.name));
  if (words.front() == "signal") return pass_signal(words, reply);
  if (words.front() == "stop" || words.front() == "kill") return stop(words, reply);
  if (const auto op = question_in(words)) return ask({kCommand, 0, *op, {}, 0, {}, {}}, reply);
  const auto limits = limits_in(words);
  if (words.front() == "limits" && limits) {
    return ask({kCommand, 0, Op::kSetLimits, *limits, 0, {}, {}}, reply);
  }
  reply(refusal("einval", join_words(words)));
}

bool Worker::answer_at_once(const Words& words, const Server::Reply& reply) {
  if (words.size() != 1) return false;
  if (words.front() == "status") {
    reply(ok_answer(status()));
  } else if (words.front() == "reopen" && logger_) {
    logger_->reopen();
    reply(ok_answer());
  } else {
    return false;
  }
  return true;
}

std::vector<std::string> Worker::status() const {
  constexpr std::array kNames = {"starting", "starting", "running", "ending", "ending"};
  std::vector<std::string> lines = {
      fmt::format("state {}", kNames[static_cast<std::size_t>(phase_)]),
      fmt::format("log_dropped {}", logger_ ? logger_->dropped() : 0)};
  const auto record = record_of(job_);
  for (const auto& [key, value] : record.lines()) {
    lines.push_back(fmt::format("{} {}", key, escape(value)));
  }
  return lines;
}

// Answered by on(Answer), which comes before control() returns. Without |reply|: the places at the
// start.
void Worker::ask(protocol::Control request, const Server::Reply& reply) {
  const auto live = command();
  request.ref = ++last_ref_;
  replies_[request.ref] = reply;
  if (live) return live->control(request);
  replies_.erase(request.ref);
  if (reply) reply(error_answer("control", "esrch", plan_.job.name));
}

void Worker::on(const protocol::Answer& answer) {
  const auto asked = replies_.extract(answer.ref);
  if (!asked) return;
  if (!asked.mapped()) return announce(answer);
  asked.mapped()(answer_of(answer));
}

void Worker::pass_signal(const Words& words, const Server::Reply& reply) {
  const int number = words.size() > 1 ? signal_named(words[1]).value_or(0) : 0;
  const bool all = words.size() == 3 && words[2] == "all";
  const bool leader = words.size() == 2 || (words.size() == 3 && words[2] == "leader");
  if (number == 0 || !(all || leader)) return reply(refusal("einval", join_words(words)));
  signal_replies_.push(reply);
  command()->signal({kCommand, number, all ? protocol::Target::kAll : protocol::Target::kLeader});
}

void Worker::on(const protocol::Signaled& signaled) {
  // Those that we passed on ourselves have nobody who waits.
  if (signal_replies_.empty()) return;
  const auto reply = std::move(signal_replies_.front());
  signal_replies_.pop();
  reply(signaled.error.empty() ? ok_answer()
                               : error_answer("signal", signaled.error, plan_.job.name));
}

void Worker::stop(const Words& words, const Server::Reply& reply) {
  std::optional<protocol::Ladder> ladder;
  if (words.front() == "kill") ladder.emplace();
  if (words.size() > 1) ladder = parse_ladder(words[1]);
  const bool good = words.size() == 1 || (words.size() == 2 && ladder && words.front() == "stop");
  if (!good) return reply(refusal("einval", join_words(words)));
  reply(ok_answer());
  command()->stop(std::move(ladder));
}

}  // namespace contained::job
