#pragma once

#include <string>

#include "base/json.h"
#include "datasets/format.h"

namespace aimass {

/// How files are to be read, as a person says it.
struct FileOptions {
  std::string format = "auto";
  Json options = Json::object();   // the format's settings, as texts; "encoding" too
  Json types = Json::object();     // {"column": "type"}, for CSV and Excel
  std::string on_error = "widen";  // OnMisfit
  bool operator==(const FileOptions&) const = default;
};
/// {"format","options","types","on_error"}.
[[nodiscard]] Json ToJson(const FileOptions& options);
[[nodiscard]] FileOptions FileOptionsFromJson(const Json& json);

/// What can be said of them before there is a file.
/// Errors   kUnprocessable naming what is wrong, and the nearest option that there is.
[[nodiscard]] Status CheckFileOptions(const FormatRegistry& formats, const FileOptions& asked);

}  // namespace aimass
