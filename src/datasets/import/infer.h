#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "table/schema.h"

namespace aimass {

/// Finds the type of a column of text, and converts by it.
///
/// Each type is a rule that every value of the column passes or not: a candidate. Reading more rows
/// can only take candidates away, so what a sample leaves is all that can be, and "the first
/// candidate that every row passes" is the same whether all rows are asked at once, or a sample
/// proposes and the rest verifies.
///
/// In this order: boolean (true, false), bigint, double, each also with groups of three digits and
/// double also as an amount of one currency or a percentage; date, timestamp, timestamp with time
/// zone, text. Codes stay text: 00123, +8613…, and digits beyond 64 bits or, among decimals, beyond
/// 2^53. Dates that could be day-first or month-first on every row stay text.
/// docs/formats/dataset.md
using Candidates = std::uint64_t;

/// The formats of date that are tried; each comes as date, as timestamp and as timestamp with zone.
enum class DateShape : std::uint8_t {
  kYmdDash,
  kYmdSlash,
  kYmdDot,
  kYmdChinese,
  kYmdAny,  // the year first, however it is written: several of these in one column
  kMdySlash,
  kDmySlash,
  kMdyDash,
  kDmyDash,
  kDmyDot,
  kDmyName,
};
inline constexpr int kDateShapes = 11;

struct InferOptions {
  std::vector<std::string>
      nulls;  // texts that are null everywhere; empty: those of DefaultNull, except in text
  char decimal = '.';               // ',' : numbers such as 1,5
  std::string date_order = "auto";  // "auto", "dmy", "mdy"
  bool groups = true;               // whether 1,234 is a number
};

/// All that a column can be at first.
[[nodiscard]] Candidates AllCandidates(const InferOptions& options);
/// Those that give `type` (an append to a column of that type); 0 where text cannot become it.
/// `loose`: the user says that it is a number, so 00123 is 123.
[[nodiscard]] Candidates CandidatesFor(const Type& type, const InferOptions& options,
                                       bool loose = false);
/// Which of `among` the value passes.
[[nodiscard]] Candidates Passing(std::string_view value, Candidates among);
/// The empty text, and the usual words for "nothing": NA, N/A, NULL, NaN, None, \N, #N/A.
[[nodiscard]] bool DefaultNull(std::string_view value);

/// One candidate that converts: the type it gives and how.
struct Conversion {
  Type type{.kind = TypeKind::kText};
  int candidate = -1;  // -1: text as it stands
};
/// What remains of `candidates` after all rows, of which `real` held more than nothing.
/// `ambiguous` is set where only day-first and month-first are left: then it is text.
[[nodiscard]] Conversion Choose(Candidates candidates, std::int64_t real, bool* ambiguous);

/// The conversion of the first candidate; text where there is none.
[[nodiscard]] Conversion FirstOf(Candidates candidates);
/// The candidate of a conversion as a set; none for text.
[[nodiscard]] Candidates CandidateBit(const Conversion& conversion);
/// Which of `possible` could still change the choice of `conversion`, were they to pass every row:
/// those before it, and dates of another order. All of them for text.
[[nodiscard]] Candidates OpenBeside(Candidates possible, const Conversion& conversion);

/// A converted value; `integer` for kInt64 and kBool, Unix microseconds for dates and timestamps.
struct Converted {
  bool ok = false;
  std::int64_t integer = 0;
  double number = 0.0;
};
[[nodiscard]] Converted Convert(std::string_view value, int candidate);

/// What a reader of the table should know about values that are stored otherwise than they stand
/// in the text: percentages, money, groups of digits.
[[nodiscard]] std::optional<Message> HowStored(const Conversion& conversion,
                                               std::string_view column);

/// Column names as a table can have them: empty ones become column1, column2 … by position; of
/// several that are equal regardless of case the later ones get _2, _3 …. `warnings` says what was
/// changed.
[[nodiscard]] std::vector<std::string> UniqueNames(const std::vector<std::string>& names,
                                                   std::vector<Message>* warnings);

}  // namespace aimass
