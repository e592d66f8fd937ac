#pragma once

#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sources/connector.h"
#include "sources/connectors/elasticsearch/mapping.h"

namespace aimass::connectors::elasticsearch {

struct LayoutColumn {
  ColumnInfo info;
  std::string path;  // in the document; of the hit's own: "_id", "_index"
  MappedField field;
  bool wanted = true;  // a reading may ask for some only
};

/// The columns of a table: `_index` where it may be several, `_id`, a column for each field of the
/// mapping by its path, and `more_fields` for what documents hold beside these.
struct Layout {
  std::vector<LayoutColumn> columns;
  std::set<std::string, std::less<>> objects;  // MappedFields::objects
  bool several = false;                        // the table may be several indices

  /// Of the columns that are wanted.
  [[nodiscard]] std::shared_ptr<const Schema> MakeSchema() const;
  /// `_id` tells the documents of one index apart.
  [[nodiscard]] std::vector<std::string> KeyColumns() const;
  /// The wanted column with this name; nullptr: none.
  [[nodiscard]] const LayoutColumn* Find(std::string_view name) const;
};

/// At most 1,000 fields get columns; all others are in `more_fields`, and so is a field whose name
/// differs from another's by case alone.
[[nodiscard]] Layout LayoutOf(const MappedFields& fields, bool several);

/// The same, but only the request's columns are wanted.
/// Errors   kNotFound where it has no such column.
[[nodiscard]] Result<Layout> Narrowed(const Layout& layout, const SourceRead& request);

}  // namespace aimass::connectors::elasticsearch
