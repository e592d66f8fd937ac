#pragma once

#include <memory>

#include "sources/connectors/elasticsearch/client.h"
#include "sources/sink.h"

namespace aimass::connectors::elasticsearch {

/// Rows on their way into an index, as documents: first into a hidden index with the same mapping,
/// where they are compared, then from there into the index.
///
/// A server of this kind has no transactions. kReplace puts the new index in the place of the old
/// one at once. Of kAppend and kUpsert documents become visible one after the other; where that is
/// interrupted the same delivery goes on and none comes twice, as each has its `_id`: that of the
/// column `_id`, else one made from the delivery's id and the number of the row.
[[nodiscard]] std::unique_ptr<SinkConnection> SinkOf(Client client, Server server);

}  // namespace aimass::connectors::elasticsearch
