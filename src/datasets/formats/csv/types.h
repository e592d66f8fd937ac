#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/formats/csv/walk.h"
#include "datasets/import/tally.h"

namespace aimass::formats::csv {

/// What is known of a column while it is loaded.
struct Column {
  Conversion conversion;  // by which it is loaded now
  Candidates alive = 0;   // what else could come before it, or make a date ambiguous: not refuted
  bool watch = false;     // text only because the sample held nothing
  bool suspect = false;   // text because of a few values of the sample
  bool settled = false;   // every row was asked before
  bool failed = false;    // a row did not fit
  std::int64_t real = 0;  // values that are more than nothing, as far as it matters
  std::string failed_value;
  std::int64_t failed_line = 0;
};

/// All that the column `i` can be: of the type that was asked for, or that the table has.
[[nodiscard]] Candidates PossibleFor(const Source& source, std::size_t i);
/// Whether something other than the values says what type the column `i` has.
[[nodiscard]] bool IsGiven(const Source& source, std::size_t i);

/// Adds up to `limit` rows (0: all) from where `walk` stands to the tallies of the columns `which`.
[[nodiscard]] Status TallyRows(const Source& source, Walk& walk, std::int64_t limit,
                               const std::vector<std::size_t>& which,
                               std::vector<TypeTally>& tallies);

/// A sample proposes types. The first rows decide what is possible; rows from all over the files,
/// what of that is likely. Everything that the first rows left open and the proposal does not
/// settle stays alive until a row refutes it.
[[nodiscard]] Status SampleTypes(const Source& source, std::int64_t sample_rows,
                                 std::vector<Column>& columns);

/// Every row decides, and a few values that do not fit do not turn a column into text: what they
/// get is the request's on_misfit. `warnings` says which they are.
[[nodiscard]] Status SettleTypes(Source& source, std::vector<Column>& columns,
                                 std::vector<Message>& warnings);

/// What `tally`, over every row, makes of the column `i`; `warnings` gets what is worth knowing of
/// it. `watched`: nothing was proposed, so nothing is withdrawn. Errors: kUnprocessable where
/// values do not fit the type that was asked for.
[[nodiscard]] Result<Conversion> TypeOfAll(const Source& source, std::size_t i,
                                           const Column& column, const TypeTally& tally,
                                           std::vector<Message>& warnings);

/// The dates of column `i` are day-first or month-first: which, no row says. Then it is text, with
/// a warning; where a type was asked for: kUnprocessable.
[[nodiscard]] Status NoteAmbiguous(const Source& source, std::size_t i,
                                   std::vector<Message>& warnings);

}  // namespace aimass::formats::csv
