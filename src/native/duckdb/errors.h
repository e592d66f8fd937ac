#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace aimass::duckdb {

/// What DuckDB says about a failure, taken apart.
struct Failure {
  std::string type;     // "Parser", "Binder", "Conversion" …; any case
  std::string message;  // its English text
  std::string name;     // what was not found, if that is the failure
  std::vector<std::string> candidates;
  // From the start of the statement: of a parser error in characters, else in bytes.
  std::optional<std::size_t> position;
};

/// The failure in words of ours, with a hint, and with line and column where `sql` is the text that
/// it counts its position in. What we have no words for is quoted: without DuckDB's drawing of the
/// place, its names for our tables, and advice to change settings, which nobody can here.
[[nodiscard]] Error ErrorOf(const Failure& failure, std::string_view sql = {});

/// The same for the text of an error ("Binder Error: …"), plain or, as Database::Open asks for,
/// with JSON behind the colon.
[[nodiscard]] Error ErrorFromText(std::string_view text, std::string_view sql = {});

}  // namespace aimass::duckdb
