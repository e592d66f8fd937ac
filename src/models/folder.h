#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace aimass {

/// The files of a model version (docs/formats/model.md) as a whole. Folders are flat: files with
/// plain names.

/// Writes SHA256SUMS over every other file, and makes all of it durable.
[[nodiscard]] Status WriteSums(const std::string& folder);

/// Checks every file against SHA256SUMS. Returns the version's checksum: the SHA-256 of SHA256SUMS
/// itself. Errors   kUnprocessable naming the file that differs, is missing, or does not belong
/// there.
[[nodiscard]] Result<std::string> VerifyFolder(const std::string& folder);

/// The same, and the checksum is the one that was registered: what a loader calls first.
[[nodiscard]] Status VerifyFolder(const std::string& folder, std::string_view checksum);

/// model.json, checked: its format is one that this build reads, members' files are there.
/// Errors   kUnsupported for a newer format, kUnprocessable.
[[nodiscard]] Result<Json> ReadModelJson(const std::string& folder);

/// Whether `name` may be a file of a model folder: 1–128 letters, digits, '.', '_', '-'; no leading
/// '.'.
[[nodiscard]] bool IsModelFileName(std::string_view name);

}  // namespace aimass
