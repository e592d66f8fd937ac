#include "models/features/encoder.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>

#include "models/features/text.h"

namespace aimass::features {
namespace {

float TimePart(std::string_view part, std::int64_t unix_us, std::int64_t reference_us) {
  const CivilTime civil = ToCivil(unix_us);
  constexpr double kTurn = 2.0 * std::numbers::pi;
  if (part == "year") return static_cast<float>(civil.year);
  if (part == "month") return static_cast<float>(civil.month);
  if (part == "day") return static_cast<float>(civil.day);
  if (part == "weekday") return static_cast<float>(civil.weekday);
  if (part == "hour") return static_cast<float>(civil.hour);
  if (part == "month_end") return civil.day == civil.days_in_month ? 1.0F : 0.0F;
  if (part == "days") return ToFloat(static_cast<double>(unix_us - reference_us) / 86'400e6);
  if (part == "month_sin") return ToFloat(std::sin(kTurn * (civil.month - 1) / 12.0));
  if (part == "month_cos") return ToFloat(std::cos(kTurn * (civil.month - 1) / 12.0));
  if (part == "hour_sin") return ToFloat(std::sin(kTurn * civil.hour / 24.0));
  return ToFloat(std::cos(kTurn * civil.hour / 24.0));
}

struct Writer {
  const Encoder& encoder;
  std::span<const Cell> cells;
  std::span<float> out;

  [[nodiscard]] const Cell& cell() const { return cells[encoder.column]; }

  void operator()(const NumberEncoder&) const { out[0] = NumberOfCell(cell()); }

  void operator()(const CategoryEncoder& fitted) const {
    thread_local std::string scratch;
    const auto found = fitted.codes.find(KeyOfCell(cell(), scratch));
    out[0] = found == fitted.codes.end() ? kMissing : static_cast<float>(found->second);
  }

  void operator()(const TargetEncoder& fitted) const {
    thread_local std::string scratch;
    const std::string_view key = KeyOfCell(cell(), scratch);
    if (key.empty()) {
      std::ranges::fill(out, kMissing);
      return;
    }
    const auto found = fitted.keys.find(key);
    if (found == fitted.keys.end()) {
      fitted.Write({}, 0.0, 0.0, fitted.prior, out);
      return;
    }
    const std::size_t index = found->second;
    const double rows = fitted.rows[index];
    fitted.Write(std::span(fitted.sums).subspan(index * fitted.outputs, fitted.outputs), rows, rows,
                 fitted.prior, out);
  }

  void operator()(const TimeEncoder& fitted) const {
    const auto time = TimeOfCell(cell());
    for (std::size_t i = 0; i < fitted.parts.size(); ++i) {
      out[i] = time ? TimePart(fitted.parts[i], *time, fitted.reference_us) : kMissing;
    }
  }

  void operator()(const DifferenceEncoder&) const {
    const auto from = TimeOfCell(cell());
    const auto to = TimeOfCell(cells[encoder.other_column]);
    out[0] = from && to ? ToFloat(static_cast<double>(*to - *from) / 86'400e6) : kMissing;
  }

  void operator()(const TextEncoder& fitted) const {
    thread_local std::string scratch;
    const std::string_view text = KeyOfCell(cell(), scratch);
    if (text.empty()) {
      std::ranges::fill(out, kMissing);
      return;
    }
    std::ranges::fill(out, 0.0F);
    const std::uint64_t mask = (std::uint64_t{1} << fitted.bits) - 1;
    const std::size_t words = ForEachToken(text, [&](std::uint64_t hash) {
      const auto found = fitted.at.find(static_cast<std::uint32_t>((hash ^ (hash >> 32)) & mask));
      if (found != fitted.at.end()) out[found->second] += 1.0F;
    });
    const std::size_t n = fitted.buckets.size();
    for (std::size_t i = 0; i < n; ++i) out[i] = std::log1p(out[i]);
    out[n] = static_cast<float>(words);
    out[n + 1] = static_cast<float>(CountCharacters(text));
  }
};

Status Check(bool good, std::string_view what) {
  if (good) return {};
  return Fail(ErrorCode::kUnprocessable, "features.json is damaged: {}", what);
}

Result<Encoder> Parse(const Json& json) {
  Encoder encoder;
  encoder.column = json.at("column").get<std::size_t>();
  const auto kind = json.at("kind").get<std::string>();
  if (kind == "number") {
    encoder.fitted = NumberEncoder{};
  } else if (kind == "category") {
    CategoryEncoder fitted;
    fitted.keys = json.at("values").get<std::vector<std::string>>();
    for (std::size_t i = 0; i < fitted.keys.size(); ++i)
      fitted.codes.emplace(fitted.keys[i], static_cast<int>(i));
    encoder.fitted = std::move(fitted);
  } else if (kind == "target") {
    TargetEncoder fitted;
    fitted.smoothing = json.at("smoothing").get<double>();
    fitted.prior = json.at("prior").get<std::vector<double>>();
    fitted.outputs = fitted.prior.size();
    fitted.rows = json.at("rows").get<std::vector<std::uint32_t>>();
    fitted.sums = json.at("sums").get<std::vector<double>>();
    const Json& values = json.at("values");
    RETURN_IF_ERROR(Check(fitted.outputs > 0 && fitted.rows.size() == values.size() &&
                              fitted.sums.size() == values.size() * fitted.outputs,
                          "the lengths of a target encoding differ"));
    for (std::size_t i = 0; i < values.size(); ++i) {
      fitted.keys.emplace(values[i].get<std::string>(), static_cast<std::uint32_t>(i));
    }
    RETURN_IF_ERROR(
        Check(fitted.keys.size() == values.size(), "a value of a target encoding twice"));
    encoder.fitted = std::move(fitted);
  } else if (kind == "time") {
    TimeEncoder fitted{.parts = json.at("parts").get<std::vector<std::string>>(),
                       .reference_us = json.at("reference_us").get<std::int64_t>()};
    for (const std::string& part : fitted.parts) {
      RETURN_IF_ERROR(Check(std::ranges::find(kTimeParts, part) != std::end(kTimeParts),
                            "an unknown part of a time"));
    }
    encoder.fitted = std::move(fitted);
  } else if (kind == "difference") {
    encoder.other_column = json.at("other_column").get<std::size_t>();
    encoder.fitted = DifferenceEncoder{};
  } else if (kind == "text") {
    TextEncoder fitted;
    fitted.bits = json.at("bits").get<int>();
    RETURN_IF_ERROR(Check(fitted.bits >= 1 && fitted.bits <= 30, "the bits of a text encoding"));
    fitted.buckets = json.at("buckets").get<std::vector<std::uint32_t>>();
    for (std::size_t i = 0; i < fitted.buckets.size(); ++i) {
      fitted.at.emplace(fitted.buckets[i], static_cast<std::uint32_t>(i));
    }
    encoder.fitted = std::move(fitted);
  } else {
    return Fail(ErrorCode::kUnprocessable,
                "features.json has an encoder '{}' that this build does not know", kind);
  }
  return encoder;
}

}  // namespace

float NumberOfCell(const Cell& cell) {
  switch (cell.kind) {
    case CellKind::kBool:
    case CellKind::kNumber:
      return ToFloat(cell.number);
    case CellKind::kText: {
      const std::string_view text = Trim(cell.text);
      if (text == "true" || text == "True" || text == "TRUE") return 1.0F;
      if (text == "false" || text == "False" || text == "FALSE") return 0.0F;
      const auto value = ParseNumber(text);
      return value ? ToFloat(*value) : kMissing;
    }
    default:
      return kMissing;
  }
}

std::string_view KeyOfCell(const Cell& cell, std::string& scratch) {
  switch (cell.kind) {
    case CellKind::kText:
      return Trim(cell.text);
    case CellKind::kBool:
      return cell.number != 0.0 ? "true" : "false";
    case CellKind::kNumber: {
      if (!std::isfinite(cell.number)) return {};
      scratch.resize(32);
      const bool whole = cell.number == std::trunc(cell.number) && std::fabs(cell.number) < 1e15;
      const auto end = whole ? std::to_chars(scratch.data(), scratch.data() + 32,
                                             static_cast<std::int64_t>(cell.number))
                             : std::to_chars(scratch.data(), scratch.data() + 32, cell.number);
      scratch.resize(static_cast<std::size_t>(end.ptr - scratch.data()));
      return scratch;
    }
    case CellKind::kTime: {
      scratch.resize(24);
      const auto end = std::to_chars(scratch.data(), scratch.data() + 24, cell.unix_us);
      scratch.resize(static_cast<std::size_t>(end.ptr - scratch.data()));
      return scratch;
    }
    default:
      return {};
  }
}

std::optional<std::int64_t> TimeOfCell(const Cell& cell) {
  if (cell.kind == CellKind::kTime) return cell.unix_us;
  if (cell.kind == CellKind::kText) return ParseTime(cell.text);
  return std::nullopt;
}

void TargetEncoder::Write(std::span<const double> key_sums, double key_rows, double all_rows,
                          std::span<const double> priors, std::span<float> out) const {
  for (std::size_t o = 0; o < outputs; ++o) {
    const double sum = key_sums.empty() ? 0.0 : key_sums[o];
    out[o] = ToFloat((sum + smoothing * priors[o]) / (key_rows + smoothing));
  }
  out[outputs] = ToFloat(std::log1p(all_rows));
}

void EncodeCells(const Encoder& encoder, std::span<const Cell> cells, std::span<float> out) {
  std::visit(Writer{encoder, cells, out}, encoder.fitted);
}

Json ToJson(const Encoder& encoder) {
  Json json = {{"column", encoder.column}};
  if (std::holds_alternative<NumberEncoder>(encoder.fitted)) {
    json["kind"] = "number";
  } else if (const auto* category = std::get_if<CategoryEncoder>(&encoder.fitted)) {
    json["kind"] = "category";
    json["values"] = category->keys;
  } else if (const auto* target = std::get_if<TargetEncoder>(&encoder.fitted)) {
    std::vector<std::string> values(target->keys.size());
    for (const auto& [key, index] : target->keys) values[index] = key;
    json["kind"] = "target";
    json["values"] = std::move(values);
    json["smoothing"] = target->smoothing;
    json["prior"] = target->prior;
    json["rows"] = target->rows;
    json["sums"] = target->sums;
  } else if (const auto* time = std::get_if<TimeEncoder>(&encoder.fitted)) {
    json["kind"] = "time";
    json["parts"] = time->parts;
    json["reference_us"] = time->reference_us;
  } else if (std::holds_alternative<DifferenceEncoder>(encoder.fitted)) {
    json["kind"] = "difference";
    json["other_column"] = encoder.other_column;
  } else if (const auto* text = std::get_if<TextEncoder>(&encoder.fitted)) {
    json["kind"] = "text";
    json["bits"] = text->bits;
    json["buckets"] = text->buckets;
  }
  return json;
}

Result<Encoder> EncoderFromJson(const Json& json) {
  try {
    return Parse(json);
  } catch (const Json::exception& error) {
    return Fail(ErrorCode::kUnprocessable, "features.json is damaged: {}", error.what());
  }
}

std::size_t WidthOf(const Encoder& encoder) {
  if (const auto* target = std::get_if<TargetEncoder>(&encoder.fitted)) return target->outputs + 1;
  if (const auto* time = std::get_if<TimeEncoder>(&encoder.fitted)) return time->parts.size();
  if (const auto* text = std::get_if<TextEncoder>(&encoder.fitted)) return text->buckets.size() + 2;
  return 1;
}

std::vector<FeatureInfo> FeaturesOf(const Encoder& encoder, std::span<const std::string> columns,
                                    std::span<const std::string> labels) {
  const std::string& column = columns[encoder.column];
  std::vector<FeatureInfo> out;
  if (std::holds_alternative<NumberEncoder>(encoder.fitted)) {
    out.push_back({column, column, 0});
  } else if (const auto* category = std::get_if<CategoryEncoder>(&encoder.fitted)) {
    out.push_back({column, column, static_cast<int>(category->keys.size())});
  } else if (const auto* target = std::get_if<TargetEncoder>(&encoder.fitted)) {
    for (std::size_t o = 0; o < target->outputs; ++o) {
      out.push_back({target->outputs == 1 ? column + ".target"
                                          : fmt::format("{}.target.{}", column, labels[o]),
                     column, 0});
    }
    out.push_back({column + ".frequency", column, 0});
  } else if (const auto* time = std::get_if<TimeEncoder>(&encoder.fitted)) {
    for (const std::string& part : time->parts) out.push_back({column + "." + part, column, 0});
  } else if (std::holds_alternative<DifferenceEncoder>(encoder.fitted)) {
    out.push_back({fmt::format("{}.days_to.{}", column, columns[encoder.other_column]), column, 0});
  } else if (const auto* text = std::get_if<TextEncoder>(&encoder.fitted)) {
    for (const std::uint32_t bucket : text->buckets)
      out.push_back({fmt::format("{}.gram_{:x}", column, bucket), column, 0});
    out.push_back({column + ".words", column, 0});
    out.push_back({column + ".characters", column, 0});
  }
  return out;
}

}  // namespace aimass::features
