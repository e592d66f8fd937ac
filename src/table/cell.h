#pragma once

#include <cstdint>
#include <string_view>

namespace aimass {

enum class CellKind : std::uint8_t { kNull, kBool, kNumber, kText, kTime };

/// One value, as the feature pipeline and JSON see it. A view: `text` points into its batch or
/// document.
struct Cell {
  CellKind kind = CellKind::kNull;
  double number = 0.0;         // kNumber; kBool: 0 or 1
  std::int64_t unix_us = 0;    // kTime: microseconds since 1970-01-01 UTC; a date is its midnight
  std::string_view text = {};  // kText

  static Cell Null() { return {}; }
  static Cell Bool(bool value) { return {.kind = CellKind::kBool, .number = value ? 1.0 : 0.0}; }
  static Cell Number(double value) { return {.kind = CellKind::kNumber, .number = value}; }
  static Cell Text(std::string_view value) { return {.kind = CellKind::kText, .text = value}; }
  static Cell Time(std::int64_t unix_us) { return {.kind = CellKind::kTime, .unix_us = unix_us}; }
};

}  // namespace aimass
