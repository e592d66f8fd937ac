#pragma once

#include <string>

#include "base/error.h"
#include "base/json.h"
#include "main/cli/context.h"

namespace aimass::cli {

/// What a request calls the data in `place`: {"path":…} where the server reads the same files,
/// {"url":…} for an address, else {"upload":id} after a resumable upload (tus 1.0) with progress.
/// "-" is standard input. Errors   kNotFound, kInvalidArgument (a folder for a far server), what
/// the server says.
[[nodiscard]] Result<Json> SourceOf(Context& context, const std::string& place);

/// Uploads the file `path` under `name`; returns the upload's id. Goes on where an earlier, broken
/// upload of the same file to the same server stopped.
[[nodiscard]] Result<std::string> UploadFile(Context& context, const std::string& path,
                                             const std::string& name);

}  // namespace aimass::cli
