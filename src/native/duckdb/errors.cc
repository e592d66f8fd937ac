// DuckDB's errors in our words. The texts are those of DuckDB 1.5.5; one that changes in a later
// version is quoted until its line here changes, too (errors_test.cc makes each of them happen).
#include "native/duckdb/errors.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/excerpt.h"
#include "base/file.h"
#include "base/json.h"

namespace aimass::duckdb {
namespace {

using Parts = std::vector<std::string>;

constexpr std::size_t kMaxQuoted = 400;

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

/// What stands for each {} of `pattern` in `text`, which must fit it from its start on; a pattern
/// that ends in {} takes all the rest.
std::optional<Parts> Fit(std::string_view pattern, std::string_view text) {
  Parts parts;
  for (;;) {
    const auto hole = pattern.find("{}");
    const std::string_view literal = pattern.substr(0, hole);
    if (!text.starts_with(literal)) return std::nullopt;
    text.remove_prefix(literal.size());
    if (hole == std::string_view::npos) return parts;
    pattern.remove_prefix(hole + 2);
    const std::string_view next = pattern.substr(0, pattern.find("{}"));
    const auto end = next.empty() ? text.size() : text.find(next);
    if (end == std::string_view::npos) return std::nullopt;
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

/// DuckDB's names for types as they are written in SQL.
std::string TypeText(std::string text) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kNames{{
      {"UINT128", "UHUGEINT"},
      {"UINT64", "UBIGINT"},
      {"UINT32", "UINTEGER"},
      {"UINT16", "USMALLINT"},
      {"UINT8", "UTINYINT"},
      {"INT128", "HUGEINT"},
      {"INT64", "BIGINT"},
      {"INT32", "INTEGER"},
      {"INT16", "SMALLINT"},
      {"INT8", "TINYINT"},
      {"STRING_LITERAL", "VARCHAR"},
      {"INTEGER_LITERAL", "INTEGER"},
  }};
  for (const auto& [from, to] : kNames) text = Replaced(std::move(text), from, to);
  return text;
}

std::string Joined(const Parts& texts, std::size_t most) {
  std::string joined;
  for (std::size_t i = 0; i < std::min(most, texts.size()); ++i)
    joined += (i == 0 ? "" : ", ") + texts[i];
  return joined + (texts.size() > most ? ", …" : "");
}

/// DuckDB's own sentence, fit to be quoted in ours.
std::string Cleaned(std::string text) {
  if (const auto drawing = text.find("\nLINE "); drawing != std::string::npos) text.resize(drawing);
  std::string kept;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    const std::string_view line = std::string_view(text).substr(start, end - start);
    start = end + 1;
    if (line.find_first_not_of(" \t^") == std::string_view::npos || line.contains("SET ") ||
        line.starts_with("Database is launched") || line.starts_with("Possible solutions")) {
      continue;
    }
    kept += (kept.empty() ? "" : " ") + std::string(line);
  }
  return Excerpt(kept, kMaxQuoted);
}

Message DidYouMean(const std::string& nearest) {
  return nearest.empty() ? Message() : Msg("did you mean '{}'?", nearest);
}

/// The word that a statement was probably meant to begin with.
std::string NearestWord(const std::string& word) {
  static constexpr std::array<std::string_view, 6> kWords{"select", "from",     "with",
                                                          "values", "describe", "summarize"};
  std::string nearest = Nearest(Lower(word), kWords);
  for (char& c : nearest) c = static_cast<char>(c - 'a' + 'A');
  return nearest;
}

bool IsWindowOnly(std::string_view name) {
  static constexpr std::array<std::string_view, 11> kNames{
      "row_number", "rank", "dense_rank",  "percent_rank", "cume_dist", "ntile",
      "lag",        "lead", "first_value", "last_value",   "nth_value"};
  return std::ranges::find(kNames, name) != kNames.end();
}

struct Words {
  Message message;
  Message hint;
};

/// A text of DuckDB's and what we say instead.
struct Known {
  std::string_view pattern;
  Words (*words)(const Failure& failure, const Parts& parts);
};

constexpr std::array kKnown{
    // The text does not parse.
    Known{"syntax error at or near \"{}\"",
          [](const Failure& f, const Parts& p) -> Words {
            // Further on it is mostly a name, and the mistake is before it.
            return {Msg("syntax error near '{}'", p[0]),
                    DidYouMean(f.position == 0 ? NearestWord(p[0]) : "")};
          }},
    Known{"syntax error at end of input",
          [](const Failure&, const Parts&) -> Words {
            return {Msg("the SQL ends too early"),
                    Msg("a name, a value or a closing bracket is missing at the end")};
          }},
    Known{"unterminated quoted string",
          [](const Failure&, const Parts&) -> Words {
            return {Msg("a text in single quotes is not closed"),
                    Msg("a quote inside a text is written twice: 'it''s'")};
          }},
    Known{"unterminated quoted identifier",
          [](const Failure&, const Parts&) -> Words {
            return {Msg("a name in double quotes is not closed"), {}};
          }},
    Known{"unterminated /* comment",
          [](const Failure&, const Parts&) -> Words {
            return {Msg("a comment that begins with /* is not closed"), {}};
          }},
    Known{"memory exhausted",
          [](const Failure&, const Parts&) -> Words {
            return {Msg("the SQL is nested too deeply"), {}};
          }},
    Known{"Max expression depth limit",
          [](const Failure&, const Parts&) -> Words {
            return {Msg("the SQL is nested too deeply"), {}};
          }},
    Known{"window \"{}\" does not exist",
          [](const Failure&, const Parts& p) -> Words {
            return {Msg("there is no window '{}'", p[0]),
                    Msg("name it at the end: WINDOW {} AS (ORDER BY …)", p[0])};
          }},
    // Names.
    Known{"Referenced column \"{}\" {}not found",
          [](const Failure& f, const Parts& p) -> Words {
            if (f.candidates.empty()) return {Msg("there is no column '{}' here", p[0]), {}};
            return {Msg("there is no column '{}' here", p[0]),
                    Msg("the nearest: {}", Joined(f.candidates, 3))};
          }},
    Known{"{} \"{}\" does not have a column named \"{}\"",
          [](const Failure& f, const Parts& p) -> Words {
            return {
                Msg("'{}' has no column '{}'", p[1], p[2]),
                f.candidates.empty() ? Message() : Msg("the nearest: {}", Joined(f.candidates, 3))};
          }},
    Known{"Column \"{}\" does not exist on {} side of join!",
          [](const Failure&, const Parts& p) -> Words {
            return {Msg("USING needs column '{}' on both sides of the join", p[0]), {}};
          }},
    Known{"Column \"{}\" in {} list not found",
          [](const Failure&, const Parts& p) -> Words {
            return {Msg("there is no column '{}' here", p[0]), {}};
          }},
    Known{"Referenced table \"{}\" not found!",
          [](const Failure& f, const Parts& p) -> Words {
            return {
                Msg("FROM has no table or alias '{}'", p[0]),
                f.candidates.empty() ? Message() : Msg("the nearest: {}", Joined(f.candidates, 3))};
          }},
    Known{"Ambiguous reference to column name \"{}\" (use: {})",
          [](const Failure&, const Parts& p) -> Words {
            return {Msg("'{}' could be a column of several tables", p[0]),
                    Msg("write one of: {}", Replaced(Replaced(p[1], "\" or \"", ", "), "\"", ""))};
          }},
    Known{"Table with name {} does not exist!",
          [](const Failure& f, const Parts& p) -> Words {
            return {Msg("no dataset '{}'", p[0]),
                    DidYouMean(f.candidates.empty() ? "" : f.candidates[0])};
          }},
    Known{"Scalar Function with name {} does not exist!",
          [](const Failure& f, const Parts& p) -> Words {
            if (IsWindowOnly(p[0])) {
              return {Msg("function '{}' needs a window", p[0]),
                      Msg("for example {}() OVER (ORDER BY …)", p[0])};
            }
            return {Msg("there is no function '{}'", p[0]),
                    DidYouMean(f.candidates.empty() ? "" : f.candidates[0])};
          }},
    Known{"Type with name {} does not exist!",
          [](const Failure& f, const Parts& p) -> Words {
            return {Msg("there is no type '{}'", p[0]),
                    DidYouMean(f.candidates.empty() ? "" : f.candidates[0])};
          }},
    // Functions and their arguments.
    Known{"No function matches the given name and argument types '{}({})'. You might",
          [](const Failure& f, const Parts& p) -> Words {
            return {Msg("function '{}' does not take ({})", p[0], TypeText(p[1])),
                    f.candidates.empty()
                        ? Message()
                        : Msg("it takes {}; CAST(x AS type) converts", Joined(f.candidates, 4))};
          }},
    Known{"Could not choose a best candidate function for the function call \"{}({})\". In order",
          [](const Failure&, const Parts& p) -> Words {
            return {Msg("'{}' of ({}) can be meant in several ways", p[0], TypeText(p[1])),
                    Msg("say which by CAST(x AS type)")};
          }},
    // Grouping.
    Known{"column \"{}\" must appear in the GROUP BY clause",
          [](const Failure&, const Parts& p) -> Words {
            return {Msg("column '{}' is neither in GROUP BY nor in an aggregate", p[0]),
                    Msg("add it to GROUP BY, or take sum, max or any_value of it")};
          }},
    Known{"WHERE clause cannot contain aggregates!",
          [](const Failure&, const Parts&) -> Words {
            return {Msg("WHERE cannot hold an aggregate"),
                    Msg("conditions on groups stand in HAVING")};
          }},
    Known{"aggregate function calls cannot be nested",
          [](const Failure&, const Parts&) -> Words {
            return {Msg("an aggregate cannot stand in an aggregate"),
                    Msg("compute the inner one in a subquery")};
          }},
    Known{"Set operations can only apply to expressions with the same number of result columns",
          [](const Failure&, const Parts&) -> Words {
            return {Msg("both sides of UNION, INTERSECT or EXCEPT need equally many columns"), {}};
          }},
    Known{"ORDER term out of range - should be between 1 and {}",
          [](const Failure&, const Parts& p) -> Words {
            return {Msg("a number in ORDER BY is a column from 1 to {}", p[0]), {}};
          }},
    Known{"LIMIT/OFFSET cannot be negative",
          [](const Failure&, const Parts&) -> Words {
            return {Msg("LIMIT and OFFSET cannot be negative"), {}};
          }},
    Known{"More than one row returned by a subquery used as an expression",
          [](const Failure&, const Parts&) -> Words {
            return {Msg("a subquery that is used as a value gave more than one row"),
                    Msg("add LIMIT 1, or an aggregate such as max")};
          }},
    // Values.
    Known{"Could not convert string '{}' to {} when casting from source column {}",
          [](const Failure&, const Parts& p) -> Words {
            return {
                Msg("'{}' in column '{}' cannot be converted to {}", p[0], p[2], TypeText(p[1])),
                Msg("TRY_CAST(x AS {}) gives NULL instead", TypeText(p[1]))};
          }},
    Known{"Could not convert string '{}' to {}",
          [](const Failure&, const Parts& p) -> Words {
            return {Msg("'{}' cannot be converted to {}", p[0], TypeText(p[1])),
                    Msg("TRY_CAST(x AS {}) gives NULL instead", TypeText(p[1]))};
          }},
    Known{"Type {} with value {} can't be cast because the value is out of range for the "
          "destination type {}",
          [](const Failure&, const Parts& p) -> Words {
            return {Msg("{} is out of range for {}", p[1], TypeText(p[2])),
                    Msg("a wider type such as BIGINT or DOUBLE holds it")};
          }},
    Known{"Type {} with value {} can't be cast to the destination type {}",
          [](const Failure&, const Parts& p) -> Words {
            return {Msg("{} cannot be converted to {}", p[1], TypeText(p[2])),
                    Msg("TRY_CAST(x AS {}) gives NULL instead", TypeText(p[2]))};
          }},
    Known{"Could not cast value {} to {}",
          [](const Failure&, const Parts& p) -> Words {
            return {Msg("{} cannot be converted to {}", p[0], TypeText(p[1])),
                    Msg("TRY_CAST(x AS {}) gives NULL instead", TypeText(p[1]))};
          }},
    Known{"Overflow in {} of {} ({})!",
          [](const Failure&, const Parts& p) -> Words {
            return {Msg("{} is out of range for {}", p[2], TypeText(p[1])),
                    Msg("a wider type such as BIGINT or DOUBLE holds it")};
          }},
    Known{"date field value out of range: \"{}\"",
          [](const Failure&, const Parts& p) -> Words {
            return {Msg("there is no date '{}'", p[0]), Msg("a date is written 2024-12-31")};
          }},
    Known{"invalid date field format: \"{}\"",
          [](const Failure&, const Parts& p) -> Words {
            return {Msg("'{}' is not written as a date", p[0]),
                    Msg("a date is written 2024-12-31")};
          }},
    Known{"invalid timestamp field format: \"{}\"",
          [](const Failure&, const Parts& p) -> Words {
            return {Msg("'{}' is not written as a time", p[0]),
                    Msg("a time is written 2024-12-31 23:59:59")};
          }},
    Known{"timestamp field value out of range: \"{}\"",
          [](const Failure&, const Parts& p) -> Words {
            return {Msg("there is no time '{}'", p[0]),
                    Msg("a time is written 2024-12-31 23:59:59")};
          }},
    Known{"Could not parse string \"{}\" according to format specifier \"{}\"",
          [](const Failure&, const Parts& p) -> Words {
            return {Msg("'{}' is not written as '{}'", p[0], p[1]),
                    Msg("try_strptime gives NULL instead")};
          }},
    Known{"extract specifier \"{}\" not recognized",
          [](const Failure&, const Parts& p) -> Words {
            return {
                Msg("there is no part '{}' of a date", p[0]),
                Msg("there are year, quarter, month, week, day, hour, minute, second and more")};
          }},
    Known{"Malformed JSON at byte {} of input: {}.",
          [](const Failure&, const Parts& p) -> Words {
            return {Msg("the JSON is malformed at byte {}: {}", p[0], p[1]),
                    Msg("TRY_CAST(x AS {}) gives NULL instead", "JSON")};
          }},
    Known{"cannot take square root of a negative number",
          [](const Failure&, const Parts&) -> Words {
            return {Msg("a negative number has no square root"), {}};
          }},
    Known{"cannot take logarithm of {}",
          [](const Failure&, const Parts&) -> Words {
            return {Msg("only numbers above 0 have a logarithm"),
                    Msg("leave the others out, or take ln(nullif(x, 0))")};
          }},
    Known{"Division by zero",
          [](const Failure&, const Parts&) -> Words {
            return {Msg("division by zero"), Msg("x / nullif(y, 0) gives NULL instead")};
          }},
};

/// The kinds of DuckDB's errors that are not defects of ours.
constexpr std::array<std::pair<std::string_view, ErrorCode>, 18> kTypes{{
    {"parser", ErrorCode::kInvalidArgument},
    {"binder", ErrorCode::kInvalidArgument},
    {"catalog", ErrorCode::kInvalidArgument},
    {"syntax", ErrorCode::kInvalidArgument},
    {"expression", ErrorCode::kInvalidArgument},
    {"not implemented", ErrorCode::kInvalidArgument},
    {"parameter not resolved", ErrorCode::kInvalidArgument},
    {"parameter not allowed", ErrorCode::kInvalidArgument},
    {"conversion", ErrorCode::kUnprocessable},
    {"invalid input", ErrorCode::kUnprocessable},
    {"out of range", ErrorCode::kUnprocessable},
    {"mismatch type", ErrorCode::kUnprocessable},
    {"divide by zero", ErrorCode::kUnprocessable},
    {"constraint", ErrorCode::kUnprocessable},
    {"out of memory", ErrorCode::kResourceExhausted},
    {"permission", ErrorCode::kPermissionDenied},
    {"interrupt", ErrorCode::kCancelled},
    {"io", ErrorCode::kUnavailable},
}};

/// For what has no words of its own.
Words Quoted(ErrorCode code, const std::string& text) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return {Msg("the SQL cannot be run: {}", text), {}};
    case ErrorCode::kUnprocessable:
      return {Msg("the SQL stopped at a value: {}", text), {}};
    case ErrorCode::kResourceExhausted:
      return {Msg("the SQL needs more memory than its limit: {}", text),
              Msg("read fewer columns or rows, or raise the limit")};
    case ErrorCode::kPermissionDenied:
      return {Msg("the SQL reaches for something outside its datasets: {}", text), {}};
    case ErrorCode::kCancelled:
      return {Msg("the query was cancelled"), {}};
    case ErrorCode::kUnavailable:
      return {Msg("a file could not be read or written: {}", text), {}};
    default:
      return {Msg("DuckDB failed: {}", text), {}};
  }
}

void SetPlace(Error& error, std::string_view sql, std::size_t position, bool characters) {
  error.line = 1;
  error.column = 0;
  std::size_t passed = 0;
  for (std::size_t i = 0; i <= sql.size(); ++i) {
    const bool inside = i < sql.size() && (static_cast<unsigned char>(sql[i]) & 0xC0U) == 0x80U;
    if (!inside) ++error.column;
    if ((characters ? passed : i) >= position && !inside) return;
    if (!inside) ++passed;
    if (i < sql.size() && sql[i] == '\n') {
      ++error.line;
      error.column = 0;
    }
  }
}

std::string TextOf(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// "Candidate tables: "a", "b"" at the end of a message.
Parts CandidatesIn(std::string_view message) {
  Parts names;
  const auto start = message.find("\nCandidate ");
  if (start == std::string_view::npos) return names;
  message.remove_prefix(start);
  for (auto open = message.find('"'); open != std::string_view::npos; open = message.find('"')) {
    message.remove_prefix(open + 1);
    const auto close = message.find('"');
    if (close == std::string_view::npos) break;
    names.emplace_back(message.substr(0, close));
    message.remove_prefix(close + 1);
  }
  return names;
}

}  // namespace

Error ErrorOf(const Failure& given, std::string_view sql) {
  Failure failure = given;
  failure.message = Replaced(failure.message, "memory.main.", "");
  if (failure.candidates.empty()) failure.candidates = CandidatesIn(failure.message);
  Error error;
  const std::string type = Lower(failure.type);
  for (const auto& [name, code] : kTypes) {
    if (type == name) error.code = code;
  }
  Words words;
  if (error.code == ErrorCode::kInvalidArgument || error.code == ErrorCode::kUnprocessable) {
    for (const Known& known : kKnown) {
      if (const auto parts = Fit(known.pattern, failure.message)) {
        words = known.words(failure, *parts);
        break;
      }
    }
  }
  if (error.code == ErrorCode::kUnavailable) {
    for (const int full : {ENOSPC, EDQUOT}) {  // DuckDB's words end with the system's
      if (!failure.message.contains(std::strerror(full))) continue;
      error.code = ErrorCode::kStorageFull;
      words = {Msg("a file could not be written: {}", Cleaned(failure.message)),
               SystemError(full, "write", {}).hint};
    }
  }
  if (words.message.empty()) words = Quoted(error.code, Cleaned(failure.message));
  error.message = std::move(words.message);
  error.hint = std::move(words.hint);
  if (failure.position && !sql.empty()) SetPlace(error, sql, *failure.position, type == "parser");
  return error;
}

Error ErrorFromText(std::string_view text, std::string_view sql) {
  static constexpr std::string_view kError = " Error: ";
  static constexpr std::string_view kAgain = "Attempting to execute an unsuccessful";
  static constexpr std::string_view kCause = "\nError: ";
  Failure failure;
  // Where another thread's failure was met first; the failure itself is inside.
  if (text.contains(kAgain)) {
    if (const auto cause = text.find(kCause); cause != std::string_view::npos)
      text.remove_prefix(cause + kCause.size());
  }
  const auto colon = text.find(kError);
  if (colon < 40 && !text.starts_with('{')) {
    failure.type = std::string(text.substr(0, colon));
    text.remove_prefix(colon + kError.size());
  }
  failure.message = std::string(text);
  if (text.starts_with('{')) {
    if (const auto json = ParseJson(text); json && json->is_object()) {
      failure.type = TextOf(*json, "exception_type");
      failure.message = TextOf(*json, "exception_message");
      failure.name = TextOf(*json, "name");
      // Candidates are joined by commas, which also stand inside the signatures of functions.
      int depth = 0;
      std::string candidate;
      for (const char c : TextOf(*json, "candidates") + ",") {
        depth += c == '(' ? 1 : c == ')' ? -1 : 0;
        if (c == ',' && depth == 0) {
          candidate = candidate.substr(0, candidate.find(" -> "));
          if (!candidate.empty())
            failure.candidates.push_back(Replaced(candidate, "memory.main.", ""));
          candidate.clear();
        } else {
          candidate += c;
        }
      }
      const std::string digits = TextOf(*json, "position");
      std::size_t position = 0;
      if (std::from_chars(digits.data(), digits.data() + digits.size(), position).ec == std::errc())
        failure.position = position;
    }
  }
  return ErrorOf(failure, sql);
}

}  // namespace aimass::duckdb
