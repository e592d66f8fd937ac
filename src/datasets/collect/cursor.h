#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "sources/connector.h"

namespace aimass {

/// How a dataset is collected by a column that grows: from the greatest value that was seen, less
/// an overlap for rows that came late. docs/decisions/0012
struct Cursor {
  std::string column;
  std::vector<std::string> key;  // rows with the same are the same row; empty: the table's key
  /// Of a time: seconds (dates: begun days); of a number: what it counts. None: DefaultOverlap().
  std::optional<std::int64_t> overlap;
};
/// {"cursor","key","overlap"}, the part of a dataset's origin that says so.
[[nodiscard]] Json ToJson(const Cursor& cursor);
[[nodiscard]] Result<Cursor> CursorFromJson(const Json& json);

/// Five minutes of a timestamp, a day of a date, 1,000 of a number: transactions end in another
/// order than they take the time, or a number.
[[nodiscard]] std::int64_t DefaultOverlap(const Type& type);

/// Where to read from, when `position` was the greatest value that was seen.
[[nodiscard]] std::int64_t StartOf(const Type& type, std::int64_t position, std::int64_t overlap);

/// The greatest value that can be a position at `now_ms`; none: any. Times of the future (a slip,
/// 9999-12-31) would hide what changes until then. Of times without zone, and of dates, the future
/// begins 14 hours later: nobody is farther east.
[[nodiscard]] std::optional<std::int64_t> GreatestAt(const Type& type, std::int64_t now_ms);

/// The `txn` under which a table's log keeps the position of such a collection: of one source, one
/// table or query, one column and one key.
[[nodiscard]] std::string PositionName(const std::string& source_id, const std::string& table,
                                       const std::string& query, const Cursor& cursor);
/// Of a collection by the source's log of changes.
[[nodiscard]] std::string ChangesName(const std::string& source_id, const std::string& table);
/// And ChangePosition::mark there.
[[nodiscard]] std::string MarkName(const std::string& position_name);
/// And by how many rows the source had more than the dataset, when that was last counted.
[[nodiscard]] std::string SurplusName(const std::string& position_name);
/// And how many rows it had ever got by then, where it says so.
[[nodiscard]] std::string EverName(const std::string& position_name);

/// Columns that may serve as a cursor, the best first: times named like updated_at, a number that
/// is the key, other times. "updated_at (timestamp), id (bigint)"; empty where there is none.
[[nodiscard]] std::string CursorCandidates(const TableDescription& table);

}  // namespace aimass
