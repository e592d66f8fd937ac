#pragma once

#include <simdjson.h>

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "sources/connectors/elasticsearch/layout.h"
#include "sources/database.h"

namespace aimass::connectors::elasticsearch {

/// One value of a document, neither null nor a list, as the column's type; nothing where it is
/// none. As Elasticsearch itself takes them: a number may be a text ("12"), a text a number, and an
/// empty text is no number. Texts point into the document's parser, or into `kept`.
/// Threads  pure function.
[[nodiscard]] std::optional<Value> Decode(const MappedField& field, simdjson::ondemand::value value,
                                          std::deque<std::string>& kept);

/// A moment that the server has written for us, in ISO 8601.
[[nodiscard]] std::optional<Value> DecodeMoment(const MappedField& field, std::string_view text);

/// `value` as the document writes it; consumes it.
[[nodiscard]] simdjson::simdjson_result<std::string_view> RawJson(simdjson::ondemand::value value);

}  // namespace aimass::connectors::elasticsearch
