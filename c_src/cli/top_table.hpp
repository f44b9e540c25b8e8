// The rows of `top` as text: lines of coloured pieces for a screen, a plain table, JSON.
#pragma once

#include <string>
#include <vector>

#include "cli/top_model.hpp"

namespace contained::cli {

/// How full something is: up to 70, up to 80 and above 80 percent.
enum class Level : std::uint8_t { kPlain, kGreen, kYellow, kRed };
Level level_of(double percent);

/// "[||||      ]": |width| columns, of |percent| of 100; full beyond.
std::string bar(double percent, int width);

struct Piece {
  std::string text;
  Level level = Level::kPlain;
};
using TopLine = std::vector<Piece>;

/// ASCII alone, so that a byte is a column; what cannot be shown is '?'.
std::string shown(std::string_view text);

/// Columns of names: as wide as they are, within limits.
int name_width(const std::vector<TopRow>& rows, int columns);

/// One line of the table and the one above it, for |columns|; longer ones are cut. The column by
/// which rows are sorted stands in capitals.
TopLine line_of(const TopRow& row, int name_columns, int columns);
std::string heading(TopOrder order, int name_columns, int columns);

/// "3 groups, 12 processes   cpu 41%   memory 1.2G of 8.0G"
std::string summary(const TopModel& model);

/// Without bars and colours, and with whole commands.
std::string plain_table(const TopModel& model);

/// {"memory_total": ..., "groups": [{"name": ..., "processes": ...}]} and a newline.
std::string json_table(const TopModel& model);

}  // namespace contained::cli
