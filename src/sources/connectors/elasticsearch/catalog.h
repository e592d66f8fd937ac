#pragma once

#include <vector>

#include "sources/connector.h"
#include "sources/connectors/elasticsearch/client.h"

namespace aimass::connectors::elasticsearch {

/// Indices, aliases and data streams that may be read; hidden ones and those of the system are
/// left out. `counted`: with the number of their documents, where the server tells it at once.
[[nodiscard]] Result<std::vector<SourceTable>> TablesOf(Client& client, bool counted);

/// Who has signed in, and whether tables may be read; the role that is missing.
[[nodiscard]] Result<std::vector<Check>> CheckRights(Client& client, const Server& server);

}  // namespace aimass::connectors::elasticsearch
