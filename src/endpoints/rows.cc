#include "endpoints/rows.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <set>

#include "base/words.h"
#include "models/features/text.h"
#include "table/json_rows.h"
#include "table/schema.h"

namespace aimass {
namespace {

namespace dom = simdjson::dom;
using dom::element_type;

constexpr std::size_t kMaxNamed = 10;  // columns that a warning names
constexpr std::size_t kMaxDepth = 64;  // ParseJson's

enum class Wants : std::uint8_t { kNumber, kBool, kTime, kText };

Wants WantsOf(const std::optional<Type>& type) {
  if (!type) return Wants::kText;
  if (IsNumeric(*type)) return Wants::kNumber;
  if (IsTemporal(*type)) return Wants::kTime;
  return type->kind == TypeKind::kBool ? Wants::kBool : Wants::kText;
}

std::string NameOf(Wants wants) {
  switch (wants) {
    case Wants::kNumber:
      return "a number";
    case Wants::kBool:
      return "true or false";
    case Wants::kTime:
      return "a date or time such as 2026-11-22 or 2026-11-22T08:30:00Z";
    default:
      return "a text";
  }
}

bool IsBoolText(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return lower == "true" || lower == "false" || lower == "yes" || lower == "no" || lower == "1" ||
         lower == "0" || lower == "t" || lower == "f" || lower == "y" || lower == "n";
}

bool Fits(const dom::element& value, Wants wants) {
  switch (value.type()) {
    case element_type::OBJECT:
    case element_type::ARRAY:
      return false;
    case element_type::NULL_VALUE:
      return true;
    case element_type::STRING:
      break;
    default:
      return wants != Wants::kTime;
  }
  if (wants == Wants::kText) return true;
  const std::string_view text = features::Trim(value.get_string().value_unsafe());
  if (text.empty()) return true;
  if (wants == Wants::kNumber) return features::ParseNumber(text).has_value() || IsBoolText(text);
  if (wants == Wants::kTime) return features::ParseTime(text).has_value();
  return IsBoolText(text);
}

Cell ToCell(const dom::element& value) {
  switch (value.type()) {
    case element_type::BOOL:
      return Cell::Bool(value.get_bool().value_unsafe());
    case element_type::STRING:
      return Cell::Text(value.get_string().value_unsafe());
    case element_type::INT64:
    case element_type::UINT64:
    case element_type::DOUBLE:
      return Cell::Number(value.get_double().value_unsafe());
    default:
      return Cell::Null();
  }
}

// One value; of a list or an object only that it is one.
Json ToJson(const dom::element& value) {
  switch (value.type()) {
    case element_type::OBJECT:
      return Json::object();
    case element_type::ARRAY:
      return Json::array();
    case element_type::STRING:
      return std::string(value.get_string().value_unsafe());
    case element_type::BOOL:
      return value.get_bool().value_unsafe();
    case element_type::INT64:
      return value.get_int64().value_unsafe();
    case element_type::UINT64:
      return value.get_uint64().value_unsafe();
    case element_type::DOUBLE:
      return value.get_double().value_unsafe();
    default:
      return nullptr;
  }
}

std::string Shown(const dom::element& value) {
  std::string text = simdjson::minify(value);
  if (text.size() > 40) {
    std::size_t end = 40;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text = text.substr(0, end) + "…";
  }
  return text;
}

Listing Listed(const std::set<std::string, std::less<>>& names) {
  std::vector<std::string> shown;
  for (const std::string& name : names) {
    shown.push_back(shown.size() == kMaxNamed ? "…" : name);
    if (shown.size() > kMaxNamed) break;
  }
  return Listing(shown);
}

// A row that shares no column with the model is no question to it: mostly a misspelt or a foreign
// row, whose answer would mislead.
Error NoKnownColumn(const dom::object& row, std::size_t index,
                    std::span<const std::string> columns) {
  std::vector<std::string_view> known(columns.begin(), columns.end());
  std::vector<std::string> given;
  std::string nearest;
  std::string misspelt;
  for (const auto field : row) {
    const std::string name(field.key);
    if (given.size() < kMaxNamed) given.push_back(name);
    if (nearest.empty()) {
      nearest = Nearest(name, known);
      misspelt = name;
    }
  }
  if (known.size() > kMaxNamed) known.resize(kMaxNamed);
  std::vector<std::string> wanted(known.begin(), known.end());
  if (columns.size() > kMaxNamed) wanted.emplace_back("…");
  auto error =
      given.empty()
          ? Fail(ErrorCode::kUnprocessable, "row {} is empty; the model looks at the columns: {}",
                 index, Listing(wanted))
          : Fail(ErrorCode::kUnprocessable,
                 "row {} has none of the model's columns, but: {}; the model looks at: {}", index,
                 Listing(given), Listing(wanted));
  if (nearest.empty()) return std::move(error).error();
  return WithHint(std::move(error), Msg("write '{}' instead of '{}'", nearest, misspelt)).error();
}

// The shortest digits that read back as the same double, with a fraction, as JSON libraries write
// it.
void AppendNumber(std::string& out, double value) {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), Finite(value)).ptr;
  const std::string_view text(digits.data(), static_cast<std::size_t>(end - digits.data()));
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

}  // namespace

double Finite(double value) {
  constexpr double kLargest = std::numeric_limits<double>::max();
  return std::isnan(value) ? 0.0 : std::clamp(value, -kLargest, kLargest);
}

struct PredictBody::State {
  dom::parser parser;  // owns the texts that cells point to
  std::vector<dom::element> rows;
  bool explain = false;

  Result<dom::element> Read(std::string_view text) {
    // One level more is refused, as by ParseJson.
    if (parser.allocate(std::max<std::size_t>(text.size(), 64), kMaxDepth + 1) !=
        simdjson::SUCCESS) {
      return Fail(ErrorCode::kResourceExhausted, "no memory for a body of {} bytes", text.size());
    }
    const auto parsed = parser.parse(text.data(), text.size());
    if (parsed.error() == simdjson::SUCCESS) return parsed.value_unsafe();
    // The other parser says where and why, or reads what this one does not: integers beyond 64
    // bits, a byte order mark.
    ASSIGN_OR_RETURN(const Json json, ParseJson(text));
    const std::string plain = json.dump();
    const auto again = parser.parse(plain.data(), plain.size());
    if (again.error() == simdjson::SUCCESS) return again.value_unsafe();
    return Fail(ErrorCode::kInvalidArgument, "not valid JSON: {}",
                simdjson::error_message(again.error()));
  }
};

PredictBody::PredictBody(std::unique_ptr<State> state) : state_(std::move(state)) {}
PredictBody::PredictBody(PredictBody&&) noexcept = default;
PredictBody& PredictBody::operator=(PredictBody&&) noexcept = default;
PredictBody::~PredictBody() = default;

std::size_t PredictBody::rows() const { return state_->rows.size(); }
bool PredictBody::explain() const { return state_->explain; }

Result<PredictBody> PredictBody::Parse(std::string_view body) {
  auto state = std::make_unique<State>();
  ASSIGN_OR_RETURN(const dom::element document, state->Read(body));
  if (!document.is_object()) {
    return Fail(ErrorCode::kInvalidArgument, "the body must be a JSON object, found {}",
                KindOf(ToJson(document)));
  }
  std::optional<dom::element> rows;
  Json others = Json::object();
  const dom::object members = document.get_object().value_unsafe();
  for (const auto field : members) {
    if (field.key == "rows") {
      rows = field.value;
    } else {
      others[std::string(field.key)] = ToJson(field.value);
    }
  }
  RETURN_IF_ERROR(RejectUnknown(others, {"rows", "explain"}));
  ASSIGN_OR_RETURN(state->explain, GetBool(others, "explain", false));
  if (!rows || !rows->is_array()) {
    return Fail(ErrorCode::kInvalidArgument, "'rows' must be a list of rows, found {}",
                rows ? KindOf(ToJson(*rows)) : Word{"nothing"});
  }
  const dom::array list = rows->get_array().value_unsafe();
  for (const dom::element row : list) state->rows.push_back(row);
  if (state->rows.empty())
    return Fail(ErrorCode::kUnprocessable, "'rows' must hold at least one row");
  return PredictBody(std::move(state));
}

Result<RequestRows> PredictBody::CellsOf(const LoadedModel& model) const {
  const auto columns = model.columns();
  std::vector<Wants> wants;
  wants.reserve(columns.size());
  for (const std::optional<Type>& type : model.column_types()) wants.push_back(WantsOf(type));
  RequestRows result;
  result.cells.resize(state_->rows.size() * columns.size());
  std::set<std::string, std::less<>> missing;
  std::set<std::string, std::less<>> unknown;
  std::vector<std::uint8_t> seen(columns.size());
  std::size_t i = 0;
  for (const dom::element row : state_->rows) {
    if (!row.is_object()) {
      return Fail(ErrorCode::kUnprocessable, "row {} must be an object of columns, got {}", i,
                  Shown(row));
    }
    std::ranges::fill(seen, std::uint8_t{0});
    std::size_t found = 0;
    std::size_t next = 0;
    const dom::object fields = row.get_object().value_unsafe();
    for (const auto field : fields) {
      // Most clients send the columns in the model's own order.
      if (next >= columns.size() || columns[next] != field.key) {
        const auto at = model.FindColumn(field.key);
        if (!at) {
          unknown.emplace(field.key);
          continue;
        }
        next = *at;
      }
      if (!Fits(field.value, wants[next])) {
        return Fail(ErrorCode::kUnprocessable, "row {}: column '{}' must be {}, got {}", i,
                    columns[next], Word{NameOf(wants[next])}, Shown(field.value));
      }
      if (seen[next] != 0) {
        return Fail(ErrorCode::kUnprocessable, "row {} names column '{}' twice", i, columns[next]);
      }
      result.cells[i * columns.size() + next] = ToCell(field.value);
      ++found;
      seen[next++] = 1;
    }
    if (found == 0 && !columns.empty()) return std::unexpected(NoKnownColumn(fields, i, columns));
    for (std::size_t c = 0; found < columns.size() && c < columns.size(); ++c) {
      if (seen[c] == 0) missing.insert(columns[c]);
    }
    ++i;
  }
  if (!missing.empty()) {
    result.warnings.push_back(Msg("missing columns count as empty: {}", Listed(missing)));
  }
  if (!unknown.empty()) {
    result.warnings.push_back(
        Msg("columns that the model does not know were ignored: {}", Listed(unknown)));
  }
  return result;
}

std::vector<Json> PredictBody::ValuesOf(const LoadedModel& model, std::size_t row) const {
  std::vector<Json> values(model.columns().size());
  if (!state_->rows[row].is_object()) return values;
  const dom::object fields = state_->rows[row].get_object().value_unsafe();
  for (const auto field : fields) {
    if (const auto column = model.FindColumn(field.key)) values[*column] = ToJson(field.value);
  }
  return values;
}

void AppendPrediction(std::string& out, const LoadedModel& model, std::span<const double> margins,
                      const Json* explanation) {
  static thread_local std::vector<double> finished;
  finished.resize(model.width());
  model.Finish(margins, finished);
  if (model.labels().empty()) {
    out += "{\"value\":";
    AppendNumber(out, finished[0]);
    if (const auto interval = model.Interval(finished[0])) {
      out += ",\"interval\":[";
      AppendNumber(out, interval->first);
      out += ',';
      AppendNumber(out, interval->second);
      out += ']';
    } else {
      out += ",\"interval\":null";
    }
  } else {
    const auto best =
        static_cast<std::size_t>(std::ranges::max_element(finished) - finished.begin());
    out += "{\"label\":";
    AppendJsonText(out, model.labels()[best]);
    out += ",\"probabilities\":{";
    for (std::size_t i = 0; i < finished.size(); ++i) {
      if (i > 0) out += ',';
      AppendJsonText(out, model.labels()[i]);
      out += ':';
      AppendNumber(out, finished[i]);
    }
    out += '}';
  }
  if (explanation != nullptr) {
    out += ",\"explanation\":";
    out += explanation->dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  out += '}';
}

Json ExplanationJson(const LoadedModel& model, const Explanation& why, const PredictBody& body,
                     std::size_t row) {
  std::vector<Json> values = body.ValuesOf(model, row);
  Json list = Json::array();
  for (const ColumnContribution& each : why.contributions) {
    list.push_back({{"column", model.columns()[each.column]},
                    {"value", std::move(values[each.column])},
                    {"contribution", Finite(each.value)}});
  }
  Json output;
  if (!model.labels().empty())
    output = model.labels()[model.labels().size() == 2 && model.outputs() == 1 ? 1 : why.output];
  return {{"output", std::move(output)},
          {"base", Finite(why.base)},
          {"margin", Finite(why.margin)},
          {"contributions", std::move(list)}};
}

}  // namespace aimass
