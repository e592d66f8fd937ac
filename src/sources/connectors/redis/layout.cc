#include "sources/connectors/redis/layout.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/id.h"
#include "base/percent.h"
#include "sources/database.h"
#include "sources/fields.h"

namespace aimass::connectors::redis {
namespace {

constexpr std::size_t kMaxFields = 500;
constexpr std::size_t kMaxSampledFields = 20'000;

constexpr Type kText{.kind = TypeKind::kText};
constexpr Type kWhole{.kind = TypeKind::kInt64};
constexpr Type kMoment{.kind = TypeKind::kTimestampTz};

Type TextOr(bool binary) { return {.kind = binary ? TypeKind::kBinary : TypeKind::kText}; }

bool HasNamedFields(Shape shape) { return shape == Shape::kHash || shape == Shape::kStream; }

// What every table of a shape has, whatever its keys hold.
std::vector<LayoutColumn> OwnColumns(const Place& place, const Sample& sample, bool expires) {
  const LayoutColumn key{{"key", kText, false}, Role::kKey, {}};
  const LayoutColumn value{{"value", TextOr(sample.binary_value)}, Role::kValue, {}};
  const auto member = [&](const char* name, Role role) {
    return LayoutColumn{{name, TextOr(sample.binary_name), false}, role, {}};
  };
  switch (place.shape) {
    case Shape::kString:
      if (!expires) return {key, value};
      return {key, value, {{"expires_at", kMoment}, Role::kExpires, {}}};
    case Shape::kHash:
      return {key};
    case Shape::kFields:
      return {key, member("field", Role::kField), value};
    case Shape::kList:
      return {key, {{"index", kWhole, false}, Role::kIndex, {}}, value};
    case Shape::kSet:
      return {key, member("member", Role::kMember)};
    case Shape::kZset:
      return {key,
              member("member", Role::kMember),
              {{"score", {.kind = TypeKind::kFloat64}}, Role::kScore, {}}};
    case Shape::kStream:
      return {{{"id", kText, false}, Role::kId, {}},
              {{"position", kWhole, false}, Role::kPosition, {}},
              {{"added_at", kMoment, false}, Role::kAt, {}}};
  }
  return {key};
}

const LayoutColumn kMoreColumn{{std::string(kMoreFields), kText}, Role::kMore, {}};

std::vector<std::string_view> NamesOf(const std::vector<LayoutColumn>& columns) {
  std::vector<std::string_view> names;
  for (const LayoutColumn& column : columns) names.push_back(column.info.name);
  return names;
}

}  // namespace

void Sample::AddField(std::string_view name, std::string_view value) {
  auto found = fields.find(name);
  if (found == fields.end()) {
    if (fields.size() >= kMaxSampledFields) return;
    found = fields.emplace(std::string(name), Field{}).first;
  }
  ++found->second.seen;
  if (!IsUtf8(value)) found->second.binary = true;
}

Layout LayoutOf(const Place& place, const Sample& sample, bool expires) {
  Layout layout{.place = place, .columns = OwnColumns(place, sample, expires)};
  if (!HasNamedFields(place.shape)) return layout;
  const std::vector<LayoutColumn> own = layout.columns;
  const std::vector<std::string_view> own_names = NamesOf(own);
  std::vector<std::pair<std::string_view, const Sample::Field*>> fields;
  for (const auto& [name, field] : sample.fields) fields.emplace_back(name, &field);
  std::ranges::stable_sort(fields, std::greater(),
                           [](const auto& one) { return one.second->seen; });
  std::vector<LayoutColumn> chosen;
  std::set<std::string> names;
  for (const auto& [name, field] : fields) {
    if (chosen.size() == kMaxFields) break;
    const std::string column = ColumnOfField(name, own_names);
    if (column.empty() || !names.insert(NameKey(column)).second) continue;
    chosen.push_back({{column, TextOr(field->binary)}, Role::kNamedField, std::string(name)});
  }
  std::ranges::sort(chosen, {}, [](const LayoutColumn& column) { return column.info.name; });
  std::ranges::move(chosen, std::back_inserter(layout.columns));
  layout.columns.push_back(kMoreColumn);
  return layout;
}

Result<Layout> Narrowed(const Layout& layout, const SourceRead& request) {
  if (request.columns.empty()) return layout;
  if (!HasNamedFields(layout.place.shape))
    RETURN_IF_ERROR(CheckColumns(request, layout.MakeSchema()->columns));
  std::vector<LayoutColumn> own;
  std::ranges::copy_if(layout.columns, std::back_inserter(own),
                       [](const auto& column) { return column.role < Role::kNamedField; });
  Layout narrowed{.place = layout.place, .columns = {}};
  for (const std::string& name : request.columns) {
    const auto known = std::ranges::find(layout.columns, name, [](const auto& column) {
      return std::string_view(column.info.name);
    });
    if (known != layout.columns.end()) {
      narrowed.columns.push_back(*known);
    } else {
      narrowed.columns.push_back(
          {{name, kText}, Role::kNamedField, FieldOfColumn(name, NamesOf(own))});
    }
  }
  return narrowed;
}

std::shared_ptr<const Schema> Layout::MakeSchema() const {
  auto schema = std::make_shared<Schema>();
  for (const LayoutColumn& column : columns) schema->columns.push_back(column.info);
  return schema;
}

std::vector<std::string> Layout::KeyColumns() const {
  switch (place.shape) {
    case Shape::kString:
    case Shape::kHash:
      return {"key"};
    case Shape::kFields:
      return {"key", "field"};
    case Shape::kList:
      return {"key", "index"};
    case Shape::kSet:
    case Shape::kZset:
      return {"key", "member"};
    case Shape::kStream:
      return {"position"};
  }
  return {};
}

std::string Layout::NativeType(const LayoutColumn& column) {
  static constexpr std::array<std::string_view, 12> kWords = {
      "key",   "value", "PEXPIRETIME", "field", "index",      "member",
      "score", "id",    "id",          "id",    "hash field", "hash fields"};
  return std::string(kWords[static_cast<std::size_t>(column.role)]);
}

}  // namespace aimass::connectors::redis
