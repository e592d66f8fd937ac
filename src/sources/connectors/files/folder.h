#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "sources/files.h"

namespace aimass::connectors::files {

/// A folder of the server's machine. Nothing outside of it is read: links are followed where they
/// stay in it, and what is opened is asked where it really lies, so that a link that is changed at
/// the last moment leads nowhere else either.
///
/// Errors   those of UserPath(): the data folder is no source.
[[nodiscard]] Result<std::unique_ptr<FileConnection>> OpenFolder(const std::string& folder,
                                                                 const Surroundings& here);

}  // namespace aimass::connectors::files
