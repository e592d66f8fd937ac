#pragma once

#include <string>

#include "base/json.h"

namespace aimass {

/// On whose behalf something is read or done. Every read of rows takes one (datasets/read.h).
struct Caller {
  std::string kind;       // "key", "person", "job", "system"
  std::string id;         // of the key, person or job
  std::string org;        // organisation id
  std::string workspace;  // workspace id
  std::string purpose;    // "sql", "train", "preview", "export" …; may be empty
  std::string role = "admin";

  /// The same caller for another purpose.
  [[nodiscard]] Caller For(std::string_view new_purpose) const {
    Caller copy = *this;
    copy.purpose = new_purpose;
    return copy;
  }
};

[[nodiscard]] Json ToJson(const Caller& caller);
[[nodiscard]] Caller CallerFromJson(const Json& json);

}  // namespace aimass
