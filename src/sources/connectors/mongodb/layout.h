#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "native/mongodb/bson.h"
#include "sources/connector.h"

namespace aimass::connectors::mongodb {

inline constexpr std::string_view kId = "_id";
/// When an ObjectId was made: the column that follows it, by which a table can be collected.
inline constexpr std::string_view kIdTime = "_id_time";

/// Where the values of a column come from.
enum class Role : std::uint8_t {
  kField,
  kIdTime,
  kMore,  // all fields without a column, as JSON
};

struct LayoutColumn {
  ColumnInfo info;
  Role role = Role::kField;
  std::string field;        // kField
  std::string native_type;  // what was seen: "int, string"
};

/// The columns of a table.
struct Layout {
  std::vector<LayoutColumn> columns;
  std::vector<std::string> unasked;  // fields whose columns were not asked for: no part of kMore

  [[nodiscard]] std::shared_ptr<const Schema> MakeSchema() const;
};

/// What a look at some documents found.
class Sample {
 public:
  /// Errors   kUnavailable where it is no BSON.
  [[nodiscard]] Status Add(std::string_view document);
  [[nodiscard]] std::int64_t documents() const { return documents_; }

 private:
  friend Layout LayoutOf(const Sample& sample, bool has_id);
  struct Field {
    std::size_t place = 0;    // in the order in which fields were seen first
    std::int64_t seen = 0;    // documents
    std::uint32_t types = 0;  // a bit for each
    bool exact_doubles = true;
    bool ordinary_days = true;
    bool only_uuids = true;
    bool finite = true;  // of its decimals
    int scale = 0;
    int whole_digits = 0;

    void Add(const aimass::mongodb::Element& element);
    [[nodiscard]] Type MakeType() const;
    [[nodiscard]] std::string NativeType() const;
    [[nodiscard]] bool Only(aimass::mongodb::BsonType type) const;
  };
  std::map<std::string, Field, std::less<>> fields_;
  std::int64_t documents_ = 0;
};

/// The columns for what a sample found, of the 500 most frequent fields: the one type that holds
/// exactly all that was seen of a field, or text; every other field is in `more_fields`.
/// `has_id`: the table is a collection, whose documents all have an `_id`.
[[nodiscard]] Layout LayoutOf(const Sample& sample, bool has_id);
/// The columns that a dataset has already.
[[nodiscard]] Layout LayoutOf(const Schema& schema);

/// The same with just these columns, in this order.
/// Errors   kNotFound where there is no such column.
[[nodiscard]] Result<Layout> Narrowed(const Layout& layout, const SourceRead& request);

}  // namespace aimass::connectors::mongodb
