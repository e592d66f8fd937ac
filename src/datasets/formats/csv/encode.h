#pragma once

#include <memory>

#include "datasets/format.h"

namespace aimass::formats::csv {

/// RFC 4180 with "\n", UTF-8; null is an empty field, an empty text is "". Numbers read back as
/// themselves.
[[nodiscard]] std::unique_ptr<FormatEncoder> NewEncoder();

}  // namespace aimass::formats::csv
