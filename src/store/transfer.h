#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "store/database.h"

namespace aimass {

/// Copies the whole metadata from SQLite to PostgreSQL or back, as it was at one moment; writers of
/// `from` go on meanwhile. `to` gets the steps of `schema` that `from` has, and is left empty where
/// an error comes.
/// Errors   kConflict: `to` has rows already; kUnsupported: `from` has steps that `schema` lacks,
/// or
///          both are of one kind; those of either database.
[[nodiscard]] Status TransferMetadata(Database& from, const std::vector<Migration>& schema,
                                      Database& to);

/// The metadata as a new SQLite file, whatever database it is in: how a backup holds it.
[[nodiscard]] Status SaveMetadata(Database& database, const std::vector<Migration>& schema,
                                  const std::string& path);

}  // namespace aimass
