#pragma once

#include <cstdint>
#include <string_view>

#include "api/http/message.h"

namespace aimass::http {

/// The part of a file that a request asks for.
struct FilePart {
  int status = 200;  // 200 whole, 206 a part, 304 the client has it, 416 outside
  std::uint64_t first = 0;
  std::uint64_t bytes = 0;
};

/// By Range, If-Range and If-None-Match (RFC 9110, 13 and 14). Several ranges, or a Range that
/// cannot be read, give the whole file.
[[nodiscard]] FilePart PartOf(const Request& request, std::string_view etag, std::uint64_t size);

}  // namespace aimass::http
