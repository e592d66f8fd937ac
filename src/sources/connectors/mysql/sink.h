#pragma once

#include <memory>
#include <string>

#include "native/mariadb/mariadb.h"
#include "sources/sink.h"

namespace aimass::connectors::mysql {

/// Rows come into a temporary table of the same column types, are read back from there, and go into
/// their table in one transaction: nobody waits for a lock meanwhile.
/// `connection` is not read-only.
[[nodiscard]] std::unique_ptr<SinkConnection> SinkOf(mariadb::Connection connection,
                                                     std::string database);

}  // namespace aimass::connectors::mysql
