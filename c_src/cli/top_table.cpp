#include "cli/top_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/units.hpp"

namespace contained::cli {
namespace {

constexpr int kBar = 12;
constexpr int kNarrowestName = 12;
constexpr int kWidestName = 32;
constexpr double kYellowFrom = 70;
constexpr double kRedFrom = 80;

std::string percent_text(const std::optional<double>& percent) {
  return percent ? fmt::format("{:.1f}", *percent) : "-";
}

std::string size_text(const std::optional<std::uint64_t>& bytes) {
  return bytes ? format_size(*bytes) : "-";
}

std::string rate_text(const std::optional<double>& bytes) {
  return bytes ? format_size(static_cast<std::uint64_t>(*bytes)) : "-";
}

Piece bar_piece(const std::optional<double>& percent) {
  return {" " + bar(percent.value_or(0), kBar), level_of(percent.value_or(0))};
}

std::string title(std::string text, bool sorted) {
  if (!sorted) return text;
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
  return text;
}

void cut_at_edge(TopLine& pieces, int columns) {
  auto left = static_cast<std::size_t>(std::max(columns, 0));
  for (auto& piece : pieces) {
    piece.text.resize(std::min(piece.text.size(), left));
    left -= piece.text.size();
  }
}

template <class Value>
nlohmann::ordered_json or_null(const std::optional<Value>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
}

nlohmann::ordered_json json_of_row(const TopRow& row) {
  const auto& sample = row.sample;
  nlohmann::ordered_json json = {{"kind", sample.is_job() ? "job" : "command"}};
  json["name"] = shown(sample.name);
  if (sample.is_job()) {
    json["namespace"] = sample.space;
    json["job"] = sample.job;
  }
  json["processes"] = sample.processes;
  json["cpu_percent"] = or_null(row.cpu);
  json["cpu_us"] = or_null(sample.cpu_us);
  json["memory"] = or_null(sample.memory);
  json["memory_limit"] = or_null(sample.memory_limit);
  json["memory_percent"] = or_null(row.memory);
  json["io_read_bytes"] = or_null(sample.io_read);
  json["io_written_bytes"] = or_null(sample.io_written);
  json["io_per_second"] = or_null(row.io_per_second);
  json["uptime_ms"] = sample.age_ms;
  json["command"] = sample.command;
  json["groups"] = nlohmann::ordered_json::array();
  for (const auto& group : sample.groups) json["groups"].push_back(group.path);
  return json;
}

}  // namespace

Level level_of(double percent) {
  if (percent > kRedFrom) return Level::kRed;
  return percent > kYellowFrom ? Level::kYellow : Level::kGreen;
}

std::string bar(double percent, int width) {
  const int inside = std::max(width - 2, 0);
  const int full = static_cast<int>(std::lround(std::clamp(percent, 0.0, 100.0) / 100 * inside));
  return fmt::format("[{}{}]", std::string(static_cast<std::size_t>(full), '|'),
                     std::string(static_cast<std::size_t>(inside - full), ' '));
}

std::string shown(std::string_view text) {
  std::string ascii(text);
  std::replace_if(
      ascii.begin(), ascii.end(), [](unsigned char letter) { return letter < 32 || letter > 126; },
      '?');
  return ascii;
}

int name_width(const std::vector<TopRow>& rows, int columns) {
  std::size_t widest = kNarrowestName;
  for (const auto& row : rows) widest = std::max(widest, row.sample.name.size());
  const int most = std::clamp(columns - 50, kNarrowestName, kWidestName);
  return std::min(static_cast<int>(widest), most);
}

TopLine line_of(const TopRow& row, int name_columns, int columns) {
  const auto& sample = row.sample;
  const auto name = shown(sample.name);
  TopLine pieces = {{fmt::format("{:<{}.{}} {:>5} {:>6}", name, name_columns, name_columns,
                                 sample.processes, percent_text(row.cpu))},
                    bar_piece(row.cpu),
                    {fmt::format(" {:>6}", size_text(sample.memory))},
                    bar_piece(row.memory),
                    {fmt::format(" {:>6} {:>7} {}", format_time(sample.age_ms),
                                 rate_text(row.io_per_second), shown(sample.command))}};
  cut_at_edge(pieces, columns);
  return pieces;
}

std::string heading(TopOrder order, int name_columns, int columns) {
  auto line = fmt::format("{:<{}} {:>5} {:>6} {:<{}} {:>6} {:<{}} {:>6} {:>7} command",
                          title("name", order == TopOrder::kName), name_columns,
                          title("procs", order == TopOrder::kProcesses),
                          title("cpu%", order == TopOrder::kCpu), "", kBar,
                          title("mem", order == TopOrder::kMemory), "", kBar, "up", "io/s");
  line.resize(static_cast<std::size_t>(std::max(columns, 0)), ' ');
  return line;
}

std::string summary(const TopModel& model) {
  std::uint64_t processes = 0;
  std::uint64_t memory = 0;
  double cpu = 0;
  for (const auto& row : model.rows()) {
    processes += row.sample.processes;
    memory += row.sample.memory.value_or(0);
    cpu += row.cpu.value_or(0);
  }
  const auto count = model.rows().size();
  return fmt::format("{} group{}, {} process{}   cpu {:.0f}%   memory {} of {}", count,
                     count == 1 ? "" : "s", processes, processes == 1 ? "" : "es", cpu,
                     format_size(memory), format_size(model.memory_total()));
}

std::string plain_table(const TopModel& model) {
  std::size_t width = kNarrowestName;
  for (const auto& row : model.rows()) width = std::max(width, row.sample.name.size());
  auto table = fmt::format("{:<{}} {:>5} {:>6} {:>6} {:>6} {:>6} {:>7} {}\n", "NAME", width,
                           "PROCS", "CPU%", "MEM", "MEM%", "UP", "IO/S", "COMMAND");
  for (const auto& row : model.rows()) {
    const auto& sample = row.sample;
    table += fmt::format("{:<{}} {:>5} {:>6} {:>6} {:>6} {:>6} {:>7} {}\n", shown(sample.name),
                         width, sample.processes, percent_text(row.cpu), size_text(sample.memory),
                         percent_text(row.memory), format_time(sample.age_ms),
                         rate_text(row.io_per_second), shown(sample.command));
  }
  return table;
}

std::string json_table(const TopModel& model) {
  nlohmann::ordered_json json = {{"memory_total", model.memory_total()}};
  json["groups"] = nlohmann::ordered_json::array();
  for (const auto& row : model.rows()) json["groups"].push_back(json_of_row(row));
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace contained::cli
