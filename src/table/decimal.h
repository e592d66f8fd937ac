#pragma once

#include <string>

#include "table/batch.h"

namespace aimass {

/// value / 10^scale in plain digits, always with `scale` of them behind the point: (-5, 2) is
/// "-0.05".
[[nodiscard]] std::string DecimalText(Int128 value, int scale);

/// The double that is nearest to value / 10^scale.
[[nodiscard]] double DecimalToDouble(Int128 value, int scale);

}  // namespace aimass
