#pragma once

#include <memory>
#include <string>
#include <vector>

#include "native/mariadb/binlog.h"
#include "sources/connector.h"
#include "sources/connectors/mysql/catalog.h"

namespace aimass::connectors::mysql {

/// Where MariaDB's binary log has the moment of a snapshot: `file` and `at` as the server says.
/// Errors   kUnprocessable where the server keeps no log, or not one of rows, or is MySQL, which
///          does not say where in its log a snapshot is.
[[nodiscard]] Result<ChangePosition> PositionOf(mariadb::Connection& connection,
                                                const mariadb::BinlogPlace& snapshot);

/// The keys of the rows of `table` that the log says have changed. `connection` is what the
/// snapshot was taken on; `options` open another one, for the log. Errors   as
/// SourceConnection::KeysSince's.
[[nodiscard]] Result<std::unique_ptr<ChangedKeys>> KeysOfLog(
    mariadb::Connection& connection, const mariadb::Options& options, Catalog& catalog,
    const std::string& table, const ChangePosition& from, const mariadb::BinlogPlace& until,
    const CancelToken& cancel);

/// The condition of SQL for rows with these keys, to the byte, whatever their collation takes for
/// the same.
[[nodiscard]] std::string KeyCondition(const mariadb::Connection& connection,
                                       const SourceKeys& keys);

}  // namespace aimass::connectors::mysql
