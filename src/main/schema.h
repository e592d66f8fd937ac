#pragma once

#include <vector>

#include "store/database.h"

namespace aimass {

/// Every module's steps of the metadata's schema, in the order of the modules.
[[nodiscard]] std::vector<Migration> AllMigrations();

}  // namespace aimass
