// A BatchReader as a table function of DuckDB. (Its own arrow_scan asks the producer to leave out
// columns and filter rows, and trusts that it did.)
#include "native/duckdb/scan.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/id.h"
#include "native/duckdb/database.h"
#include "native/duckdb/types.h"

namespace aimass::duckdb {
namespace {

/// A run of rows of a shared batch, as an Arrow array that keeps the batch alive.
struct Slice {
  std::shared_ptr<Batch> batch;
  std::vector<ArrowArray> children;
  std::vector<ArrowArray*> pointers;
  std::vector<const void*> buffers{nullptr};
};

void ReleaseSlice(ArrowArray* array) {
  const std::unique_ptr<Slice> data(static_cast<Slice*>(array->private_data));
  array->release = nullptr;
}

ArrowArray SliceOf(const std::shared_ptr<Batch>& batch, std::int64_t first, std::int64_t count) {
  auto slice = std::make_unique<Slice>();
  slice->batch = batch;
  const ArrowArray& all = batch->array();
  for (std::int64_t i = 0; i < all.n_children; ++i) {
    ArrowArray child = *all.children[i];
    child.offset += all.offset + first;
    child.length = count;
    child.null_count = child.null_count == 0 ? 0 : -1;
    child.release = [](ArrowArray* array) {
      array->release = nullptr;
    };  // its memory is the batch's
    slice->children.push_back(child);
  }
  for (ArrowArray& child : slice->children) slice->pointers.push_back(&child);
  ArrowArray array{.length = count,
                   .null_count = 0,
                   .offset = 0,
                   .n_buffers = 1,
                   .n_children = all.n_children,
                   .buffers = slice->buffers.data(),
                   .children = slice->pointers.data(),
                   .dictionary = nullptr,
                   .release = ReleaseSlice,
                   .private_data = nullptr};
  array.private_data = slice.release();
  return array;
}

/// What the table function owns; DuckDB frees it with the function.
struct Source {
  duckdb_connection connection = nullptr;
  std::unique_ptr<BatchReader> rows;
  duckdb_arrow_converted_schema converted = nullptr;
  std::shared_ptr<Batch> batch;  // being read
  std::int64_t position = 0;     // in it
  bool ended = false;

  ~Source() {
    if (converted != nullptr) duckdb_destroy_arrow_converted_schema(&converted);
  }
};

void DeleteSource(void* source) {
  const std::unique_ptr<Source> owned(static_cast<Source*>(source));
}

void Bind(duckdb_bind_info info) {
  auto* source = static_cast<Source*>(duckdb_bind_get_extra_info(info));
  for (const ColumnInfo& column : source->rows->schema().columns) {
    duckdb_bind_add_result_column(info, column.name.c_str(), LogicalTypeOf(column.type).get());
  }
  duckdb_bind_set_bind_data(info, source, [](void*) {});  // stays the function's
}

void Init(duckdb_init_info info) { duckdb_init_set_max_threads(info, 1); }

/// The next rows, at most `limit`, as a chunk of DuckDB's own; nullptr at the end.
Result<duckdb_data_chunk> NextChunk(Source& source, std::int64_t limit) {
  while (!source.ended && (!source.batch || source.position == static_cast<std::int64_t>(
                                                                   source.batch->num_rows()))) {
    ASSIGN_OR_RETURN(std::optional<Batch> next, source.rows->Next());
    source.ended = !next;
    source.position = 0;
    source.batch = next ? std::make_shared<Batch>(std::move(*next)) : nullptr;
  }
  if (source.ended) return nullptr;
  const std::int64_t left = static_cast<std::int64_t>(source.batch->num_rows()) - source.position;
  const std::int64_t count = std::min(left, limit);
  ArrowArray array = SliceOf(source.batch, source.position, count);
  source.position += count;
  duckdb_data_chunk chunk = nullptr;
  duckdb_error_data error =
      duckdb_data_chunk_from_arrow(source.connection, &array, source.converted, &chunk);
  if (array.release != nullptr) array.release(&array);
  RETURN_IF_ERROR(CheckErrorData(error));
  return chunk;
}

void Scan(duckdb_function_info info, duckdb_data_chunk output) {
  auto* source = static_cast<Source*>(duckdb_function_get_bind_data(info));
  auto chunk = NextChunk(*source, static_cast<std::int64_t>(duckdb_vector_size()));
  if (!chunk) return duckdb_function_set_error(info, chunk.error().ToString().c_str());
  if (*chunk == nullptr) return duckdb_data_chunk_set_size(output, 0);
  for (idx_t i = 0; i < duckdb_data_chunk_get_column_count(output); ++i) {
    duckdb_vector_reference_vector(duckdb_data_chunk_get_vector(output, i),
                                   duckdb_data_chunk_get_vector(*chunk, i));
  }
  duckdb_data_chunk_set_size(output, duckdb_data_chunk_get_size(*chunk));
  duckdb_destroy_data_chunk(&*chunk);
}

}  // namespace

Status RegisterRows(duckdb_connection connection, std::string_view name,
                    std::unique_ptr<BatchReader> rows) {
  auto source = std::make_unique<Source>();
  source->connection = connection;
  source->rows = std::move(rows);
  ArrowSchema arrow{};
  SchemaToArrow(source->rows->schema(), &arrow);
  duckdb_error_data error = duckdb_schema_from_arrow(connection, &arrow, &source->converted);
  if (arrow.release != nullptr) arrow.release(&arrow);
  RETURN_IF_ERROR(CheckErrorData(error));

  const std::string function_name = "rows of " + NewId();
  duckdb_table_function function = duckdb_create_table_function();
  duckdb_table_function_set_name(function, function_name.c_str());
  duckdb_table_function_set_extra_info(function, source.release(), DeleteSource);
  duckdb_table_function_set_bind(function, Bind);
  duckdb_table_function_set_init(function, Init);
  duckdb_table_function_set_function(function, Scan);
  const duckdb_state registered = duckdb_register_table_function(connection, function);
  duckdb_destroy_table_function(&function);
  if (registered != DuckDBSuccess) {
    return Fail(ErrorCode::kInternal, "rows could not be given to DuckDB as table '{}'", name);
  }
  return RunStatement(connection,
                      fmt::format("CREATE OR REPLACE TEMP VIEW {} AS SELECT * FROM {}()",
                                  QuoteName(name), QuoteName(function_name)));
}

}  // namespace aimass::duckdb
