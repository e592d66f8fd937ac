#pragma once

#include <string>

#include "api/http/message.h"

namespace aimass {

/// Whether the caller may name paths of the server's machine: an administrator on that machine.
/// Errors   kPermissionDenied.
[[nodiscard]] Status MayNamePaths(const http::Request& request);

/// The regular file of the server's machine that a request names, with every link followed.
/// Errors   those of MayNamePaths and UserPath (store/user_path.h); kUnprocessable where it is no
///          regular file.
[[nodiscard]] Result<std::string> LocalFile(const http::Request& request, const std::string& path,
                                            const std::string& data_folder);

}  // namespace aimass
