#include "datasets/collect/files_preview.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/file.h"
#include "base/id.h"
#include "datasets/delta/log.h"
#include "datasets/import/prepare.h"
#include "table/json_rows.h"

namespace aimass {
namespace {
namespace fs = std::filesystem;

constexpr std::int64_t kMaxBytes = std::int64_t{64} << 20;
constexpr std::int64_t kMaxUnpacked = std::int64_t{1} << 30;

// A folder that is gone with the object.
class Scratch {
 public:
  explicit Scratch(std::string path) : path_(std::move(path)) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

Result<TablePreview> Look(const FormatRegistry& formats, const std::string& folder,
                          const FetchedFile& fetched, std::int64_t rows) {
  TablePreview preview;
  if (fetched.file.bytes == 0) return preview;
  ASSIGN_OR_RETURN(const Prepared prepared, Prepare(formats, {.path = folder + "/file",
                                                              .name = fetched.file.name,
                                                              .format = "auto",
                                                              .work_folder = folder,
                                                              .max_bytes = kMaxUnpacked,
                                                              .cancel = {},
                                                              .progress = {}}));
  ASSIGN_OR_RETURN(const FormatType* const format, formats.Find(prepared.format));
  FormatRequest request{
      .files = prepared.files,
      .settings = {},
      .wanted = {},
      .types = {},
      .formats = &formats,
      .reject = [](const Reject&) { return Status{}; },  // a collection names them
      .temp_folder = folder + "/format",
      .threads = 1,
      .cancel = {}};
  ASSIGN_OR_RETURN(request.settings, CheckFormatSettings(*format, {}));
  RETURN_IF_ERROR(MakeFolder(request.temp_folder));
  ASSIGN_OR_RETURN(const auto reader, format->open(request));
  for (const ColumnInfo& column : delta::Storable(reader->schema()).columns) {
    preview.description.columns.push_back(
        {.column = column, .native_type = prepared.format, .comment = {}});
  }
  std::string text = "[";
  for (std::int64_t left = rows; left > 0;) {
    ASSIGN_OR_RETURN(const auto batch, reader->Next());
    if (!batch) break;
    const std::size_t count = std::min(batch->num_rows(), static_cast<std::size_t>(left));
    if (count == 0) continue;
    if (text.size() > 1) text += ',';
    AppendJsonRows(text, *batch, 0, count);
    left -= static_cast<std::int64_t>(count);
  }
  ASSIGN_OR_RETURN(preview.rows, ParseJson(text + "]"));
  return preview;
}

}  // namespace

SourceService::FilePreview FilePreviewOf(const FormatRegistry& formats, std::string temp_folder) {
  return [&formats, temp_folder = std::move(temp_folder)](
             FileConnection& connection, const std::string& table,
             std::int64_t rows) -> Result<TablePreview> {
    ASSIGN_OR_RETURN(const std::vector<SourceFile> files,
                     connection.ListFiles(table, CancelToken()));
    if (files.empty())
      return Fail(ErrorCode::kNotFound, "no file of the source matches '{}'", table);
    auto file = std::ranges::find_if(
        files, [](const SourceFile& one) { return one.bytes > 0 && one.bytes <= kMaxBytes; });
    if (file == files.end()) file = files.begin();
    const Scratch scratch(temp_folder + "/preview-" + NewId());
    RETURN_IF_ERROR(MakeFolder(scratch.path()));
    ASSIGN_OR_RETURN(const FetchedFile fetched,
                     connection.Fetch(*file, {.to = scratch.path() + "/file",
                                              .max_bytes = kMaxBytes,
                                              .cancel = {},
                                              .progress = {}}));
    ASSIGN_OR_RETURN(TablePreview preview, Look(formats, scratch.path(), fetched, rows));
    preview.description.name = table;
    return preview;
  };
}

}  // namespace aimass
