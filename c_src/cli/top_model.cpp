#include "cli/top_model.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace contained::cli {
namespace {

using Count = std::optional<std::uint64_t>;

Count io_of(const TopSample& sample) {
  if (!sample.io_read && !sample.io_written) return std::nullopt;
  return sample.io_read.value_or(0) + sample.io_written.value_or(0);
}

// Counts of processes go back when one of them ends.
std::optional<double> rate(const Count& before, const Count& now, double seconds) {
  if (!before || !now || seconds <= 0) return std::nullopt;
  return *now < *before ? 0 : static_cast<double>(*now - *before) / seconds;
}

std::optional<double> share(const Count& part, std::uint64_t whole) {
  if (!part || whole == 0) return std::nullopt;
  return 100.0 * static_cast<double>(*part) / static_cast<double>(whole);
}

// What is not known comes last.
double weight(const TopRow& row, TopOrder order) {
  switch (order) {
    case TopOrder::kCpu:
      return row.cpu.value_or(-1);
    case TopOrder::kMemory:
      return row.sample.memory ? static_cast<double>(*row.sample.memory) : -1;
    case TopOrder::kProcesses:
      return static_cast<double>(row.sample.processes);
    case TopOrder::kName:
      break;
  }
  return 0;
}

}  // namespace

TopRow TopModel::row_of(TopSample sample, double seconds) const {
  TopRow row;
  const auto last = last_.find(sample.key);
  if (last != last_.end()) {
    const auto cpu_us = rate(last->second.cpu_us, sample.cpu_us, seconds);
    if (cpu_us) row.cpu = *cpu_us / 10'000;
    row.io_per_second = rate(last->second.io, io_of(sample), seconds);
  }
  row.memory = share(sample.memory, sample.memory_limit.value_or(memory_total_));
  row.sample = std::move(sample);
  return row;
}

void TopModel::take(TopSnapshot snapshot) {
  const auto key = rows_.empty() ? std::string() : rows_[chosen_].sample.key;
  const double seconds = static_cast<double>(snapshot.at_us - at_us_) / 1e6;
  memory_total_ = snapshot.memory_total;
  rows_.clear();
  for (auto& sample : snapshot.samples) rows_.push_back(row_of(std::move(sample), seconds));
  at_us_ = snapshot.at_us;
  last_.clear();
  for (const auto& row : rows_) last_[row.sample.key] = {row.sample.cpu_us, io_of(row.sample)};
  sort();
  find_chosen(key);
}

void TopModel::sort_by(TopOrder order) {
  order_ = order;
  if (rows_.empty()) return;
  const auto key = rows_[chosen_].sample.key;
  sort();
  find_chosen(key);
}

void TopModel::sort() {
  std::sort(rows_.begin(), rows_.end(), [this](const TopRow& left, const TopRow& right) {
    const double first = weight(left, order_);
    const double second = weight(right, order_);
    if (first != second) return first > second;
    return ::strverscmp(left.sample.name.c_str(), right.sample.name.c_str()) < 0;
  });
}

// Where it is gone, what is now in its place.
void TopModel::find_chosen(const std::string& key) {
  const auto found = std::find_if(rows_.begin(), rows_.end(),
                                  [&](const TopRow& row) { return row.sample.key == key; });
  if (chosen_ > 0 && found != rows_.end())
    chosen_ = static_cast<std::size_t>(found - rows_.begin());
  move(0);
}

void TopModel::move(int by) {
  const auto last = static_cast<std::int64_t>(rows_.size()) - 1;
  const auto target = static_cast<std::int64_t>(chosen_) + by;
  chosen_ = static_cast<std::size_t>(
      std::clamp<std::int64_t>(target, 0, std::max<std::int64_t>(last, 0)));
}

}  // namespace contained::cli
