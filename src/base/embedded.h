#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace aimass {

/// One file of the repository inside the binary.
struct EmbeddedFile {
  std::string_view
      path;  // from the repository's root: "api/openapi.yaml", "src/api/assets/docs.html"
  std::string_view content;
};

/// api/openapi.yaml, catalogue/, solutions/ and every src/<module>/assets/ folder, sorted by path.
/// Threads  pure; the views live as long as the program. Written by the build
/// (cmake/generated.cmake).
[[nodiscard]] std::span<const EmbeddedFile> EmbeddedFiles();

/// The content of the embedded file at `path`, if there is one.
[[nodiscard]] std::optional<std::string_view> FindEmbedded(std::string_view path);

}  // namespace aimass
