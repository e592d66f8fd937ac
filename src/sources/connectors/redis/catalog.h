#pragma once

#include <string>
#include <vector>

#include "native/redis/redis.h"
#include "sources/connector.h"
#include "sources/connectors/redis/place.h"

namespace aimass::connectors::redis {

/// Tables to be proposed: of what up to 20,000 keys begin with before the first ':', and of what
/// they hold; every stream among them by its name. The rows are an estimate by the number of all
/// keys.
[[nodiscard]] Result<std::vector<SourceTable>> ProposeTables(aimass::redis::Connection& connection);

/// What a name means. Without a type in front the first key that is found says which it is.
/// Errors   kNotFound where no key is found to say so.
[[nodiscard]] Result<Place> Resolve(aimass::redis::Connection& connection,
                                    const std::string& table);

/// Whether the keys of the tables may be read; the ACL rule that is missing.
[[nodiscard]] Result<std::vector<Check>> CheckRights(aimass::redis::Connection& connection,
                                                     const std::string& database);

}  // namespace aimass::connectors::redis
