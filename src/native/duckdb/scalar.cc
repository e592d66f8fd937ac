// Scalar functions of ours inside DuckDB: a chunk of arguments goes out as Arrow, the result comes
// back as Arrow.
#include "native/duckdb/scalar.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "native/duckdb/types.h"

namespace aimass::duckdb {
namespace {

/// What the registered function owns; DuckDB frees it with the function.
struct Callee {
  ScalarFunction function;
  duckdb_connection connection = nullptr;  // for conversions; open as long as its SQL runs
};

void DeleteCallee(void* callee) {
  const std::unique_ptr<Callee> owned(static_cast<Callee*>(callee));
}

/// Owns the options for Arrow and frees them.
struct ArrowOptions {
  explicit ArrowOptions(duckdb_connection connection) {
    duckdb_connection_get_arrow_options(connection, &options);
  }
  ArrowOptions(const ArrowOptions&) = delete;
  ArrowOptions& operator=(const ArrowOptions&) = delete;
  ~ArrowOptions() { duckdb_destroy_arrow_options(&options); }

  duckdb_arrow_options options = nullptr;
};

Result<Batch> Arguments(const Callee& callee, duckdb_data_chunk input) {
  const ArrowOptions arrow(callee.connection);
  Schema schema;
  for (idx_t i = 0; i < duckdb_data_chunk_get_column_count(input); ++i) {
    const std::size_t parameter = std::min<std::size_t>(i, callee.function.parameters.size() - 1);
    schema.columns.push_back(
        {.name = fmt::format("argument {}", i + 1), .type = callee.function.parameters[parameter]});
  }
  ArrowArray array{};
  RETURN_IF_ERROR(CheckErrorData(duckdb_data_chunk_to_arrow(arrow.options, input, &array)));
  return Batch(std::make_shared<const Schema>(std::move(schema)), array);
}

Status Call(const Callee& callee, duckdb_data_chunk input, duckdb_vector output) {
  ASSIGN_OR_RETURN(const Batch arguments, Arguments(callee, input));
  ASSIGN_OR_RETURN(Batch values, callee.function.run(arguments));
  if (values.num_rows() != arguments.num_rows() || values.schema().columns.size() != 1 ||
      values.schema().columns[0].type != callee.function.result) {
    return Fail(ErrorCode::kInternal,
                "SQL function '{}' gave {} values of the wrong kind for {} rows",
                callee.function.name, values.num_rows(), arguments.num_rows());
  }
  ArrowSchema arrow{};
  SchemaToArrow(values.schema(), &arrow);
  duckdb_arrow_converted_schema converted = nullptr;
  Status status = CheckErrorData(duckdb_schema_from_arrow(callee.connection, &arrow, &converted));
  arrow.release(&arrow);
  duckdb_data_chunk chunk = nullptr;
  if (status) {
    ArrowArray array = values.ReleaseArray();
    status =
        CheckErrorData(duckdb_data_chunk_from_arrow(callee.connection, &array, converted, &chunk));
    if (array.release != nullptr) array.release(&array);
  }
  if (status) duckdb_vector_reference_vector(output, duckdb_data_chunk_get_vector(chunk, 0));
  if (chunk != nullptr) duckdb_destroy_data_chunk(&chunk);
  if (converted != nullptr) duckdb_destroy_arrow_converted_schema(&converted);
  return status;
}

void Run(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  const auto* callee = static_cast<const Callee*>(duckdb_scalar_function_get_extra_info(info));
  if (const Status status = Call(*callee, input, output); !status) {
    duckdb_scalar_function_set_error(info, status.error().ToString().c_str());
  }
}

}  // namespace

Status RegisterScalar(duckdb_connection connection, const ScalarFunction& function) {
  if (function.parameters.empty()) {
    return Fail(ErrorCode::kInternal, "SQL function '{}' has no parameter", function.name);
  }
  duckdb_scalar_function scalar = duckdb_create_scalar_function();
  duckdb_scalar_function_set_name(scalar, function.name.c_str());
  const std::size_t fixed = function.parameters.size() - (function.any_number ? 1 : 0);
  for (std::size_t i = 0; i < fixed; ++i) {
    duckdb_scalar_function_add_parameter(scalar, LogicalTypeOf(function.parameters[i]).get());
  }
  if (function.any_number) {
    duckdb_scalar_function_set_varargs(scalar, LogicalTypeOf(function.parameters.back()).get());
  }
  duckdb_scalar_function_set_return_type(scalar, LogicalTypeOf(function.result).get());
  duckdb_scalar_function_set_special_handling(scalar);  // nulls are the function's business
  auto callee = std::make_unique<Callee>(Callee{.function = function, .connection = connection});
  duckdb_scalar_function_set_extra_info(scalar, callee.release(), DeleteCallee);
  duckdb_scalar_function_set_function(scalar, Run);
  const duckdb_state state = duckdb_register_scalar_function(connection, scalar);
  duckdb_destroy_scalar_function(&scalar);
  if (state == DuckDBSuccess) return {};
  return Fail(ErrorCode::kConflict, "SQL function '{}' cannot be added", function.name);
}

}  // namespace aimass::duckdb
