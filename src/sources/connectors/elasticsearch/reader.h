#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "sources/connectors/elasticsearch/client.h"
#include "sources/connectors/elasticsearch/moment.h"
#include "table/batch.h"

namespace aimass::connectors::elasticsearch {

/// The rows of a search of a moment, page by page. A page is about 4 MiB of documents, so that
/// neither side holds many of them. The client must outlive the reader.
[[nodiscard]] std::unique_ptr<BatchReader> ReadDocuments(Client& client, const Server& server,
                                                         std::shared_ptr<Moment> moment,
                                                         Layout layout, const Json& filter,
                                                         const std::string& table,
                                                         const SourceRead& request);

/// The paths at which documents hold lists: of up to 500 of the first and 500 of the last ones.
[[nodiscard]] Result<std::set<std::string>> SampleLists(Client& client, const Server& server,
                                                        Moment& moment, const std::string& table,
                                                        const CancelToken& cancel);

/// The server's count of the documents, and the sums of whole numbers that it adds up exactly: it
/// adds doubles, so only where no partial sum can be beyond 2^53.
[[nodiscard]] Result<SourceTotals> TotalsOf(Client& client, Moment& moment, const Layout& layout,
                                            const Json& filter, const std::string& table,
                                            const SourceRead& request);

}  // namespace aimass::connectors::elasticsearch
