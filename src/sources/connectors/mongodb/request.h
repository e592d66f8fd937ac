#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sources/connector.h"
#include "sources/connectors/mongodb/layout.h"

namespace aimass::connectors::mongodb {

/// A query: `{"aggregate": "orders", "pipeline": [{"$match": {"paid": true}}]}`, as the command of
/// the database is written, in Extended JSON.
struct Query {
  std::string collection;
  std::string pipeline;  // an array of stages
  /// Each row is a document of the collection, with its `_id`: stages that only choose documents
  /// or change their other fields.
  bool keeps_documents = false;

  /// The pipeline with a further stage behind it.
  [[nodiscard]] std::string Then(std::string_view stage) const;
};

/// Errors   kUnprocessable for what is no such command, and for stages and operators that write,
///          run JavaScript, or give other rows each time.
[[nodiscard]] Result<Query> ParseQuery(std::string_view text);

/// The filter for a range; "{}" for none.
/// Errors   kUnprocessable for a column that servers cannot look for.
[[nodiscard]] Result<std::string> FilterOf(const std::optional<SourceRange>& range,
                                           const Layout& layout);

/// The further fields of the command `find` that gives these columns, and at most `limit`
/// documents (0: all).
[[nodiscard]] std::string FindOptions(const Layout& layout, std::int64_t limit);

}  // namespace aimass::connectors::mongodb
