#pragma once

#include <optional>
#include <string>

#include "sources/connectors/elasticsearch/client.h"
#include "sources/connectors/elasticsearch/layout.h"

namespace aimass::connectors::elasticsearch {

/// The one index that documents go into.
struct Target {
  std::string index;  // its own name, where the table is an alias of it
  Json aliases;       // of the index, as the server describes them
  Json mappings;
  Json settings;  // that an index of the same kind is made with
};

/// Nothing where there is no such table.
/// Errors   kUnprocessable for several indices and for a data stream; as SourceConnection's.
[[nodiscard]] Result<std::optional<Target>> TargetOf(Client& client, const std::string& table);

/// The columns of its documents. Errors: as FieldsOf's.
[[nodiscard]] Result<Layout> LayoutOf(const Target& target);

/// Whether values can be sent into the column; of dates, those written in ISO 8601.
[[nodiscard]] bool TakesValues(const LayoutColumn& column);

/// The mapping of a new index for such rows. Errors: kUnprocessable for a type that has none.
[[nodiscard]] Result<Json> MappingFor(const Schema& schema);

}  // namespace aimass::connectors::elasticsearch
