#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/features/encoder.h"
#include "models/features/rows.h"

// What a column holds, as far as its encoding depends on it.
namespace aimass::features {

struct ColumnFacts {
  std::size_t rows = 0;
  std::size_t present = 0;        // rows that are not missing
  std::size_t distinct = 0;       // of numbers with fractions: 1, or as many as are present
  bool text = false;              // cells are text
  std::size_t numbers = 0;        // text cells that read as numbers
  std::size_t leading_zeros = 0;  // of these, written like 0042
  std::size_t times = 0;          // text cells that read as times
  double mean_tokens = 0.0;
  double mean_characters = 0.0;
  bool integers = true;         // all numbers are whole
  bool strictly_rising = true;  // or falling, in row order
  double low = 0.0, high = 0.0;
};

enum class ColumnRole : std::uint8_t { kNumber, kCategory, kTarget, kTime, kText };

[[nodiscard]] ColumnFacts Analyse(const RowTable& table, std::span<const std::uint32_t> rows,
                                  std::size_t column);

/// What the column is taken for.
[[nodiscard]] ColumnRole RoleOf(const Type& type, const ColumnFacts& facts);

/// Why the column is no feature; nullopt where it may be one.
[[nodiscard]] std::optional<Message> WhyUseless(const ColumnInfo& column, const ColumnFacts& facts,
                                                ColumnRole role);

/// Whether the column alone gives the target away; nullopt where not. The message has the evidence.
/// target: [rows], class number or value.
[[nodiscard]] std::optional<Message> WhyGivesAway(const RowTable& table,
                                                  std::span<const std::uint32_t> rows,
                                                  std::size_t column, ColumnRole role,
                                                  std::span<const float> target, TaskKind task,
                                                  std::size_t classes);

/// At most this many categories get codes; more are encoded by their mean target.
inline constexpr std::size_t kMaxCodes = 64;

}  // namespace aimass::features
