#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sources/connector.h"
#include "sources/connectors/redis/place.h"

namespace aimass::connectors::redis {

/// Where the values of a column come from.
enum class Role : std::uint8_t {
  kKey,
  kValue,  // of a string, an element of a list, a hash read by fields
  kExpires,
  kField,  // the name of a field, of a hash read by fields
  kIndex,
  kMember,
  kScore,
  kId,
  kPosition,
  kAt,
  kNamedField,  // the field of a hash or of an entry that has this column
  kMore,        // all other fields, as JSON
};

struct LayoutColumn {
  ColumnInfo info;
  Role role;
  std::string field;  // kNamedField
};

/// The columns of a table.
struct Layout {
  Place place;
  std::vector<LayoutColumn> columns;

  [[nodiscard]] std::shared_ptr<const Schema> MakeSchema() const;
  [[nodiscard]] std::vector<std::string> KeyColumns() const;
  /// What the source would call a column's type.
  [[nodiscard]] static std::string NativeType(const LayoutColumn& column);
};

/// What a look at some keys found.
struct Sample {
  struct Field {
    std::int64_t seen = 0;
    bool binary = false;
  };
  std::map<std::string, Field, std::less<>> fields;  // of hashes and entries
  bool binary_value = false;                         // of strings, elements, fields
  bool binary_name = false;                          // of members and fields as rows
  std::int64_t keys = 0;

  void AddField(std::string_view name, std::string_view value);
};

/// The columns for what a sample found: of hashes and entries the 500 most frequent fields, by
/// name; every other field is in `more_fields`. Texts, but where the sample has bytes that are not
/// UTF-8: binary.
/// `expires`: whether the server says when a key ends.
[[nodiscard]] Layout LayoutOf(const Place& place, const Sample& sample, bool expires);

/// The same with just these columns, in this order. Of hashes and entries a name that is none of
/// the layout's is a field: they may have any.
/// Errors   kNotFound where a table has no such column.
[[nodiscard]] Result<Layout> Narrowed(const Layout& layout, const SourceRead& request);

}  // namespace aimass::connectors::redis
