// Lines: what is said on a job's control socket.
//
// A request is one line of words; in a word `\s` is a space, `\n` a newline and `\\` a backslash:
//
//     status                          how it is: lines
//     stats | processes | limits      what it uses, who is in it, what limits it: lines
//     limits KEY=VALUE...             sets them
//     signal NAME [all|leader]        sends a signal, to the leader unless said otherwise
//     stop [SIGNAL:MS,...]            begins to end it, with its own ladder or that one
//     kill                            the same without a ladder: SIGKILL
//     freeze | thaw                   holds it, and lets it go on
//     reopen                          opens its log files anew
//     watch                           from now on events are told
//
// The answer is `ok` or `error STAGE ERRNO SUBJECT`. Where lines follow `ok` they end with `.`, and
// one that begins with a dot has another before it. A process is `PID PPID START STATE NAME
// COMMAND`, in words. Events are `stuck` (the ladder is over and it lives) and `ended
// exited|signaled CODE REASON`. After the last one the socket is closed: the job is over, its
// result is written.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "protocol/message.hpp"

namespace contained::job {

std::string escape_word(std::string_view word);
std::vector<std::string> split_words(std::string_view line);
std::string join_words(const std::vector<std::string>& words);

std::string ok_answer();
std::string ok_answer(const std::vector<std::string>& lines);
std::string error_answer(std::string_view stage, std::string_view code, std::string_view subject);

/// By their names; EPROTO for a name that is none.
Error error_of(std::string_view stage, std::string_view code, std::string subject);

/// The error in a line of error_answer(), without its newline.
Error error_in(std::string_view line);

std::string answer_of(const protocol::Answer& answer);

/// "15:500,9:0". Nothing when it is none.
std::optional<protocol::Ladder> parse_ladder(std::string_view text);
std::string text_of(const protocol::Ladder& ladder);

}  // namespace contained::job
