#include "endpoints/rows.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/words.h"
#include "models/features/text.h"
#include "table/schema.h"

namespace aimass {
namespace {

constexpr std::size_t kMaxNamed = 10;  // columns that a warning names

enum class Wants : std::uint8_t { kNumber, kBool, kTime, kText };

Wants WantsOf(const std::string& type_name) {
  const auto type = TypeFromName(type_name);
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

bool Fits(const Json& value, Wants wants) {
  if (value.is_object() || value.is_array()) return false;
  if (wants == Wants::kText || value.is_null()) return true;
  if (!value.is_string()) return wants != Wants::kTime;
  const std::string_view text = features::Trim(value.get_ref<const std::string&>());
  if (text.empty()) return true;
  if (wants == Wants::kNumber) return features::ParseNumber(text).has_value() || IsBoolText(text);
  if (wants == Wants::kTime) return features::ParseTime(text).has_value();
  return IsBoolText(text);
}

Cell ToCell(const Json& value) {
  if (value.is_boolean()) return Cell::Bool(value.get<bool>());
  if (value.is_number()) return Cell::Number(value.get<double>());
  if (value.is_string()) return Cell::Text(value.get_ref<const std::string&>());
  return Cell::Null();
}

std::string Shown(const Json& value) {
  std::string text = value.dump();
  if (text.size() > 40) {
    std::size_t end = 40;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text = text.substr(0, end) + "…";
  }
  return text;
}

Listing Listed(const std::set<std::string>& names) {
  std::vector<std::string> shown;
  for (const std::string& name : names) {
    shown.push_back(shown.size() == kMaxNamed ? "…" : name);
    if (shown.size() > kMaxNamed) break;
  }
  return Listing(shown);
}

// A row that shares no column with the model is no question to it: mostly a misspelt or a foreign
// row, whose answer would mislead.
Error NoKnownColumn(const Json& row, std::size_t index, std::span<const std::string> columns) {
  std::vector<std::string_view> known(columns.begin(), columns.end());
  std::vector<std::string> given;
  std::string nearest;
  std::string misspelt;
  for (const auto& [name, value] : row.items()) {
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

}  // namespace

double Finite(double value) {
  constexpr double kLargest = std::numeric_limits<double>::max();
  return std::isnan(value) ? 0.0 : std::clamp(value, -kLargest, kLargest);
}

Result<RequestRows> CellsOf(const LoadedModel& model, const Json& rows) {
  const auto columns = model.columns();
  std::vector<Wants> wants;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    wants.push_back(c < model.types().size() ? WantsOf(model.types()[c]) : Wants::kText);
  }
  RequestRows result;
  result.count = rows.size();
  result.cells.resize(rows.size() * columns.size());
  std::set<std::string> missing;
  std::set<std::string> unknown;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Json& row = rows[i];
    if (!row.is_object()) {
      return Fail(ErrorCode::kUnprocessable, "row {} must be an object of columns, got {}", i,
                  Shown(row));
    }
    std::size_t found_columns = 0;
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const auto found = row.find(columns[c]);
      if (found == row.end()) {
        missing.insert(columns[c]);
        continue;
      }
      ++found_columns;
      if (!Fits(*found, wants[c])) {
        return Fail(ErrorCode::kUnprocessable, "row {}: column '{}' must be {}, got {}", i,
                    columns[c], Word{NameOf(wants[c])}, Shown(*found));
      }
      result.cells[i * columns.size() + c] = ToCell(*found);
    }
    if (found_columns == 0 && !columns.empty())
      return std::unexpected(NoKnownColumn(row, i, columns));
    if (found_columns == row.size()) continue;
    for (const auto& [name, value] : row.items()) {
      if (std::ranges::find(columns, name) == columns.end()) unknown.insert(name);
    }
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

Json PredictionJson(const LoadedModel& model, std::span<const double> margins) {
  static thread_local std::vector<double> finished;
  finished.resize(model.width());
  model.Finish(margins, finished);
  if (model.labels().empty()) {
    Json json{{"value", Finite(finished[0])}, {"interval", nullptr}};
    if (const auto interval = model.Interval(finished[0])) {
      json["interval"] = Json::array({Finite(interval->first), Finite(interval->second)});
    }
    return json;
  }
  Json probabilities = Json::object();
  for (std::size_t i = 0; i < finished.size(); ++i)
    probabilities[model.labels()[i]] = Finite(finished[i]);
  const auto best = static_cast<std::size_t>(std::ranges::max_element(finished) - finished.begin());
  return {{"label", model.labels()[best]}, {"probabilities", std::move(probabilities)}};
}

Json ExplanationJson(const LoadedModel& model, const Explanation& why, const Json& row) {
  Json list = Json::array();
  for (const ColumnContribution& each : why.contributions) {
    const std::string& column = model.columns()[each.column];
    const auto value = row.find(column);
    list.push_back({{"column", column},
                    {"value", value == row.end() ? Json() : *value},
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
