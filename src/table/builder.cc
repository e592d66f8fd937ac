#include "table/builder.h"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

namespace aimass {
namespace {

constexpr std::int64_t kUsPerDay = 86'400'000'000;
constexpr std::size_t kMaxTextBytes = std::numeric_limits<std::int32_t>::max();

/// The memory of one finished column; an ArrowArray points into it until it is released.
struct ColumnData {
  std::vector<std::uint8_t> validity;
  std::vector<std::uint8_t> bits;
  std::vector<std::uint8_t> fixed;  // values of one width
  std::vector<std::int32_t> offsets;
  std::string bytes;
  std::array<const void*, 3> buffers{};
};

struct BatchData {
  std::vector<std::unique_ptr<ArrowArray>> children;
  std::vector<ArrowArray*> pointers;
  std::array<const void*, 1> buffers{};
};

void ReleaseColumn(ArrowArray* array) {
  const std::unique_ptr<ColumnData> owned(static_cast<ColumnData*>(array->private_data));
  array->release = nullptr;
}

void ReleaseBatch(ArrowArray* array) {
  const std::unique_ptr<BatchData> data(static_cast<BatchData*>(array->private_data));
  for (const auto& child : data->children) {
    if (child->release != nullptr) child->release(child.get());
  }
  array->release = nullptr;
}

void PushBit(std::vector<std::uint8_t>& bits, std::size_t index, bool value) {
  if (index % 8 == 0) bits.push_back(0);
  if (value) bits.back() = static_cast<std::uint8_t>(bits.back() | (1U << (index % 8)));
}

template <typename T>
void PushFixed(std::vector<std::uint8_t>& bytes, T value) {
  const std::size_t at = bytes.size();
  bytes.resize(at + sizeof(value));
  std::memcpy(bytes.data() + at, &value, sizeof(value));
}

// Bytes of a value; 0 for types that have no fixed width.
std::size_t WidthOf(TypeKind kind) {
  switch (kind) {
    case TypeKind::kInt8:
      return 1;
    case TypeKind::kInt16:
      return 2;
    case TypeKind::kInt32:
    case TypeKind::kDate:
      return 4;
    case TypeKind::kInt64:
    case TypeKind::kFloat64:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
      return 8;
    case TypeKind::kDecimal:
      return 16;
    default:
      return 0;
  }
}

bool IsBuildable(TypeKind kind) {
  return WidthOf(kind) > 0 || kind == TypeKind::kNull || kind == TypeKind::kBool ||
         kind == TypeKind::kText || kind == TypeKind::kBinary;
}

bool IsInteger(TypeKind kind) {
  return kind == TypeKind::kInt8 || kind == TypeKind::kInt16 || kind == TypeKind::kInt32 ||
         kind == TypeKind::kInt64;
}

// An integer kind of `width` bytes, fewer than 8, holds `value`.
bool Holds(std::size_t width, std::int64_t value) {
  const std::int64_t half = std::int64_t{1} << (8 * width - 1);
  return value >= -half && value < half;
}

std::int32_t DayOf(std::int64_t unix_us) {
  const std::int64_t day = unix_us / kUsPerDay - (unix_us % kUsPerDay < 0 ? 1 : 0);
  return static_cast<std::int32_t>(day);
}

}  // namespace

struct BatchBuilder::Column {
  TypeKind kind = TypeKind::kNull;
  std::size_t size = 0;
  std::int64_t nulls = 0;
  std::unique_ptr<ColumnData> data = std::make_unique<ColumnData>();

  // Most columns have no nulls: the bits begin with the first.
  void PushValid() {
    if (nulls > 0) PushBit(data->validity, size, true);
    ++size;
  }
  void PushNull() {
    if (nulls == 0) {
      data->validity.assign(size / 8, 0xff);
      if (size % 8 != 0)
        data->validity.push_back(static_cast<std::uint8_t>((1U << (size % 8)) - 1));
    }
    PushBit(data->validity, size++, false);
    ++nulls;
  }
};

BatchBuilder::BatchBuilder(std::shared_ptr<const Schema> schema) : schema_(std::move(schema)) {
  for (const ColumnInfo& info : schema_->columns) {
    auto column = std::make_unique<Column>();
    column->kind = info.type.kind;
    columns_.push_back(std::move(column));
  }
}

BatchBuilder::~BatchBuilder() = default;

void BatchBuilder::AppendNull(std::size_t index) {
  Column& column = *columns_.at(index);
  ColumnData& data = *column.data;
  switch (column.kind) {
    case TypeKind::kBool:
      PushBit(data.bits, column.size, false);
      break;
    case TypeKind::kText:
    case TypeKind::kBinary:
      data.offsets.push_back(static_cast<std::int32_t>(data.bytes.size()));
      break;
    default:
      data.fixed.resize(data.fixed.size() + WidthOf(column.kind));
  }
  column.PushNull();
}

void BatchBuilder::AppendBool(std::size_t index, bool value) {
  Column& column = *columns_.at(index);
  if (column.kind != TypeKind::kBool) return AppendCell(index, Cell::Bool(value));
  PushBit(column.data->bits, column.size, value);
  column.PushValid();
}

void BatchBuilder::AppendInt64(std::size_t index, std::int64_t value) {
  Column& column = *columns_.at(index);
  if (column.kind == TypeKind::kInt64) {
    PushFixed(column.data->fixed, value);
    return column.PushValid();
  }
  if (!IsInteger(column.kind)) {
    return AppendCell(index, Cell::Number(static_cast<double>(value)));
  }
  const std::size_t width = WidthOf(column.kind);
  if (!Holds(width, value)) return AppendNull(index);
  std::vector<std::uint8_t>& fixed = column.data->fixed;
  fixed.resize(fixed.size() + width);  // little-endian: the low bytes come first
  std::memcpy(fixed.data() + fixed.size() - width, &value, width);
  column.PushValid();
}

void BatchBuilder::AppendDouble(std::size_t index, double value) {
  Column& column = *columns_.at(index);
  if (column.kind != TypeKind::kFloat64) return AppendCell(index, Cell::Number(value));
  PushFixed(column.data->fixed, value);
  column.PushValid();
}

void BatchBuilder::AppendDecimal(std::size_t index, Int128 value) {
  Column& column = *columns_.at(index);
  if (column.kind != TypeKind::kDecimal) return AppendNull(index);
  PushFixed(column.data->fixed, value);
  column.PushValid();
}

void BatchBuilder::AppendText(std::size_t index, std::string_view value) {
  Column& column = *columns_.at(index);
  if (column.kind != TypeKind::kText && column.kind != TypeKind::kBinary) {
    return AppendCell(index, Cell::Text(value));
  }
  ColumnData& data = *column.data;
  data.offsets.push_back(static_cast<std::int32_t>(data.bytes.size()));
  data.bytes.append(value);
  column.PushValid();
}

void BatchBuilder::AppendUnixUs(std::size_t index, std::int64_t unix_us) {
  Column& column = *columns_.at(index);
  if (column.kind == TypeKind::kDate) {
    PushFixed(column.data->fixed, DayOf(unix_us));
  } else if (column.kind == TypeKind::kTimestamp || column.kind == TypeKind::kTimestampTz) {
    PushFixed(column.data->fixed, unix_us);
  } else {
    return AppendCell(index, Cell::Time(unix_us));
  }
  column.PushValid();
}

void BatchBuilder::AppendCell(std::size_t index, const Cell& cell) {
  const TypeKind kind = columns_.at(index)->kind;
  const bool is_number = cell.kind == CellKind::kNumber || cell.kind == CellKind::kBool;
  switch (kind) {
    case TypeKind::kBool:
      if (is_number && (cell.number == 0.0 || cell.number == 1.0))
        return AppendBool(index, cell.number != 0.0);
      break;
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
      // 2^63 itself is a double, and does not fit.
      if (is_number && cell.number == std::floor(cell.number) && cell.number >= -0x1p63 &&
          cell.number < 0x1p63) {
        return AppendInt64(index, static_cast<std::int64_t>(cell.number));
      }
      break;
    case TypeKind::kFloat64:
      if (is_number) return AppendDouble(index, cell.number);
      break;
    case TypeKind::kText:
      if (cell.kind == CellKind::kText) return AppendText(index, cell.text);
      if (cell.kind == CellKind::kBool)
        return AppendText(index, cell.number != 0.0 ? "true" : "false");
      if (cell.kind == CellKind::kNumber) return AppendText(index, fmt::format("{}", cell.number));
      break;
    case TypeKind::kBinary:
      if (cell.kind == CellKind::kText) return AppendText(index, cell.text);
      break;
    case TypeKind::kDate:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
      if (cell.kind == CellKind::kTime) return AppendUnixUs(index, cell.unix_us);
      break;
    default:
      break;
  }
  AppendNull(index);
}

Result<Batch> BatchBuilder::Finish() {
  const std::size_t rows = columns_.empty() ? 0 : columns_.front()->size;
  // All are checked before the first is handed over: what is refused stays with the builder.
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const ColumnInfo& info = schema_->columns[i];
    if (columns_[i]->size != rows) {
      return Fail(ErrorCode::kInternal, "column '{}' got {} values where the first column got {}",
                  info.name, columns_[i]->size, rows);
    }
    if (columns_[i]->data->bytes.size() > kMaxTextBytes) {
      return Fail(ErrorCode::kPayloadTooLarge,
                  "column '{}' holds more than 2 GB of text in one batch", info.name);
    }
    if (!IsBuildable(columns_[i]->kind)) {
      return Fail(ErrorCode::kInternal, "a batch cannot be built with column '{}' of type {}",
                  info.name, TypeName(info.type));
    }
  }
  auto batch = std::make_unique<BatchData>();
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    Column& column = *columns_[i];
    ColumnData& data = *column.data;
    std::int64_t buffers = 2;
    data.buffers[0] = column.nulls == 0 ? nullptr : data.validity.data();
    switch (column.kind) {
      case TypeKind::kNull:
        buffers = 0;
        break;
      case TypeKind::kBool:
        data.buffers[1] = data.bits.data();
        break;
      case TypeKind::kText:
      case TypeKind::kBinary:
        data.offsets.push_back(static_cast<std::int32_t>(data.bytes.size()));
        data.buffers[1] = data.offsets.data();
        data.buffers[2] = data.bytes.data();
        buffers = 3;
        break;
      default:
        data.buffers[1] = data.fixed.data();
        break;
    }
    auto array = std::make_unique<ArrowArray>();
    *array = ArrowArray{.length = static_cast<std::int64_t>(rows),
                        .null_count = column.nulls,
                        .offset = 0,
                        .n_buffers = buffers,
                        .n_children = 0,
                        .buffers = data.buffers.data(),
                        .children = nullptr,
                        .dictionary = nullptr,
                        .release = ReleaseColumn,
                        .private_data = column.data.release()};
    column = Column{.kind = column.kind};
    batch->pointers.push_back(array.get());
    batch->children.push_back(std::move(array));
  }
  ArrowArray out{.length = static_cast<std::int64_t>(rows),
                 .null_count = 0,
                 .offset = 0,
                 .n_buffers = 1,
                 .n_children = static_cast<std::int64_t>(batch->pointers.size()),
                 .buffers = batch->buffers.data(),
                 .children = batch->pointers.data(),
                 .dictionary = nullptr,
                 .release = ReleaseBatch,
                 .private_data = nullptr};
  out.private_data = batch.release();
  return Batch(schema_, out);
}

}  // namespace aimass
