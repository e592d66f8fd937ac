#pragma once

#include <functional>
#include <string>
#include <vector>

#include "datasets/format.h"

namespace aimass {

/// A file or a folder that an import was given, made ready for a format.
struct PrepareRequest {
  std::string path;  // a regular file, or a folder: every file below it whose ending a format knows
  std::string name;  // of the file, as the user knows it: its ending matters
  std::string format;  // "auto", or a format's name
  std::string encoding = "auto";
  std::string work_folder;                          // unpacked and converted files go here
  std::int64_t max_bytes = std::int64_t{64} << 30;  // of what is unpacked
  CancelToken cancel;
  std::function<void(double fraction, const Message& step)> progress;
};

struct Prepared {
  std::string format;
  std::vector<FormatFile> files;  // in the order of their names
  std::vector<Message> warnings;
};
[[nodiscard]] Json ToJson(const Prepared& prepared);
[[nodiscard]] Result<Prepared> PreparedFromJson(const Json& json);

/// Finds the files, unpacks them, finds their common format, turns text into UTF-8.
/// Errors   kUnprocessable (no file, several formats), kUnsupported (no format), those of
/// unpacking.
[[nodiscard]] Result<Prepared> Prepare(const FormatRegistry& formats,
                                       const PrepareRequest& request);

}  // namespace aimass
