#include "table/schema.h"

#include <array>
#include <charconv>
#include <utility>

namespace aimass {
namespace {

constexpr std::array<std::pair<TypeKind, std::string_view>, 18> kSimpleNames{{
    {TypeKind::kNull, "null"},
    {TypeKind::kBool, "boolean"},
    {TypeKind::kInt8, "tinyint"},
    {TypeKind::kInt16, "smallint"},
    {TypeKind::kInt32, "integer"},
    {TypeKind::kInt64, "bigint"},
    {TypeKind::kUInt8, "utinyint"},
    {TypeKind::kUInt16, "usmallint"},
    {TypeKind::kUInt32, "uinteger"},
    {TypeKind::kUInt64, "ubigint"},
    {TypeKind::kFloat32, "float"},
    {TypeKind::kFloat64, "double"},
    {TypeKind::kText, "text"},
    {TypeKind::kBinary, "binary"},
    {TypeKind::kDate, "date"},
    {TypeKind::kTime, "time"},
    {TypeKind::kTimestamp, "timestamp"},
    {TypeKind::kTimestampTz, "timestamp with time zone"},
}};

constexpr int kMaxDepth = 32;

bool IsNameByte(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; }

/// Reads the grammar that TypeName writes.
class TypeParser {
 public:
  explicit TypeParser(std::string_view text) : text_(text), rest_(text) {}

  Result<Type> Parse() {
    ASSIGN_OR_RETURN(Type type, ParseType(0));
    if (!rest_.empty()) return Unknown();
    return type;
  }

 private:
  std::unexpected<Error> Unknown() const {
    return Fail(
        ErrorCode::kInvalidArgument,
        "no type '{}'; there are: null boolean tinyint smallint integer bigint utinyint usmallint "
        "uinteger ubigint float double decimal(p,s) text binary date time timestamp, timestamp "
        "with "
        "time zone, list(type), struct(\"name\" type, …), map(type, type)",
        text_);
  }

  bool Take(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  void SkipSpaces() {
    while (Take(" ")) {
    }
  }

  Result<int> ParseNumber() {
    SkipSpaces();
    int value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc()) return Unknown();
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    SkipSpaces();
    return value;
  }

  Result<std::string> ParseQuoted() {
    SkipSpaces();
    if (!Take("\"")) return Unknown();
    std::string name;
    while (!rest_.empty()) {
      if (Take("\"\"")) {
        name += '"';
      } else if (Take("\"")) {
        SkipSpaces();
        return name;
      } else {
        name += rest_.front();
        rest_.remove_prefix(1);
      }
    }
    return Unknown();
  }

  Result<Type> ParseType(int depth) {
    if (depth > kMaxDepth) return Unknown();
    SkipSpaces();
    if (Take("timestamp with time zone")) {
      SkipSpaces();
      return Type{.kind = TypeKind::kTimestampTz};
    }
    std::size_t length = 0;
    while (length < rest_.size() && IsNameByte(rest_[length])) ++length;
    const std::string_view word = rest_.substr(0, length);
    rest_.remove_prefix(length);
    if (word == "decimal") return ParseDecimal();
    if (word == "list") return ParseNested(TypeKind::kList, {"item"}, depth);
    if (word == "map") return ParseNested(TypeKind::kMap, {"key", "value"}, depth);
    if (word == "struct") return ParseStruct(depth);
    for (const auto& [kind, name] : kSimpleNames) {
      if (name == word) {
        SkipSpaces();
        return Type{.kind = kind};
      }
    }
    return Unknown();
  }

  Result<Type> ParseDecimal() {
    Type type{.kind = TypeKind::kDecimal};
    if (!Take("(")) return Unknown();
    ASSIGN_OR_RETURN(type.precision, ParseNumber());
    if (!Take(",")) return Unknown();
    ASSIGN_OR_RETURN(type.scale, ParseNumber());
    if (!Take(")") || type.precision < 1 || type.precision > 38 || type.scale < 0 ||
        type.scale > type.precision) {
      return Unknown();
    }
    SkipSpaces();
    return type;
  }

  Result<Type> ParseNested(TypeKind kind, const std::vector<std::string_view>& names, int depth) {
    Type type{.kind = kind};
    if (!Take("(")) return Unknown();
    for (const std::string_view name : names) {
      if (!type.children.empty() && !Take(",")) return Unknown();
      ASSIGN_OR_RETURN(Type child, ParseType(depth + 1));
      type.children.push_back(
          {.name = std::string(name), .type = std::move(child), .nullable = name != "key"});
    }
    if (!Take(")")) return Unknown();
    SkipSpaces();
    return type;
  }

  Result<Type> ParseStruct(int depth) {
    Type type{.kind = TypeKind::kStruct};
    if (!Take("(")) return Unknown();
    do {
      ASSIGN_OR_RETURN(std::string name, ParseQuoted());
      ASSIGN_OR_RETURN(Type child, ParseType(depth + 1));
      type.children.push_back({.name = std::move(name), .type = std::move(child)});
    } while (Take(","));
    if (!Take(")")) return Unknown();
    SkipSpaces();
    return type;
  }

  std::string_view text_;
  std::string_view rest_;
};

}  // namespace

std::optional<std::size_t> Schema::Find(std::string_view name) const {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name) return i;
  }
  return std::nullopt;
}

std::string TypeName(const Type& type) {
  switch (type.kind) {
    case TypeKind::kDecimal:
      return fmt::format("decimal({},{})", type.precision, type.scale);
    case TypeKind::kList:
      return fmt::format("list({})", TypeName(type.children.at(0).type));
    case TypeKind::kMap:
      return fmt::format("map({}, {})", TypeName(type.children.at(0).type),
                         TypeName(type.children.at(1).type));
    case TypeKind::kStruct: {
      std::string text = "struct(";
      for (const ColumnInfo& child : type.children) {
        if (text.back() != '(') text += ", ";
        text += '"';
        for (const char c : child.name) text += c == '"' ? "\"\"" : std::string(1, c);
        text += "\" " + TypeName(child.type);
      }
      return text + ")";
    }
    default:
      for (const auto& [kind, name] : kSimpleNames) {
        if (kind == type.kind) return std::string(name);
      }
      return "null";
  }
}

Result<Type> TypeFromName(std::string_view name) { return TypeParser(name).Parse(); }

bool IsNumeric(const Type& type) {
  return type.kind >= TypeKind::kInt8 && type.kind <= TypeKind::kDecimal;
}

bool IsTemporal(const Type& type) {
  return type.kind == TypeKind::kDate || type.kind == TypeKind::kTimestamp ||
         type.kind == TypeKind::kTimestampTz;
}

}  // namespace aimass
