#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"

namespace aimass {

/// Writes the Parquet files `parts` as one, `target`, with their rows in this order, and gives the
/// number of rows. Row groups are copied as they lie there, nothing is decoded; the footer, with
/// every row group's new place, is the only thing that is made. `target` is there whole or not at
/// all.
///
/// Errors   kUnprocessable (a part is damaged, or has other columns than the first), kCancelled,
///          those of the file system.
[[nodiscard]] Result<std::int64_t> JoinParquet(const std::vector<std::string>& parts,
                                               const std::string& target,
                                               const CancelToken& cancel = {});

}  // namespace aimass
