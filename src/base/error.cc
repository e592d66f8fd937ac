#include "base/error.h"

#include <array>

namespace aimass {
namespace {

struct Name {
  ErrorCode code;
  std::string_view name;
};

constexpr std::array kNames{
    Name{ErrorCode::kInvalidArgument, "invalid_argument"},
    Name{ErrorCode::kUnauthenticated, "unauthenticated"},
    Name{ErrorCode::kPermissionDenied, "permission_denied"},
    Name{ErrorCode::kNotFound, "not_found"},
    Name{ErrorCode::kConflict, "conflict"},
    Name{ErrorCode::kPayloadTooLarge, "payload_too_large"},
    Name{ErrorCode::kUnsupported, "unsupported"},
    Name{ErrorCode::kUnprocessable, "unprocessable"},
    Name{ErrorCode::kResourceExhausted, "resource_exhausted"},
    Name{ErrorCode::kInternal, "internal"},
    Name{ErrorCode::kUnavailable, "unavailable"},
    Name{ErrorCode::kTimeout, "timeout"},
    Name{ErrorCode::kStorageFull, "storage_full"},
    Name{ErrorCode::kCancelled, "cancelled"},
};

}  // namespace

std::string_view CodeName(ErrorCode code) {
  for (const Name& entry : kNames) {
    if (entry.code == code) return entry.name;
  }
  return "internal";
}

ErrorCode CodeFromName(std::string_view name) {
  for (const Name& entry : kNames) {
    if (entry.name == name) return entry.code;
  }
  return ErrorCode::kInternal;
}

std::string Describe(const Error& error, Language language) {
  const std::string message = Render(error.message, language);
  if (error.line == 0) return message;
  return Render(Msg("{} (line {}, column {})", message, error.line, error.column), language);
}

std::string Error::ToString() const { return Describe(*this, Language::kEnglish); }

}  // namespace aimass
