#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"

namespace aimass {

/// The file or folder of this machine that a person names, with every link followed. Nobody reads
/// the data folder, its keys least of all, by naming a path.
/// Errors   kUnprocessable where `path` is not absolute; kNotFound; kPermissionDenied where it lies
///          in `data_folder`, or holds it.
[[nodiscard]] Result<std::filesystem::path> UserPath(const std::string& path,
                                                     const std::string& data_folder);

}  // namespace aimass
