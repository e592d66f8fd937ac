#pragma once

#include <string>

#include "table/batch.h"

namespace aimass {

/// An Arrow IPC stream (application/vnd.apache.arrow.stream), version 5, little-endian, not
/// compressed: one schema message, any number of batch messages, the end. pyarrow, polars and
/// DuckDB read it.
///
/// Threads  pure functions.
/// Source   "Serialization and Interprocess Communication (IPC)" of the Arrow columnar format, 1.0.
[[nodiscard]] std::string IpcSchemaMessage(const Schema& schema);
/// `batch` must have the schema that was written before it.
[[nodiscard]] std::string IpcBatchMessage(const Batch& batch);
[[nodiscard]] std::string IpcEndOfStream();

inline constexpr std::string_view kIpcStreamMediaType = "application/vnd.apache.arrow.stream";

}  // namespace aimass
