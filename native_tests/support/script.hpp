// Actions of a session as text, so that a test reads as a conversation:
//   EXPECT_EQ(say(session, StopAsked{}), "signal 15 all, watch, timer 500");
#pragma once

#include <fmt/format.h>

#include <string>

#include "session/session.hpp"

namespace contained::session {

struct ActionText {
  std::string operator()(const Announce&) const { return "announce"; }
  std::string operator()(const ArmTimer& timer) const {
    return fmt::format("timer {}", timer.milliseconds);
  }
  std::string operator()(const SendSignal& signal) const {
    const bool all = signal.to == protocol::Target::kAll;
    return fmt::format("signal {} {}", signal.number, all ? "all" : "leader");
  }
  std::string operator()(const TellStuck&) const { return "stuck"; }
  std::string operator()(const KillGroup&) const { return "kill"; }
  std::string operator()(const CheckGroup&) const { return "check"; }
  std::string operator()(const WatchGroup&) const { return "watch"; }
  std::string operator()(const DrainStreams&) const { return "drain"; }
  std::string operator()(const DiscardStreams&) const { return "discard"; }
  std::string operator()(const Finish&) const { return "finish"; }
};

inline std::string text_of(const Actions& actions) {
  std::string text;
  for (const auto& action : actions) {
    if (!text.empty()) text += ", ";
    text += std::visit(ActionText{}, action);
  }
  return text;
}

inline std::string say(Session& session, const Input& input) {
  return text_of(session.resume(input));
}

}  // namespace contained::session
