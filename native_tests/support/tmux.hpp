// A terminal: a tmux server of its own with one window, in which a command runs.
#pragma once

#include <poll.h>

#include <chrono>
#include <string>
#include <vector>

#include "support/program.hpp"
#include "support/temp_dir.hpp"

namespace contained::test {

class Tmux {
 public:
  using Words = std::vector<std::string>;

  Tmux() = default;
  Tmux(const Tmux&) = delete;
  Tmux& operator=(const Tmux&) = delete;
  ~Tmux() { close(); }

  /// Runs |command| by a shell in a window of that size; what is wrong when there is no tmux.
  std::string open(int columns, int rows, const std::string& command) const {
    const auto came = ask({"-f", "/dev/null", "new-session", "-d", "-x", std::to_string(columns),
                           "-y", std::to_string(rows), command});
    return came.code() == 0 ? "" : "needs tmux: " + came.err;
  }

  /// As if its window was closed.
  void close() const { ask({"kill-server"}); }

  void key(const std::string& name) const { ask({"send-keys", name}); }
  /// A line, and Enter.
  void type(const std::string& line) const { ask({"send-keys", "-l", "--", line}), key("Enter"); }
  /// Without Enter.
  void write(const std::string& text) const { ask({"send-keys", "-l", "--", text}); }
  void resize(int columns, int rows) const {
    ask({"resize-window", "-x", std::to_string(columns), "-y", std::to_string(rows)});
  }
  std::string screen() const { return ask({"capture-pane", "-p"}).out; }
  std::string coloured() const { return ask({"capture-pane", "-p", "-e"}).out; }

  /// Waits until |text| is (not) to be seen; false when that takes more than a minute.
  bool shows(const std::string& text) const { return await(text, true); }
  bool hides(const std::string& text) const { return await(text, false); }

 private:
  Came ask(Words words) const {
    words.insert(words.begin(), {"/usr/bin/tmux", "-S", directory_.path("socket")});
    // The tracer of LeakSanitizer dies of a closed window's SIGHUP, and who is to be looked at
    // waits for it for ever.
    return run_program(
        {.words = std::move(words),
         .env = {{"TERM", "xterm"}, {"LC_ALL", "C.UTF-8"}, {"ASAN_OPTIONS", "detect_leaks=0"}}});
  }

  bool await(const std::string& text, bool there) const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while ((screen().find(text) != std::string::npos) != there) {
      if (std::chrono::steady_clock::now() > end) return false;
      ::poll(nullptr, 0, 20);
    }
    return true;
  }

  TempDir directory_;
};

}  // namespace contained::test
