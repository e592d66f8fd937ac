#include "table/batch.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "table/decimal.h"

namespace aimass {
namespace {

constexpr std::int64_t kUsPerDay = 86'400'000'000;
constexpr std::int32_t kInfiniteDay = std::numeric_limits<std::int32_t>::max();

bool Bit(const void* bitmap, std::int64_t index) {
  return ((static_cast<const std::uint8_t*>(bitmap)[index / 8] >> (index % 8)) & 1) != 0;
}

/// A day as midnight in microseconds; days so far off that they do not fit (±infinity) go to the
/// ends.
std::int64_t DayToUs(std::int32_t day) {
  if (day >= kInfiniteDay) return std::numeric_limits<std::int64_t>::max();
  if (day <= -kInfiniteDay) return std::numeric_limits<std::int64_t>::min();
  std::int64_t us = 0;
  if (__builtin_mul_overflow(std::int64_t{day}, kUsPerDay, &us)) {
    return day > 0 ? std::numeric_limits<std::int64_t>::max()
                   : std::numeric_limits<std::int64_t>::min();
  }
  return us;
}

}  // namespace

ColumnView::ColumnView(const ArrowArray* array, const Type* type, std::int64_t parent_offset)
    : array_(array), type_(type), offset_(array->offset + parent_offset) {}

bool ColumnView::IsNull(std::size_t row) const {
  if (type_->kind == TypeKind::kNull) return true;
  if (array_->null_count == 0 || array_->n_buffers < 1 || array_->buffers[0] == nullptr)
    return false;
  return !Bit(array_->buffers[0], offset_ + static_cast<std::int64_t>(row));
}

template <typename T>
T ColumnView::Value(std::size_t row) const {
  T value;
  // memcpy: a producer may align its buffers less than T wants (128-bit decimals).
  std::memcpy(&value,
              static_cast<const char*>(array_->buffers[1]) +
                  (static_cast<std::size_t>(offset_) + row) * sizeof(T),
              sizeof(T));
  return value;
}

std::int64_t ColumnView::Int64(std::size_t row) const {
  switch (type_->kind) {
    case TypeKind::kBool:
      return Bit(array_->buffers[1], offset_ + static_cast<std::int64_t>(row)) ? 1 : 0;
    case TypeKind::kInt8:
      return Value<std::int8_t>(row);
    case TypeKind::kInt16:
      return Value<std::int16_t>(row);
    case TypeKind::kInt32:
    case TypeKind::kDate:
      return Value<std::int32_t>(row);
    case TypeKind::kUInt8:
      return Value<std::uint8_t>(row);
    case TypeKind::kUInt16:
      return Value<std::uint16_t>(row);
    case TypeKind::kUInt32:
      return Value<std::uint32_t>(row);
    case TypeKind::kInt64:
    case TypeKind::kUInt64:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
      return Value<std::int64_t>(row);
    default:
      return 0;
  }
}

double ColumnView::Double(std::size_t row) const {
  return type_->kind == TypeKind::kFloat32 ? static_cast<double>(Value<float>(row))
                                           : Value<double>(row);
}

Int128 ColumnView::Decimal(std::size_t row) const { return Value<Int128>(row); }

std::string_view ColumnView::Bytes(std::size_t row) const {
  const auto* offsets = static_cast<const std::int32_t*>(array_->buffers[1]) + offset_ + row;
  return {static_cast<const char*>(array_->buffers[2]) + offsets[0],
          static_cast<std::size_t>(offsets[1] - offsets[0])};
}

ColumnView::Run ColumnView::Elements(std::size_t row) const {
  const auto* offsets = static_cast<const std::int32_t*>(array_->buffers[1]) + offset_ + row;
  return {.first = static_cast<std::size_t>(offsets[0]),
          .count = static_cast<std::size_t>(offsets[1] - offsets[0])};
}

ColumnView ColumnView::child(std::size_t index) const {
  const Type* type = &type_->children.at(index).type;
  switch (type_->kind) {
    case TypeKind::kMap: {
      const ArrowArray* entries = array_->children[0];
      return {entries->children[index], type, entries->offset};
    }
    case TypeKind::kList:
      return {array_->children[0], type, 0};
    default:
      return {array_->children[index], type, offset_};
  }
}

Cell ColumnView::At(std::size_t row) const {
  if (IsNull(row)) return Cell::Null();
  switch (type_->kind) {
    case TypeKind::kBool:
      return Cell::Bool(Int64(row) != 0);
    case TypeKind::kUInt64:
      return Cell::Number(static_cast<double>(static_cast<std::uint64_t>(Int64(row))));
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
    case TypeKind::kUInt8:
    case TypeKind::kUInt16:
    case TypeKind::kUInt32:
      return Cell::Number(static_cast<double>(Int64(row)));
    case TypeKind::kFloat32:
    case TypeKind::kFloat64:
      return Cell::Number(Double(row));
    case TypeKind::kDecimal:
      return Cell::Number(DecimalToDouble(Decimal(row), type_->scale));
    case TypeKind::kText:
      return Cell::Text(Bytes(row));
    case TypeKind::kDate:
      return Cell::Time(DayToUs(static_cast<std::int32_t>(Int64(row))));
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
      return Cell::Time(Int64(row));
    default:
      return Cell::Null();
  }
}

Batch::Batch(std::shared_ptr<const Schema> schema, ArrowArray array)
    : schema_(std::move(schema)), array_(array) {}

Batch::Batch(Batch&& other) noexcept
    : schema_(std::move(other.schema_)), array_(std::exchange(other.array_, ArrowArray{})) {}

Batch& Batch::operator=(Batch&& other) noexcept {
  if (this != &other) {
    if (array_.release != nullptr) array_.release(&array_);
    schema_ = std::move(other.schema_);
    array_ = std::exchange(other.array_, ArrowArray{});
  }
  return *this;
}

Batch::~Batch() {
  if (array_.release != nullptr) array_.release(&array_);
}

Batch FirstRows(Batch batch, std::int64_t rows) {
  // Only the outer length says how many rows there are; columns may be longer.
  std::shared_ptr<const Schema> schema = batch.shared_schema();
  ArrowArray array = batch.ReleaseArray();
  array.length = std::min(array.length, rows);
  return Batch(std::move(schema), array);
}

ColumnView Batch::column(std::size_t index) const {
  return {array_.children[index], &schema_->columns[index].type, array_.offset};
}

}  // namespace aimass
