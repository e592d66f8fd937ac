#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace aimass {

/// A new UUIDv7 (RFC 9562) in its 36-character lower-case form: sorts by time of creation, also
/// within one millisecond of one process. Threads: any.
[[nodiscard]] std::string NewId();

/// Whether `text` has the form of a UUID.
[[nodiscard]] bool IsId(std::string_view text);

/// `name` in Unicode NFC, checked as a name of a resource: any script, 1–128 characters, no control
/// characters, no leading or trailing white space, no '/', not a UUID.
/// Errors   kInvalidArgument, saying which rule it broke; `noun` ("dataset") goes into the message.
[[nodiscard]] Result<std::string> CheckName(std::string_view noun, std::string_view name);

/// The form under which `name` is unique in its workspace: NFC, case folded.
[[nodiscard]] std::string NameKey(std::string_view name);

}  // namespace aimass
