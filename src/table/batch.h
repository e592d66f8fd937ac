#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "table/arrow_c.h"
#include "table/cell.h"
#include "table/schema.h"

namespace aimass {

__extension__ using Int128 = __int128;

/// One column of a Batch: typed access to Arrow memory. Valid while its Batch lives.
class ColumnView {
 public:
  ColumnView(const ArrowArray* array, const Type* type, std::int64_t parent_offset);

  [[nodiscard]] const Type& type() const { return *type_; }
  [[nodiscard]] bool IsNull(std::size_t row) const;
  /// Any kind as the feature pipeline sees it: integers, floats and decimals as kNumber, text as
  /// kText, dates and timestamps as kTime, booleans as kBool; lists, structs, maps, binary and time
  /// of day as kNull.
  [[nodiscard]] Cell At(std::size_t row) const;
  /// The exact integer of an integer column (of kUInt64: its bits; cast back to uint64_t); days of
  /// a date, microseconds of a time or timestamp, 0 or 1 of a boolean.
  [[nodiscard]] std::int64_t Int64(std::size_t row) const;
  /// The exact value of a float column (double for both widths).
  [[nodiscard]] double Double(std::size_t row) const;
  /// The unscaled value of a decimal column.
  [[nodiscard]] Int128 Decimal(std::size_t row) const;
  /// The bytes of a text or binary column.
  [[nodiscard]] std::string_view Bytes(std::size_t row) const;
  /// The elements of a list or map in row `row`: rows [first, first + count) of child(…).
  struct Run {
    std::size_t first;
    std::size_t count;
  };
  [[nodiscard]] Run Elements(std::size_t row) const;
  /// The column of a list's items (0), a map's keys and values (0, 1), a struct's member. A
  /// struct's child has the same rows as the struct.
  [[nodiscard]] ColumnView child(std::size_t index) const;
  [[nodiscard]] const ArrowArray* array() const { return array_; }

 private:
  template <typename T>
  [[nodiscard]] T Value(std::size_t row) const;

  const ArrowArray* array_;
  const Type* type_;
  std::int64_t offset_;
};

/// A run of rows in Arrow memory with its schema. Move-only; frees the Arrow array when it dies.
///
/// Threads  reading from several threads is fine.
class Batch {
 public:
  /// Takes over `array` (a struct array whose children fit `schema`).
  Batch(std::shared_ptr<const Schema> schema, ArrowArray array);
  Batch(Batch&& other) noexcept;
  Batch& operator=(Batch&& other) noexcept;
  ~Batch();

  [[nodiscard]] const Schema& schema() const { return *schema_; }
  [[nodiscard]] const std::shared_ptr<const Schema>& shared_schema() const { return schema_; }
  [[nodiscard]] std::size_t num_rows() const { return static_cast<std::size_t>(array_.length); }
  [[nodiscard]] ColumnView column(std::size_t index) const;
  [[nodiscard]] const ArrowArray& array() const { return array_; }
  /// Hands the Arrow array over to the caller, who releases it; the batch is empty then.
  [[nodiscard]] ArrowArray ReleaseArray() { return std::exchange(array_, ArrowArray{}); }

 private:
  std::shared_ptr<const Schema> schema_;
  ArrowArray array_;
};

/// The first `rows` rows of `batch`, without copying them.
[[nodiscard]] Batch FirstRows(Batch batch, std::int64_t rows);

/// Rows in order, batch by batch: what flows between all parts. Single consumer.
class BatchReader {
 public:
  virtual ~BatchReader() = default;
  [[nodiscard]] virtual const Schema& schema() const = 0;
  /// The next rows; nullopt at the end. After an error only the destructor may be called.
  [[nodiscard]] virtual Result<std::optional<Batch>> Next() = 0;
};

/// Every Batch holds each type in one Arrow layout, the one that SchemaToArrow names: text "u",
/// binary "z", lists "+l", maps "+m", decimals of 128 bits, dates in days, times and timestamps in
/// microseconds. A list's item is named "item", a map's members "key" and "value".

/// Arrow schema ↔ ours. Errors: kUnsupported naming column and format.
[[nodiscard]] Result<Schema> SchemaFromArrow(const ArrowSchema& arrow);
/// Fills `out`, which the caller releases.
void SchemaToArrow(const Schema& schema, ArrowSchema* out);

}  // namespace aimass
