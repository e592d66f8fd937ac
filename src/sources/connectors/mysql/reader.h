#pragma once

#include <memory>

#include "native/mariadb/mariadb.h"
#include "sources/connector.h"

namespace aimass::connectors::mysql {

/// The rows of an answer as batches, with the types of SchemaOf() (catalog.h).
[[nodiscard]] std::unique_ptr<BatchReader> ReaderOf(mariadb::Answer answer, SourceRead request);

}  // namespace aimass::connectors::mysql
