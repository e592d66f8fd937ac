#include "base/settings.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

#include "base/json.h"
#include "base/words.h"

namespace aimass {
namespace {

Status CheckNumber(std::string_view owner, const Field& field, std::string_view text) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = field.kind != FieldKind::kInteger || std::trunc(value) == value;
  if (error != std::errc{} || end != text.data() + text.size() || !whole || !std::isfinite(value)) {
    return Fail(ErrorCode::kInvalidArgument, "{}: setting '{}' must be {}, got '{}'", owner,
                field.name, Word{field.kind == FieldKind::kInteger ? "an integer" : "a number"},
                text);
  }
  if (value < field.min || value > field.max) {
    return Fail(ErrorCode::kInvalidArgument, "{}: setting '{}' must be between {} and {}, got '{}'",
                owner, field.name, field.min, field.max, text);
  }
  return {};
}

Status CheckValue(std::string_view owner, const Field& field, std::string_view text) {
  switch (field.kind) {
    case FieldKind::kInteger:
    case FieldKind::kNumber:
      return CheckNumber(owner, field, text);
    case FieldKind::kBool:
      if (text == "true" || text == "false") return {};
      return Fail(ErrorCode::kInvalidArgument, "{}: setting '{}' must be true or false, got '{}'",
                  owner, field.name, text);
    case FieldKind::kChoice: {
      const std::string padded = fmt::format(" {} ", field.choices);
      if (!text.empty() && padded.find(fmt::format(" {} ", text)) != std::string::npos) return {};
      return Fail(ErrorCode::kInvalidArgument, "{}: setting '{}' must be one of {}, got '{}'",
                  owner, field.name, field.choices, text);
    }
    case FieldKind::kText:
    case FieldKind::kSecret:
      return {};
  }
  return {};
}

}  // namespace

Result<Settings> CheckSettings(std::string_view owner, std::span<const Field> fields,
                               const Settings& given) {
  Settings checked;
  std::vector<std::string_view> names;
  for (const Field& field : fields) {
    names.push_back(field.name);
    const auto found = given.find(field.name);
    if (found == given.end()) {
      if (field.required) {
        return Fail(ErrorCode::kInvalidArgument, "{} needs setting '{}'", owner, field.name);
      }
      checked.emplace(field.name, field.default_value);
      continue;
    }
    RETURN_IF_ERROR(CheckValue(owner, field, found->second));
    checked.emplace(field.name, found->second);
  }
  for (const auto& [name, value] : given) {
    if (checked.contains(name)) continue;
    auto error = Fail(ErrorCode::kInvalidArgument, "{} has no setting '{}'; it has: {}", owner,
                      name, fmt::format("{}", fmt::join(names, " ")));
    const std::string nearest = Nearest(name, names);
    if (nearest.empty()) return error;
    return WithHint(std::move(error), Msg("did you mean '{}'?", nearest));
  }
  return checked;
}

std::int64_t IntegerOf(const Settings& settings, std::string_view name) {
  return static_cast<std::int64_t>(NumberOf(settings, name));
}

double NumberOf(const Settings& settings, std::string_view name) {
  const auto found = settings.find(name);
  double value = 0.0;
  if (found == settings.end()) return value;
  std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
  return value;
}

bool BoolOf(const Settings& settings, std::string_view name) {
  const auto found = settings.find(name);
  return found != settings.end() && found->second == "true";
}

}  // namespace aimass
