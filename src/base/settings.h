#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/message.h"

namespace aimass {

enum class FieldKind : std::uint8_t { kText, kInteger, kNumber, kBool, kSecret, kChoice };

/// One setting of a plug-in, declared as data: the console's form, the CLI's flags, the validation
/// and the reference page are drawn from it.
struct Field {
  std::string_view name;
  Label label;
  FieldKind kind = FieldKind::kText;
  std::string_view default_value = {};
  bool required = false;
  std::string_view choices = {};  // space-separated, for kChoice
  double min = -1e300;            // bounds of kInteger and kNumber, inclusive
  double max = 1e300;
};

/// Checked settings: every declared field is present (given or default).
using Settings = std::map<std::string, std::string, std::less<>>;

/// Checks `given` against `fields` and fills in defaults.
/// Errors   kInvalidArgument naming `owner` ("learner 'xgboost'"), the field, expected and found.
[[nodiscard]] Result<Settings> CheckSettings(std::string_view owner, std::span<const Field> fields,
                                             const Settings& given);

/// A checked kInteger, kNumber or kBool setting. The name must be declared.
[[nodiscard]] std::int64_t IntegerOf(const Settings& settings, std::string_view name);
[[nodiscard]] double NumberOf(const Settings& settings, std::string_view name);
[[nodiscard]] bool BoolOf(const Settings& settings, std::string_view name);

}  // namespace aimass
