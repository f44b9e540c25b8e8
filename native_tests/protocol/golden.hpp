// The golden frames of test/fixtures/frames.txt, and hex.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace contained::protocol {

struct GoldenFrame {
  bool down = false;
  std::string name;  ///< less the mark of a spelling, "@utf8"
  std::string bytes;
  std::string term;
};

inline std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (; hex.size() >= 2; hex.remove_prefix(2)) {
    int byte = 0;
    std::from_chars(hex.data(), hex.data() + 2, byte, 16);
    bytes.push_back(static_cast<char>(byte));
  }
  return bytes;
}

inline std::string to_hex(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) hex += fmt::format("{:02X}", static_cast<unsigned char>(c));
  return hex;
}

inline std::vector<GoldenFrame> golden_frames() {
  std::ifstream file(CONTAINED_FIXTURES_DIR "/frames.txt");
  std::vector<GoldenFrame> frames;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::istringstream fields(line);
    std::string way, name, hex, term;
    fields >> way >> name >> hex;
    std::getline(fields >> std::ws, term);
    frames.push_back({way == "down", name.substr(0, name.find('@')), from_hex(hex), term});
  }
  return frames;
}

}  // namespace contained::protocol
