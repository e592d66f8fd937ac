#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "sources/connectors/elasticsearch/dates.h"
#include "table/schema.h"

namespace aimass::connectors::elasticsearch {

/// How the values of a column stand in documents.
enum class Form : std::uint8_t {
  kIndex,  // of the hit: the name of its index
  kId,
  kWhole,
  kUnsigned,
  kNumber,
  kBool,
  kMoment,
  kText,
  kBinary,
  kJson,  // whatever it is, as JSON
  kMore,  // all that belongs to no column, as JSON
};

/// A field of a mapping.
struct MappedField {
  Form form = Form::kText;
  Type type;
  std::string native_type;
  std::vector<DateForm> dates;  // kMoment; empty: the server converts its values
  bool nanos = false;           // kMoment: a date_nanos
  /// What the index holds of it is what the documents hold, so that the server may look for it and
  /// add it up: no null_value, no copy_to from elsewhere, doc_values, the same in every index.
  bool exact = true;
};

/// What documents may hold, by their path: "user.name".
struct MappedFields {
  std::map<std::string, MappedField> by_path;
  std::set<std::string, std::less<>> objects;  // whose members are fields of their own
};

/// Of the answer to GET /{table}/_mapping, which may be of several indices. Multi-fields, aliases
/// of fields and runtime fields are left out: they hold nothing of their own.
/// Errors   kUnprocessable where an index keeps no documents (_source).
/// Threads  pure functions.
[[nodiscard]] Result<MappedFields> FieldsOf(const Json& mappings);

/// Makes JSON of the fields and objects with these paths: documents hold lists there, of which a
/// mapping says nothing.
void MarkLists(MappedFields& fields, const std::set<std::string>& paths);

}  // namespace aimass::connectors::elasticsearch
