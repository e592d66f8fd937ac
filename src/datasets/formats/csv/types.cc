#include "datasets/formats/csv/types.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>

namespace aimass::formats::csv {
namespace {

constexpr int kPlaces = 16;  // where rows are sampled besides the beginning
constexpr std::int64_t kSettleRows = 1000;

// The type of the best candidate, for messages.
std::string NameOf(Candidates candidates) { return TypeName(FirstOf(candidates).type); }

Message Misfits(const Source& source, std::size_t i, const TypeTally& tally, Candidates best) {
  const int candidate = std::countr_zero(best);
  return Msg("{} of {} values in column '{}' are not {} (line: value: {})",
             tally.misfits(candidate), tally.values(), source.names[i], NameOf(best),
             Places(tally.first(candidate)));
}

// A place further on where a record seems to begin. Inside quotes it may not be one, so what is
// found from there only proposes.
Result<Position> PlaceAt(const Source& source, std::int64_t offset) {
  Position position;
  while (position.file + 1 < source.bytes.size() && offset >= source.bytes[position.file]) {
    offset -= source.bytes[position.file];
    ++position.file;
  }
  ASSIGN_OR_RETURN(const MappedFile file,
                   MappedFile::Open(source.request.files[position.file].path));
  const std::size_t end =
      file.bytes().find(source.dialect.newline, static_cast<std::size_t>(offset));
  position.offset = end == std::string_view::npos ? file.bytes().size() : end + 1;
  return position;
}

std::vector<std::size_t> All(std::size_t columns) {
  std::vector<std::size_t> which(columns);
  std::iota(which.begin(), which.end(), std::size_t{0});
  return which;
}

std::vector<TypeTally> Tallies(const Source& source, std::int64_t limit) {
  std::vector<TypeTally> tallies;
  for (std::size_t i = 0; i < source.names.size(); ++i) {
    // A type that was asked for stays, however many values are against it.
    tallies.emplace_back(PossibleFor(source, i),
                         IsGiven(source, i) ? std::numeric_limits<std::int64_t>::max() : limit);
  }
  return tallies;
}

}  // namespace

Status NoteAmbiguous(const Source& source, std::size_t i, std::vector<Message>& warnings) {
  if (source.asked[i]) {
    return WithHint(
        Fail(ErrorCode::kUnprocessable,
             "the dates in column '{}' could be day-first or month-first", source.names[i]),
        Msg("set date_order to dmy or mdy"));
  }
  warnings.push_back(
      Msg("the dates in column '{}' could be day-first or month-first, so it is text; set "
          "date_order to dmy or mdy",
          source.names[i]));
  return {};
}

bool IsGiven(const Source& source, std::size_t i) {
  return source.asked[i].has_value() || source.request.wanted.Find(source.names[i]).has_value();
}

Candidates PossibleFor(const Source& source, std::size_t i) {
  if (source.asked[i]) return CandidatesFor(*source.asked[i], source.infer, true);
  if (source.all_text) return 0;
  if (const auto fixed = source.request.wanted.Find(source.names[i])) {
    return CandidatesFor(source.request.wanted.columns[*fixed].type, source.infer);
  }
  return AllCandidates(source.infer);
}

Status TallyRows(const Source& source, Walk& walk, std::int64_t limit,
                 const std::vector<std::size_t>& which, std::vector<TypeTally>& tallies) {
  std::string buffer;
  for (std::int64_t rows = 0; limit == 0 || rows < limit; ++rows) {
    if (rows % 4096 == 0) RETURN_IF_ERROR(source.request.cancel.Check());
    ASSIGN_OR_RETURN(const bool more, walk.Next());
    if (!more) break;
    for (const std::size_t i : which) {
      const std::string_view text = Value(walk.record().fields[i], source.dialect.quote, &buffer);
      if (!source.IsNull(text, true)) tallies[i].Add(text, walk.line());
    }
  }
  return {};
}

Status SampleTypes(const Source& source, std::int64_t sample_rows, std::vector<Column>& columns) {
  const std::vector<std::size_t> which = All(columns.size());
  // Where the sample is everything: a tenth of the rows, were they of 20 bytes.
  std::vector<TypeTally> tallies =
      Tallies(source, sample_rows > 0 ? std::max<std::int64_t>(sample_rows / 8, 3)
                                      : std::max<std::int64_t>(source.total_bytes / 200, 1000));
  Walk walk(source, columns.size(), false);
  RETURN_IF_ERROR(TallyRows(source, walk, sample_rows, which, tallies));
  std::vector<Candidates> head;
  std::vector<std::int64_t> head_values;
  for (const TypeTally& tally : tallies) {
    head.push_back(tally.perfect());
    head_values.push_back(tally.values());
  }
  const bool more = walk.position().file + 1 < source.bytes.size() ||
                    static_cast<std::int64_t>(walk.position().offset) < source.bytes.back();
  for (int place = 1; more && sample_rows > 0 && place < kPlaces; ++place) {
    ASSIGN_OR_RETURN(const Position position,
                     PlaceAt(source, source.total_bytes / kPlaces * place));
    Walk elsewhere(source, columns.size(), false);
    RETURN_IF_ERROR(elsewhere.Seek(position));
    RETURN_IF_ERROR(
        TallyRows(source, elsewhere, std::max<std::int64_t>(sample_rows / 40, 1), which, tallies));
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const TypeTally& tally = tallies[i];
    if (PossibleFor(source, i) == 0) {
      columns[i].real = 1;  // text, and nothing to find out
      continue;
    }
    bool ambiguous = false;
    columns[i].conversion = Choose(tally.perfect(), tally.values(), &ambiguous);
    if (tally.values() > 0 && tally.perfect() == 0) {
      // Where a type is given, loading by it finds the values to name.
      if (IsGiven(source, i)) {
        columns[i].conversion = FirstOf(tally.Best());
      } else {
        columns[i].suspect = tally.Mostly() != 0;
      }
    }
    columns[i].alive = OpenBeside(head[i], columns[i].conversion);
    columns[i].real = head_values[i];
    columns[i].watch = tally.values() == 0;
  }
  return {};
}

Status SettleTypes(Source& source, std::vector<Column>& columns, std::vector<Message>& warnings) {
  // About how many rows there are: a type that refuses more than one in fifty is out.
  Walk first(source, columns.size(), false);
  std::int64_t rows = 0;
  for (; rows < kSettleRows; ++rows) {
    ASSIGN_OR_RETURN(const bool more, first.Next());
    if (!more) break;
  }
  const auto bytes = static_cast<std::int64_t>(first.position().offset);
  const std::int64_t about = bytes > 0 ? source.total_bytes / bytes * rows : rows;
  std::vector<TypeTally> tallies = Tallies(source, std::max<std::int64_t>(about / 50, 1000));
  Walk walk(source, columns.size(), false);
  RETURN_IF_ERROR(TallyRows(source, walk, 0, All(columns.size()), tallies));
  const bool reject = source.request.on_misfit == OnMisfit::kReject;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const TypeTally& tally = tallies[i];
    Column& column = columns[i];
    column.settled = true;
    Candidates candidates = tally.perfect();
    if (candidates == 0) candidates = IsGiven(source, i) ? tally.Best() : tally.Near();
    if (candidates == 0) continue;
    if (tally.values() == 0) {
      if (IsGiven(source, i)) column.conversion = FirstOf(candidates);
      continue;
    }
    bool ambiguous = false;
    column.conversion = Choose(candidates, tally.values(), &ambiguous);
    if (ambiguous) {
      RETURN_IF_ERROR(NoteAmbiguous(source, i, warnings));
      continue;
    }
    if (auto note = HowStored(column.conversion, source.names[i])) warnings.push_back(*note);
    if (tally.perfect() != 0) continue;
    const int candidate = column.conversion.candidate;
    const std::string places = Places(tally.first(candidate));
    warnings.push_back(
        reject
            ? Msg("column '{}' is {}; rows with other values that were set aside: {} (line: value: "
                  "{})",
                  source.names[i], TypeName(column.conversion.type), tally.misfits(candidate),
                  places)
            : Msg("column '{}' is {}; other values that were left empty: {} (line: value: {})",
                  source.names[i], TypeName(column.conversion.type), tally.misfits(candidate),
                  places));
  }
  if (reject) {
    for (const Column& column : columns) source.strict.push_back(column.conversion);
  }
  return {};
}

Result<Conversion> TypeOfAll(const Source& source, std::size_t i, const Column& column,
                             const TypeTally& tally, std::vector<Message>& warnings) {
  bool ambiguous = false;
  const Conversion conversion = Choose(tally.perfect(), tally.values(), &ambiguous);
  if (ambiguous) {
    RETURN_IF_ERROR(NoteAmbiguous(source, i, warnings));
    return conversion;
  }
  if (conversion.candidate >= 0) {
    if (auto note = HowStored(conversion, source.names[i])) warnings.push_back(*note);
  }
  if (tally.values() == 0 && IsGiven(source, i)) return FirstOf(tally.perfect());
  if (conversion.candidate < 0 && tally.values() > 0 && IsGiven(source, i)) {
    const Candidates best = tally.Best();
    if (best == 0) return conversion;
    const Message what = Misfits(source, i, tally, best);
    const Message advice =
        Msg("correct them, or import with --on-error reject (sets such rows aside) or --on-error "
            "null (leaves the values empty)");
    if (source.asked[i]) {
      return WithHint(
          std::unexpected(Error{.code = ErrorCode::kUnprocessable, .message = what, .hint = {}}),
          advice);
    }
    warnings.push_back(what);
    return conversion;
  }
  if (const Candidates most = tally.Mostly(); conversion.candidate < 0 && most != 0) {
    const int candidate = std::countr_zero(most);
    warnings.push_back(
        Msg("column '{}' is text, because {} of its {} values are not {} (line: value: {}); to "
            "keep the type, import it again with --type '{}={}' --on-error reject (sets such rows "
            "aside) or --on-error null (leaves the values empty)",
            source.names[i], tally.misfits(candidate), tally.values(), NameOf(most),
            Places(tally.first(candidate)), source.names[i], NameOf(most)));
  } else if (column.failed && !column.watch) {
    warnings.push_back(
        Msg("column '{}' looked like {} at first; because of '{}' in line {} it is {}",
            source.names[i], TypeName(column.conversion.type), column.failed_value,
            column.failed_line, TypeName(conversion.type)));
  }
  return conversion;
}

}  // namespace aimass::formats::csv
