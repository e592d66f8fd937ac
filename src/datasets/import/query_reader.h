#pragma once

#include <memory>
#include <string>

#include "datasets/format.h"

namespace aimass {

/// A format that DuckDB reads with types of its own: the rows of `select` over the request's files.
/// Goes on within the files by leaving out the rows that were read before. `count`, where it is
/// given, says in one cell how many rows there are: for progress.
///
/// Errors   kUnprocessable with DuckDB's words where the files are damaged.
[[nodiscard]] Result<std::unique_ptr<FormatReader>> OpenQuery(const FormatRequest& request,
                                                              const std::string& select,
                                                              const std::string& count = {});

}  // namespace aimass
