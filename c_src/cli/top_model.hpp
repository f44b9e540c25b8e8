// What `top` shows, decided without a look at the machine: samples become rows with rates, sorted,
// one of them chosen.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cgroup/quarters.hpp"

namespace contained::cli {

/// One group at one moment. What is not counted here is not there.
struct TopSample {
  std::string key;    ///< the same for the same group in every snapshot, and for no other
  std::string name;   ///< as it is shown
  std::string space;  ///< namespace of a job; empty: a launcher's
  std::string job;
  std::vector<cgroup::Address> groups;
  std::uint64_t processes = 0;
  std::optional<std::uint64_t> cpu_us;
  std::optional<std::uint64_t> memory;
  std::optional<std::uint64_t> memory_limit;
  std::optional<std::uint64_t> io_read;
  std::optional<std::uint64_t> io_written;
  std::uint64_t age_ms = 0;
  std::string command;

  bool is_job() const { return !job.empty(); }
};

struct TopSnapshot {
  std::uint64_t at_us = 0;  ///< of a clock that never goes back
  std::uint64_t memory_total = 0;
  std::vector<TopSample> samples;
};

struct TopRow {
  TopSample sample;
  std::optional<double> cpu;            ///< percent of one CPU; nothing in a group's first snapshot
  std::optional<double> memory;         ///< percent of its limit, else of the machine
  std::optional<double> io_per_second;  ///< bytes read and written
};

enum class TopOrder : std::uint8_t { kCpu, kMemory, kProcesses, kName };

class TopModel {
 public:
  /// Shows |snapshot|, with rates since the last one.
  void take(TopSnapshot snapshot);

  /// From the largest, or by name; those that are equal by name.
  void sort_by(TopOrder order);
  TopOrder order() const { return order_; }

  const std::vector<TopRow>& rows() const { return rows_; }
  std::uint64_t memory_total() const { return memory_total_; }

  /// Chooses the row so many below (above) the chosen one, the first or the last at most. The
  /// choice stays with its group as long as that is there; the first row is whatever is first.
  void move(int by);
  std::size_t chosen() const { return chosen_; }  ///< index; 0 without rows

 private:
  struct Counted {
    std::optional<std::uint64_t> cpu_us;
    std::optional<std::uint64_t> io;
  };
  TopRow row_of(TopSample sample, double seconds) const;
  void sort();
  void find_chosen(const std::string& key);

  TopOrder order_ = TopOrder::kCpu;
  std::vector<TopRow> rows_;
  std::size_t chosen_ = 0;
  std::uint64_t at_us_ = 0;
  std::uint64_t memory_total_ = 0;
  std::unordered_map<std::string, Counted> last_;
};

}  // namespace contained::cli
