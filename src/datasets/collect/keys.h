#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "table/batch.h"

namespace aimass {

/// Runs SQL of ours.
using SqlQuery = std::function<Result<std::unique_ptr<BatchReader>>(std::string sql)>;

/// kUnprocessable, with one that does not, unless the columns `key` tell the rows of `table` apart
/// and are never empty.
[[nodiscard]] Status CheckKey(const SqlQuery& query, std::string_view table,
                              const std::vector<std::string>& key);

}  // namespace aimass
