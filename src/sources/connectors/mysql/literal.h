#pragma once

#include <string>

#include "native/mariadb/mariadb.h"
#include "table/batch.h"

namespace aimass::connectors::mysql {

/// Appends a value as a literal of SQL, for a session in UTC; NULL for none. Not for lists, structs
/// and maps. Threads: those of the connection, which is asked how texts are quoted.
void AppendLiteral(std::string& out, const mariadb::Connection& connection,
                   const ColumnView& column, std::size_t row);

}  // namespace aimass::connectors::mysql
