#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "sources/connectors/elasticsearch/layout.h"

namespace aimass::connectors::elasticsearch {

/// Which documents of which table.
struct Query {
  std::string table;
  Json filter;  // a clause of the Query DSL; null: all of them
};

/// Of a request's table, or of its query: {"index": "orders", "query": {"term": {"paid": true}}}.
/// Errors   kUnprocessable for what is neither, and for scripts: they run on the server.
/// Threads  pure functions.
[[nodiscard]] Result<Query> QueryOf(const SourceRead& request);

/// The query's filter with the request's range.
/// Errors   kUnprocessable for a range over what the index holds otherwise than the documents.
[[nodiscard]] Result<Json> FilterOf(const Query& query, const SourceRead& request,
                                    const Layout& layout);

/// The members of a search that say what is wanted of each document.
[[nodiscard]] Json WantedOf(const Layout& layout);

}  // namespace aimass::connectors::elasticsearch
