#pragma once

// Tables out of files, for the targets of formats.

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/id.h"
#include "datasets/format.h"
#include "input.h"
#include "table/json_rows.h"

namespace aimass::fuzz {

using Rows = std::vector<std::vector<std::string>>;

/// The rows of a batch; null is the empty text, text is itself, the rest as in JSON.
inline void Append(const Batch& batch, Rows& rows) {
  for (std::size_t row = 0; row < batch.num_rows(); ++row) {
    auto& cells = rows.emplace_back();
    for (std::size_t c = 0; c < batch.schema().columns.size(); ++c) {
      const ColumnView column = batch.column(c);
      std::string& cell = cells.emplace_back();
      if (column.IsNull(row)) continue;
      if (column.type().kind == TypeKind::kText) {
        cell = column.Bytes(row);
      } else {
        AppendJsonValue(cell, column, row);
      }
    }
  }
}

/// All rows of `reader`; nothing where one cannot be read. Each batch must be as wide as the schema
/// says.
inline std::optional<Rows> ReadAll(BatchReader& reader) {
  Rows rows;
  for (;;) {
    auto batch = reader.Next();
    if (!batch) {
      Require(!batch.error().ToString().empty(), "an error has a message");
      return std::nullopt;
    }
    if (!*batch) return rows;
    Require((*batch)->schema().columns.size() == reader.schema().columns.size(),
            "a batch has the columns of the schema");
    Require((*batch)->num_rows() > 0, "a batch has rows");
    Append(**batch, rows);
  }
}

/// Reads `content` as a table: to its end, then what Verify() says has to be read again. The same
/// rows must come both times, and no two columns may have one name.
inline void ReadTable(const FormatType& format, const Settings& settings, OnMisfit on_misfit,
                      const FormatRegistry& formats, std::string_view content) {
  const ScratchFolder folder;
  const MemoryFile file(content);
  const auto checked = CheckFormatSettings(format, settings);
  Require(checked.has_value(), "the target's settings are right");
  const FormatRequest request{.files = {{.path = file.path(), .name = "file", .valid_utf8 = false}},
                              .settings = *checked,
                              .wanted = {},
                              .types = {},
                              .on_misfit = on_misfit,
                              .formats = &formats,
                              .reject = [](const Reject& reject) -> Status {
                                Require(reject.line >= 1, "a reject names its line");
                                Require(!Render(reject.reason, Language::kChinese).empty(),
                                        "a reject says why");
                                return {};
                              },
                              .temp_folder = folder.path(),
                              .threads = 1,
                              .memory_bytes = std::int64_t{256} << 20,
                              .cancel = {}};
  const auto reader = format.open(request);
  if (!reader) {
    Require(!reader.error().ToString().empty(), "an error has a message");
    return;
  }
  const std::vector<ColumnInfo> proposed = (*reader)->schema().columns;
  std::vector<std::string> names;
  for (const ColumnInfo& column : proposed) names.push_back(column.name);
  std::ranges::sort(names);
  Require(std::ranges::adjacent_find(names) == names.end(), "columns have names of their own");
  const std::optional<Rows> rows = ReadAll(**reader);
  if (!rows) return;
  const auto verified = (*reader)->Verify();
  if (!verified) return;
  Require(verified->columns.size() == proposed.size(), "verifying adds and drops no column");
  std::vector<std::size_t> changed;
  for (std::size_t c = 0; c < proposed.size(); ++c) {
    if (verified->columns[c].type != proposed[c].type) changed.push_back(c);
  }
  if (changed.empty()) return;
  const auto again = (*reader)->ReadColumns(changed, *verified);
  Require(again.has_value(), "columns whose type changed can be read again");
  const std::optional<Rows> typed = ReadAll(**again);
  Require(typed && typed->size() == rows->size(), "a second reading gives the same rows");
}

}  // namespace aimass::fuzz
