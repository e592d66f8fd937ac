#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "main/cli/context.h"

namespace aimass::cli {

/// After a change: the answer with --json (or {"done":true} where it has none), else `line`.
[[nodiscard]] Status ShowDone(Context& context, const Json& answer, const Message& line);

/// {"columns":[{"name","type"}],"rows":[[…]]} as a table.
void SayRows(Context& context, const Json& answer);

/// Asks on a terminal; in a pipe, and with `yes`, goes on. Errors: kCancelled.
[[nodiscard]] Status Confirm(Context& context, bool yes, const Message& question);

/// The text of a file; "-" is standard input. Without a byte order mark.
[[nodiscard]] Result<std::string> ReadText(const std::string& place);

/// "csv", "ndjson", "json", "parquet" or "arrow" by the ending of a file's name; "csv" where it has
/// none. Errors: kInvalidArgument for another ending.
[[nodiscard]] Result<std::string> FormatOfFile(std::string_view name);

/// Whether a file can be written at `out` ("-" is standard output): before work is done for it.
[[nodiscard]] Status CheckTarget(const std::string& out);

/// Fetches `path` of the server into the file `out` ("-": standard output), with progress: the
/// number of bytes. A file appears only when it is whole; a device or a named pipe is written into.
[[nodiscard]] Result<std::int64_t> Fetch(Context& context, const std::string& path,
                                         const std::string& out);

/// The same, and tells: with --json {"file","bytes"}, unless it went to standard output.
[[nodiscard]] Status DownloadTo(Context& context, const std::string& path, const std::string& out);

/// A file that appears under its name only when it is whole. Errors of the disk come from both
/// calls.
class NewFile {
 public:
  explicit NewFile(std::string path) : path_(std::move(path)) {}
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  [[nodiscard]] Status Write(std::string_view piece);
  [[nodiscard]] Status Finish();

 private:
  std::string path_;
  std::string temporary_;
  int descriptor_ = -1;
  bool finished_ = false;
};

/// The body of POST /api/v1/datasets that imports `place` (a file is uploaded where it must be).
[[nodiscard]] Result<Json> ImportRequest(Context& context, const std::string& name,
                                         const std::string& place);

}  // namespace aimass::cli
