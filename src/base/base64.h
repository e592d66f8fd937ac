#pragma once

#include <string>
#include <string_view>

namespace aimass {

/// Appends `bytes` in base64 (RFC 4648), padded. Threads: pure function.
void AppendBase64(std::string& out, std::string_view bytes);

}  // namespace aimass
