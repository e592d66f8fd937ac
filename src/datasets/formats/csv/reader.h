#pragma once

#include <memory>
#include <vector>

#include "datasets/formats/csv/types.h"

namespace aimass::formats::csv {

/// Reads the rows of `source`, whose columns are proposed to be `columns`.
[[nodiscard]] std::unique_ptr<FormatReader> NewReader(std::shared_ptr<const Source> source,
                                                      std::vector<Column> columns,
                                                      std::vector<Message> warnings);

}  // namespace aimass::formats::csv
