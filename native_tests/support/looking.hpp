// Waiting for what a test has started.
#pragma once

#include <poll.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

namespace contained::test {

/// Asks |condition| every few milliseconds until it holds; false when it did not within a minute.
inline bool before_long(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    ::poll(nullptr, 0, 3);
  }
  return true;
}

/// Whether there is such a process, dead ones that nobody has reaped not counted.
inline bool lives(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(stat, text)) return false;
  const auto state = text.rfind(") ");
  return state != std::string::npos && text[state + 2] != 'Z' && text[state + 2] != 'X';
}

inline bool dies(pid_t pid) {
  return before_long([pid] { return !lives(pid); });
}

/// The content of a file; empty when it is not there.
inline std::string content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

/// The number that a command writes to |path|, and a newline, when it does.
inline pid_t pid_in(const std::string& path) {
  std::string text;
  before_long([&] { return (text = content(path)).ends_with('\n'); });
  return text.empty() ? 0 : std::stoi(text);
}

/// Live processes whose environment holds |text|.
inline std::vector<pid_t> processes_with(const std::string& text) {
  std::vector<pid_t> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const auto name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const bool marked = content(entry.path() / "environ").find(text) != std::string::npos;
    if (marked && lives(std::stoi(name))) found.push_back(std::stoi(name));
  }
  return found;
}

}  // namespace contained::test
