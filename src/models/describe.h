#pragma once

#include <string>

#include "base/json.h"

namespace aimass {

/// What a model folder's files say that a version's page shows: target, labels, link, members,
/// interval, columns, example (a row by column, or null), trials, has_report. The files may be
/// anyone's: an import asks this before it registers the folder. Errors   kUnprocessable,
/// kInvalidArgument naming the file or member that is not of its format. Threads  any.
[[nodiscard]] Result<Json> DescribeFolder(const std::string& folder);

}  // namespace aimass
