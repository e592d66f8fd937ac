#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"

namespace aimass::archive {

enum class Packing : std::uint8_t { kNone, kGzip, kZstd, kXz, kBzip2, kZip, kTar };

/// What the first bytes (at least 512 where the file has them) say.
[[nodiscard]] Packing Detect(std::string_view first_bytes);

struct Limits {
  std::int64_t max_bytes = std::int64_t{64} << 30;          // all members together, unpacked
  std::int64_t max_ratio = 1000;                            // unpacked to packed …
  std::int64_t ratio_from_bytes = std::int64_t{256} << 20;  // … once this much was unpacked
  int max_members = 100'000;
};

struct Member {
  std::string name;  // inside the archive; empty for gzip, zstd, xz, bzip2
  std::string path;  // where it was unpacked to
  std::int64_t bytes = 0;
};

/// Unpacks `path` into files `member-00000`, … in `folder`; a member's own name never becomes a
/// path, and messages name the archive `shown`. `progress` is told the fraction of the packed bytes
/// that is read. Errors kPayloadTooLarge over a limit (nothing is left behind), kUnprocessable for
/// a damaged or
///          encrypted file, kStorageFull, kCancelled.
[[nodiscard]] Result<std::vector<Member>> Unpack(const std::string& path, const std::string& folder,
                                                 const Limits& limits, const CancelToken& cancel,
                                                 const std::function<void(double)>& progress,
                                                 const std::string& shown = {});

/// Whether the zip file `path` has a member `name` (an Excel workbook has "[Content_Types].xml").
[[nodiscard]] bool ZipHas(const std::string& path, const std::string& name);

}  // namespace aimass::archive
