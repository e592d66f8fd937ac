#pragma once

#include <memory>
#include <vector>

#include "native/postgres/postgres.h"
#include "sources/connector.h"

namespace aimass::connectors::postgres {

/// The rows of a binary COPY of `fields` as batches, with the types of SchemaOf() (catalog.h).
[[nodiscard]] std::unique_ptr<BatchReader> ReaderOf(aimass::postgres::CopyStream stream,
                                                    std::vector<aimass::postgres::FieldInfo> fields,
                                                    SourceRead request);

}  // namespace aimass::connectors::postgres
