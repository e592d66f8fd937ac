#pragma once

#include "base/json.h"
#include "store/database.h"

namespace aimass {

/// A column with JSON that we wrote ourselves; null for what is none, so that a damaged cell does
/// not hide a whole list.
[[nodiscard]] Json JsonOf(const SqlRow& row, std::size_t column);

}  // namespace aimass
