#include "sources/connectors/elasticsearch/layout.h"

#include <algorithm>
#include <utility>

#include "base/id.h"
#include "sources/database.h"

namespace aimass::connectors::elasticsearch {
namespace {

constexpr std::size_t kMaxFields = 1000;
constexpr std::string_view kRenamed = "_2";

LayoutColumn OwnColumn(const char* name, Form form, bool nullable) {
  return {.info = {name, {.kind = TypeKind::kText}, nullable},
          .path = name,
          .field = {.form = form,
                    .type = {.kind = TypeKind::kText},
                    .native_type = name,
                    .dates = {},
                    .exact = false}};
}

}  // namespace

std::shared_ptr<const Schema> Layout::MakeSchema() const {
  auto schema = std::make_shared<Schema>();
  for (const LayoutColumn& column : columns) {
    if (column.wanted) schema->columns.push_back(column.info);
  }
  return schema;
}

std::vector<std::string> Layout::KeyColumns() const {
  if (several) return {"_index", "_id"};
  return {"_id"};
}

const LayoutColumn* Layout::Find(std::string_view name) const {
  const auto found = std::ranges::find_if(columns, [name](const LayoutColumn& column) {
    return column.wanted && column.info.name == name;
  });
  return found == columns.end() ? nullptr : &*found;
}

Layout LayoutOf(const MappedFields& fields, bool several) {
  Layout layout{.columns = {}, .objects = fields.objects, .several = several};
  if (several) layout.columns.push_back(OwnColumn("_index", Form::kIndex, false));
  layout.columns.push_back(OwnColumn("_id", Form::kId, false));
  LayoutColumn more = OwnColumn("more_fields", Form::kMore, true);
  more.path.clear();
  std::set<std::string> names = {NameKey("_index"), NameKey("_id"), NameKey("more_fields")};
  std::size_t count = 0;
  for (const auto& [path, field] : fields.by_path) {
    if (count == kMaxFields) break;
    std::string name = path;
    if (path == more.info.name) name += kRenamed;
    if (!names.insert(NameKey(name)).second) continue;
    layout.columns.push_back(
        {.info = {std::move(name), field.type, true}, .path = path, .field = field});
    ++count;
  }
  layout.columns.push_back(std::move(more));
  return layout;
}

Result<Layout> Narrowed(const Layout& layout, const SourceRead& request) {
  if (request.columns.empty()) return layout;
  RETURN_IF_ERROR(CheckColumns(request, layout.MakeSchema()->columns));
  Layout narrowed = layout;
  for (LayoutColumn& column : narrowed.columns)
    column.wanted = std::ranges::find(request.columns, column.info.name) != request.columns.end();
  return narrowed;
}

}  // namespace aimass::connectors::elasticsearch
