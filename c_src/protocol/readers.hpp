// Readers of single values, shared by the two decoding files (codec.cpp, decode_spec.cpp): each
// takes one value off the term and is false when it is not what it should be.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/codec.hpp"
#include "protocol/message.hpp"
#include "protocol/term.hpp"

namespace contained::protocol {

// The row of |table| called |name|, or nullptr.
template <class Table>
const typename Table::value_type* find(const Table& table, std::string_view name) {
  const auto* row =
      std::find_if(table.begin(), table.end(), [&](const auto& each) { return each.name == name; });
  return row == table.end() ? nullptr : row;
}

template <class T>
struct Named {
  std::string_view name;
  T value;
};

inline constexpr std::array kTargets = {Named<Target>{"all", Target::kAll},
                                        Named<Target>{"leader", Target::kLeader}};
inline constexpr std::array kBooleans = {Named<bool>{"true", true}, Named<bool>{"false", false}};

template <class Table, class T>
bool read_choice(TermReader& in, const Table& table, T& out) {
  const auto name = in.atom();
  const auto* row = name ? find(table, *name) : nullptr;
  if (row != nullptr) out = row->value;
  return row != nullptr;
}

template <class T>
bool read_number(TermReader& in, std::uint64_t low, std::uint64_t high, T& out) {
  const auto value = in.integer();
  if (!value || *value < 0) return false;
  const auto number = static_cast<std::uint64_t>(*value);
  if (number < low || number > high) return false;
  out = static_cast<T>(number);
  return true;
}

inline bool read_terminal_size(TermReader& in, TerminalSize& out) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint16_t>::max();
  return read_number(in, 1, kMost, out.rows) && read_number(in, 1, kMost, out.columns);
}

// Text for the kernel, which ends it at a NUL.
inline bool read_text(TermReader& in, std::string& out) {
  const auto text = in.binary();
  if (!text || text->find('\0') != std::string_view::npos) return false;
  out = *text;
  return true;
}

inline bool read_link_name(TermReader& in, std::string& out) {
  return read_text(in, out) && !out.empty() && out.size() <= kMaxLinkName;
}

template <class Element>
bool read_list(TermReader& in, Element element) {
  const auto count = in.list();
  if (!count) return false;
  for (std::size_t i = 0; i < *count; ++i) {
    if (!element()) return false;
  }
  return in.end_list(*count);
}

inline bool read_ladder(TermReader& in, Ladder& out) {
  out.clear();
  return read_list(in, [&] {
    Rung rung;
    if (out.size() == kMaxRungs || in.tuple() != 2U) return false;
    if (!read_number(in, 1, kMaxSignal, rung.signal)) return false;
    if (!read_number(in, 0, kMaxGraceMs, rung.grace_ms)) return false;
    out.push_back(rung);
    return true;
  });
}

inline bool read_limits(TermReader& in, std::vector<Limit>& out) {
  return read_list(in, [&] {
    auto& [key, value] = out.emplace_back();
    return in.tuple() == 2U && read_text(in, key) && !key.empty() && read_text(in, value);
  });
}

}  // namespace contained::protocol
