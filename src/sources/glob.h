#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace aimass {

/// Which paths of a source of files belong to a table: "orders/*.csv", "2026/**/sales-??.json.gz".
/// `*` and `?` stand for any characters, or one (of UTF-8), of a name; `[a-c]`, `[!x]` for one of a
/// set; `**` as a whole name for folders of any depth, none too. What they stand for never begins
/// with a dot: hidden files must be named.
///
/// Threads  any, once parsed.
class Glob {
 public:
  /// Errors   kUnprocessable for an absolute path, "..", an empty name, an open bracket, or what no
  ///          path can hold.
  [[nodiscard]] static Result<Glob> Parse(std::string_view text);

  [[nodiscard]] bool Matches(std::string_view path) const;
  /// Whether something below `folder` ("" is the source itself) may match.
  [[nodiscard]] bool MayMatchBelow(std::string_view folder) const;
  /// It names one path and no other.
  [[nodiscard]] bool literal() const { return literal_; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::vector<std::string> names_;
  bool literal_ = true;
};

/// `path` as a pattern that matches it alone.
[[nodiscard]] std::string GlobOf(std::string_view path);

}  // namespace aimass
