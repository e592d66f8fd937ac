#include "sources/connectors/mongodb/layout.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/id.h"
#include "sources/connectors/mongodb/decode.h"
#include "sources/database.h"
#include "sources/fields.h"

namespace aimass::connectors::mongodb {
namespace {

using aimass::mongodb::BsonReader;
using aimass::mongodb::BsonType;
using aimass::mongodb::Element;

constexpr std::size_t kMaxFields = 500;
constexpr std::size_t kMaxSampledFields = 20'000;
constexpr int kMaxPrecision = 38;
constexpr std::array<std::string_view, 1> kOwnColumns = {kIdTime};

constexpr Type kText{.kind = TypeKind::kText};
constexpr Type kMoment{.kind = TypeKind::kTimestampTz};

// The server's own words ($type), in the order of the bits of Sample::Field::types.
constexpr std::array<std::pair<BsonType, std::string_view>, 21> kTypeWords = {
    {{BsonType::kDouble, "double"},     {BsonType::kString, "string"},
     {BsonType::kDocument, "object"},   {BsonType::kArray, "array"},
     {BsonType::kBinary, "binData"},    {BsonType::kUndefined, "undefined"},
     {BsonType::kObjectId, "objectId"}, {BsonType::kBool, "bool"},
     {BsonType::kDate, "date"},         {BsonType::kNull, "null"},
     {BsonType::kRegex, "regex"},       {BsonType::kDbPointer, "dbPointer"},
     {BsonType::kCode, "javascript"},   {BsonType::kSymbol, "symbol"},
     {BsonType::kInt32, "int"},         {BsonType::kCodeWithScope, "javascriptWithScope"},
     {BsonType::kInt64, "long"},        {BsonType::kTimestamp, "timestamp"},
     {BsonType::kMinKey, "minKey"},     {BsonType::kDecimal128, "decimal"},
     {BsonType::kMaxKey, "maxKey"}}};

constexpr std::uint32_t BitOf(BsonType type) {
  for (std::size_t i = 0; i < kTypeWords.size(); ++i) {
    if (kTypeWords[i].first == type) return std::uint32_t{1} << i;
  }
  return 0;
}

constexpr std::uint32_t kNothing = BitOf(BsonType::kNull) | BitOf(BsonType::kUndefined);
constexpr std::uint32_t kWhole = BitOf(BsonType::kInt32) | BitOf(BsonType::kInt64);

int DigitsOf(Int128 value) {
  int digits = 0;
  for (; value != 0; value /= 10) ++digits;
  return digits;
}

}  // namespace

void Sample::Field::Add(const Element& element) {
  ++seen;
  types |= BitOf(element.type);
  switch (element.type) {
    case BsonType::kInt32:
    case BsonType::kInt64:
      exact_doubles = exact_doubles && ExactDouble(element.Whole()).has_value();
      whole_digits = std::max(whole_digits, DigitsOf(element.Whole()));
      break;
    case BsonType::kDate:
      ordinary_days = ordinary_days && OrdinaryMoment(element.Whole()).has_value();
      break;
    case BsonType::kBinary:
      only_uuids = only_uuids && element.IsUuid();
      break;
    case BsonType::kDecimal128: {
      const auto value = aimass::mongodb::Decimal128Of(element.bytes);
      finite = finite && value.finite;
      if (value.coefficient == 0 && value.exponent < -kMaxPrecision) break;  // 0E-6000 is 0
      scale = std::max(scale, -value.exponent);
      whole_digits = std::max(whole_digits, DigitsOf(value.coefficient) + value.exponent);
      break;
    }
    default:
      break;
  }
}

bool Sample::Field::Only(BsonType type) const { return (types & ~kNothing) == BitOf(type); }

Type Sample::Field::MakeType() const {
  const std::uint32_t some = types & ~kNothing;
  const auto within = [some](std::uint32_t allowed) { return (some & ~allowed) == 0; };
  if (some == 0) return kText;
  if (within(kWhole)) return {.kind = TypeKind::kInt64};
  if (within(kWhole | BitOf(BsonType::kDouble)))
    return exact_doubles ? Type{.kind = TypeKind::kFloat64} : kText;
  if (within(kWhole | BitOf(BsonType::kDecimal128))) {
    if (!finite || whole_digits + scale > kMaxPrecision) return kText;
    return {.kind = TypeKind::kDecimal, .precision = kMaxPrecision, .scale = scale};
  }
  if (Only(BsonType::kBool)) return {.kind = TypeKind::kBool};
  if (Only(BsonType::kDate) && ordinary_days) return kMoment;
  if (Only(BsonType::kBinary) && !only_uuids) return {.kind = TypeKind::kBinary};
  return kText;
}

std::string Sample::Field::NativeType() const {
  std::string words;
  for (std::size_t i = 0; i < kTypeWords.size(); ++i) {
    if ((types >> i & 1) == 0) continue;
    words += (words.empty() ? "" : ", ") + std::string(kTypeWords[i].second);
  }
  return words;
}

Status Sample::Add(std::string_view document) {
  BsonReader reader(document);
  while (reader.Next()) {
    const Element& element = reader.element();
    auto found = fields_.find(element.name);
    if (found == fields_.end()) {
      if (fields_.size() >= kMaxSampledFields) continue;
      found = fields_.emplace(std::string(element.name), Field{.place = fields_.size()}).first;
    }
    found->second.Add(element);
  }
  if (reader.damaged()) return NoBson();
  ++documents_;
  return {};
}

Layout LayoutOf(const Sample& sample, bool has_id) {
  using Named = std::pair<std::string_view, const Sample::Field*>;
  std::vector<Named> fields;
  for (const auto& [name, field] : sample.fields_) fields.emplace_back(name, &field);
  // The most frequent ones; _id is in every document of a collection.
  std::ranges::sort(fields, [](const Named& a, const Named& b) {
    return a.second->seen != b.second->seen ? a.second->seen > b.second->seen
                                            : a.second->place < b.second->place;
  });
  std::vector<Named> chosen;
  std::set<std::string> names;
  for (const Named& one : fields) {
    if (chosen.size() == kMaxFields) break;
    const std::string column = ColumnOfField(one.first, kOwnColumns);
    if (!column.empty() && names.insert(NameKey(column)).second) chosen.push_back(one);
  }
  std::ranges::sort(chosen, {}, [](const Named& one) { return one.second->place; });
  Layout layout;
  if (has_id && !sample.fields_.contains(kId))
    layout.columns.push_back({{std::string(kId), kText}, Role::kField, std::string(kId), {}});
  for (const auto& [name, field] : chosen) {
    layout.columns.push_back({{ColumnOfField(name, kOwnColumns), field->MakeType()},
                              Role::kField,
                              std::string(name),
                              field->NativeType()});
    if (name != kId || !field->Only(BsonType::kObjectId)) continue;
    layout.columns.push_back({{std::string(kIdTime), kMoment}, Role::kIdTime, {}, "objectId"});
  }
  layout.columns.push_back({{std::string(kMoreFields), kText}, Role::kMore, {}, "object"});
  return layout;
}

Layout LayoutOf(const Schema& schema) {
  Layout layout;
  for (const ColumnInfo& column : schema.columns) {
    Role role = Role::kField;
    if (column.name == kMoreFields) role = Role::kMore;
    if (column.name == kIdTime) role = Role::kIdTime;
    layout.columns.push_back({column, role, FieldOfColumn(column.name, kOwnColumns), {}});
  }
  return layout;
}

Result<Layout> Narrowed(const Layout& layout, const SourceRead& request) {
  if (request.columns.empty()) return layout;
  RETURN_IF_ERROR(CheckColumns(request, layout.MakeSchema()->columns));
  Layout narrowed;
  for (const std::string& name : request.columns) {
    narrowed.columns.push_back(*std::ranges::find(
        layout.columns, name, [](const LayoutColumn& column) { return column.info.name; }));
  }
  for (const LayoutColumn& column : layout.columns) {
    const bool asked =
        std::ranges::find(request.columns, column.info.name) != request.columns.end();
    if (!asked && column.role == Role::kField) narrowed.unasked.push_back(column.field);
  }
  return narrowed;
}

std::shared_ptr<const Schema> Layout::MakeSchema() const {
  auto schema = std::make_shared<Schema>();
  for (const LayoutColumn& column : columns) schema->columns.push_back(column.info);
  return schema;
}

}  // namespace aimass::connectors::mongodb
