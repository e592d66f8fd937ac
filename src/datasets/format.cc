#include "datasets/format.h"

#include <algorithm>
#include <array>
#include <utility>

namespace aimass {

Result<std::unique_ptr<BatchReader>> FormatReader::ReadColumns(
    const std::vector<std::size_t>& /*columns*/, const Schema& /*schema*/) {
  return Fail(ErrorCode::kInternal, "this format reads no column twice");
}

Status FormatReader::Restore(const Json& checkpoint) {
  if (checkpoint.is_null()) return {};
  return Fail(ErrorCode::kInternal, "this format cannot go on within a file");
}

Result<Settings> CheckFormatSettings(const FormatType& format, const Settings& given) {
  ASSIGN_OR_RETURN(Settings settings,
                   CheckSettings(fmt::format("format '{}'", format.name), format.fields, given));
  if (format.check != nullptr) RETURN_IF_ERROR(format.check(settings));
  return settings;
}

Result<OnMisfit> OnMisfitFromName(std::string_view name) {
  if (name == "widen") return OnMisfit::kWiden;
  if (name == "reject") return OnMisfit::kReject;
  if (name == "null") return OnMisfit::kNull;
  return Fail(ErrorCode::kUnprocessable, "on_error must be widen, reject or null; got '{}'", name);
}

Result<std::map<std::string, Type>> TypesFromJson(const Json& types) {
  constexpr std::array<std::pair<std::string_view, TypeKind>, 13> kNames{{
      {"bool", TypeKind::kBool},
      {"boolean", TypeKind::kBool},
      {"int", TypeKind::kInt64},
      {"integer", TypeKind::kInt64},
      {"bigint", TypeKind::kInt64},
      {"float", TypeKind::kFloat64},
      {"double", TypeKind::kFloat64},
      {"number", TypeKind::kFloat64},
      {"text", TypeKind::kText},
      {"string", TypeKind::kText},
      {"date", TypeKind::kDate},
      {"timestamp", TypeKind::kTimestamp},
      {"timestamp with time zone", TypeKind::kTimestampTz},
  }};
  std::map<std::string, Type> out;
  if (types.is_null()) return out;
  if (!types.is_object()) {
    return Fail(ErrorCode::kUnprocessable, "'types' must be an object of column names and types");
  }
  for (const auto& [column, type] : types.items()) {
    const std::string name = type.is_string() ? type.get<std::string>() : type.dump();
    const auto* const at = std::find_if(kNames.begin(), kNames.end(),
                                        [&name](const auto& known) { return known.first == name; });
    if (at == kNames.end()) {
      return Fail(ErrorCode::kUnprocessable,
                  "the type of column '{}' must be one of boolean, bigint (integer), double "
                  "(number), text, date, timestamp, timestamp with time zone; got '{}'",
                  column, name);
    }
    out[column] = Type{.kind = at->second};
  }
  return out;
}

}  // namespace aimass
