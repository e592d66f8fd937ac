#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/error.h"

namespace aimass {

/// What encoding a text has: by its byte order mark; else UTF-8 where it is valid, or valid but for
/// a few places; UTF-16 by where its zero bytes lie; GB18030 where it decodes as that.
struct Encoding {
  std::string name = "UTF-8";  // as ICU knows it
  std::size_t mark_bytes = 0;  // length of the byte order mark
  bool valid_utf8 = true;      // UTF-8 only
  bool guessed = false;        // neither a mark nor validity decided
};
[[nodiscard]] Encoding DetectEncoding(std::string_view bytes);

/// The encoding that a user named ("gbk", "utf-16", "latin1" …). Errors: kUnprocessable for an
/// unknown one.
[[nodiscard]] Result<Encoding> EncodingFromName(const std::string& name, std::string_view bytes);

/// Writes `bytes` as UTF-8 to the file `path`. What is not valid becomes a byte that is not valid
/// in UTF-8 either, so that its row, and no other, is rejected: `broken` counts those places.
[[nodiscard]] Status Transcode(std::string_view bytes, const Encoding& encoding,
                               const std::string& path, const CancelToken& cancel,
                               std::int64_t* broken);

}  // namespace aimass
