#include "datasets/sql/answer.h"

#include <algorithm>
#include <utility>

#include "table/ipc.h"
#include "table/json_rows.h"

namespace aimass {
namespace {

constexpr std::size_t kPieceBytes = 256 << 10;

std::string JsonHead(const Schema& schema) {
  std::string text = "{\"columns\":[";
  for (const ColumnInfo& column : schema.columns) {
    if (text.back() != '[') text += ',';
    text += "{\"name\":";
    AppendJsonText(text, column.name);
    text += ",\"type\":";
    AppendJsonText(text, TypeName(column.type));
    text += '}';
  }
  return text + "],\"rows\":[";
}

}  // namespace

Status WriteAnswer(BatchReader& rows, SqlFormat format, std::int64_t max_rows,
                   const std::function<Status(std::string_view piece)>& write) {
  const bool json = format == SqlFormat::kJson;
  std::string piece = json ? JsonHead(rows.schema()) : IpcSchemaMessage(rows.schema());
  std::int64_t left = max_rows;
  bool truncated = false;
  // Whether JSON was cut is known when a row too many was seen; Arrow does not say it.
  while (!truncated && (json || left > 0)) {
    ASSIGN_OR_RETURN(std::optional<Batch> batch, rows.Next());
    if (!batch) break;
    const auto rows_there = static_cast<std::int64_t>(batch->num_rows());
    const std::int64_t count = std::min(left, rows_there);
    truncated = count < rows_there;
    if (count > 0) {
      if (json) {
        if (left < max_rows) piece += ',';
        AppendJsonRows(piece, *batch, 0, static_cast<std::size_t>(count));
      } else {
        piece += IpcBatchMessage(FirstRows(std::move(*batch), count));
      }
    }
    left -= count;
    if (piece.size() >= kPieceBytes) {
      RETURN_IF_ERROR(write(piece));
      piece.clear();
    }
  }
  piece += !json       ? IpcEndOfStream()
           : truncated ? "],\"truncated\":true}"
                       : "],\"truncated\":false}";
  return write(piece);
}

}  // namespace aimass
