#include "table/ipc.h"

#include <flatbuffers/flatbuffers.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <vector>

namespace aimass {
namespace {

static_assert(std::endian::native == std::endian::little);

// Field offsets and enumerations of Arrow's Message.fbs and Schema.fbs. Field number n of a table
// stands at vtable offset 4 + 2n.
constexpr flatbuffers::voffset_t Slot(int field) {
  return static_cast<flatbuffers::voffset_t>(4 + 2 * field);
}

constexpr std::int16_t kMetadataV5 = 4;
constexpr std::uint8_t kHeaderSchema = 1;
constexpr std::uint8_t kHeaderRecordBatch = 3;

enum class FlatType : std::uint8_t {
  kNull = 1,
  kInt = 2,
  kFloatingPoint = 3,
  kBinary = 4,
  kUtf8 = 5,
  kBool = 6,
  kDecimal = 7,
  kDate = 8,
  kTime = 9,
  kTimestamp = 10,
  kList = 12,
  kStruct = 13,
  kMap = 17,
};

constexpr std::int16_t kUnitMicrosecond = 2;

using Builder = flatbuffers::FlatBufferBuilder;
using Offset = flatbuffers::Offset<void>;

Offset Finish(Builder& builder, flatbuffers::uoffset_t start) {
  return Offset(builder.EndTable(start));
}

/// The table of the type union's member, and which member it is.
std::pair<FlatType, Offset> WriteType(Builder& builder, const Type& type) {
  const auto integer = [&](int bits, bool is_signed) {
    const auto start = builder.StartTable();
    builder.AddElement<std::int32_t>(Slot(0), bits, 0);
    builder.AddElement<std::uint8_t>(Slot(1), is_signed ? 1 : 0, 0);
    return std::pair(FlatType::kInt, Finish(builder, start));
  };
  const auto empty = [&](FlatType kind) {
    return std::pair(kind, Finish(builder, builder.StartTable()));
  };
  const auto floating = [&](std::int16_t precision) {
    const auto start = builder.StartTable();
    builder.AddElement<std::int16_t>(Slot(0), precision, 0);
    return std::pair(FlatType::kFloatingPoint, Finish(builder, start));
  };
  switch (type.kind) {
    case TypeKind::kBool:
      return empty(FlatType::kBool);
    case TypeKind::kInt8:
      return integer(8, true);
    case TypeKind::kInt16:
      return integer(16, true);
    case TypeKind::kInt32:
      return integer(32, true);
    case TypeKind::kInt64:
      return integer(64, true);
    case TypeKind::kUInt8:
      return integer(8, false);
    case TypeKind::kUInt16:
      return integer(16, false);
    case TypeKind::kUInt32:
      return integer(32, false);
    case TypeKind::kUInt64:
      return integer(64, false);
    case TypeKind::kFloat32:
      return floating(1);
    case TypeKind::kFloat64:
      return floating(2);
    case TypeKind::kText:
      return empty(FlatType::kUtf8);
    case TypeKind::kBinary:
      return empty(FlatType::kBinary);
    case TypeKind::kList:
      return empty(FlatType::kList);
    case TypeKind::kStruct:
      return empty(FlatType::kStruct);
    case TypeKind::kMap:
      return empty(FlatType::kMap);
    case TypeKind::kDecimal: {
      const auto start = builder.StartTable();
      builder.AddElement<std::int32_t>(Slot(0), type.precision, 0);
      builder.AddElement<std::int32_t>(Slot(1), type.scale, 0);
      builder.AddElement<std::int32_t>(Slot(2), 128, 0);
      return {FlatType::kDecimal, Finish(builder, start)};
    }
    case TypeKind::kDate: {
      const auto start = builder.StartTable();
      builder.AddElement<std::int16_t>(Slot(0), 0, 1);  // DAY; the schema's default is MILLISECOND
      return {FlatType::kDate, Finish(builder, start)};
    }
    case TypeKind::kTime: {
      const auto start = builder.StartTable();
      builder.AddElement<std::int16_t>(Slot(0), kUnitMicrosecond, 1);
      builder.AddElement<std::int32_t>(Slot(1), 64, 32);
      return {FlatType::kTime, Finish(builder, start)};
    }
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz: {
      flatbuffers::Offset<flatbuffers::String> zone;
      if (type.kind == TypeKind::kTimestampTz) zone = builder.CreateString("UTC");
      const auto start = builder.StartTable();
      builder.AddElement<std::int16_t>(Slot(0), kUnitMicrosecond, 0);
      if (!zone.IsNull()) builder.AddOffset(Slot(1), zone);
      return {FlatType::kTimestamp, Finish(builder, start)};
    }
    case TypeKind::kNull:
      break;
  }
  return empty(FlatType::kNull);
}

Offset WriteField(Builder& builder, const ColumnInfo& column) {
  std::vector<Offset> children;
  if (column.type.kind == TypeKind::kMap) {
    // Arrow puts a struct "entries" between a map and its key and value.
    children.push_back(
        WriteField(builder, {.name = "entries",
                             .type = {.kind = TypeKind::kStruct, .children = column.type.children},
                             .nullable = false}));
  } else {
    for (const ColumnInfo& child : column.type.children)
      children.push_back(WriteField(builder, child));
  }
  const auto name = builder.CreateString(column.name);
  const auto [kind, type] = WriteType(builder, column.type);
  const auto child_vector = builder.CreateVector(children);
  const auto start = builder.StartTable();
  builder.AddOffset(Slot(0), name);
  builder.AddElement<std::uint8_t>(Slot(1), column.nullable ? 1 : 0, 0);
  builder.AddElement<std::uint8_t>(Slot(2), static_cast<std::uint8_t>(kind), 0);
  builder.AddOffset(Slot(3), type);
  builder.AddOffset(Slot(5), child_vector);
  return Finish(builder, start);
}

template <typename T>
void AppendRaw(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

std::size_t Padded(std::size_t size) { return (size + 7) & ~std::size_t{7}; }

/// Wraps a header table into a Message: 0xFFFFFFFF, length of the metadata, metadata, body.
std::string Encapsulate(Builder& builder, std::uint8_t header_type, Offset header,
                        std::string_view body) {
  const auto start = builder.StartTable();
  builder.AddElement<std::int64_t>(Slot(3), static_cast<std::int64_t>(body.size()), 0);
  builder.AddOffset(Slot(2), header);
  builder.AddElement<std::int16_t>(Slot(0), kMetadataV5, 0);
  builder.AddElement<std::uint8_t>(Slot(1), header_type, 0);
  builder.Finish(Finish(builder, start));

  const std::size_t padded = Padded(builder.GetSize());
  std::string out;
  out.reserve(8 + padded + body.size());
  AppendRaw(out, std::uint32_t{0xFFFFFFFF});
  AppendRaw(out, static_cast<std::int32_t>(padded));
  out.append(reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize());
  out.resize(8 + padded, '\0');
  out += body;
  return out;
}

// The structs of RecordBatch, as flatbuffers lays them out.
struct FieldNode {
  std::int64_t length;
  std::int64_t null_count;
};
struct BufferPosition {
  std::int64_t offset;
  std::int64_t length;
};

/// Lays out the buffers of a batch one after the other; slices are rebased to start at 0.
class BodyWriter {
 public:
  void Write(const ArrowArray& array, const Type& type, std::int64_t first, std::int64_t length) {
    first += array.offset;
    if (type.kind == TypeKind::kNull) {
      nodes_.push_back({length, length});
      return;
    }
    nodes_.push_back({length, AddValidity(array, first, length)});
    switch (type.kind) {
      case TypeKind::kBool:
        return AddBits(array.buffers[1], first, length);
      case TypeKind::kInt8:
      case TypeKind::kUInt8:
        return AddFixed(array, first, length, 1);
      case TypeKind::kInt16:
      case TypeKind::kUInt16:
        return AddFixed(array, first, length, 2);
      case TypeKind::kInt32:
      case TypeKind::kUInt32:
      case TypeKind::kFloat32:
      case TypeKind::kDate:
        return AddFixed(array, first, length, 4);
      case TypeKind::kDecimal:
        return AddFixed(array, first, length, 16);
      case TypeKind::kText:
      case TypeKind::kBinary: {
        const Range bytes = AddOffsets(array, first, length);
        return AddBuffer(static_cast<const char*>(array.buffers[2]) + bytes.first, bytes.count);
      }
      case TypeKind::kList: {
        const Range items = AddOffsets(array, first, length);
        return Write(*array.children[0], type.children[0].type, items.first, items.count);
      }
      case TypeKind::kMap: {
        const Range entries = AddOffsets(array, first, length);
        return Write(*array.children[0], {.kind = TypeKind::kStruct, .children = type.children},
                     entries.first, entries.count);
      }
      case TypeKind::kStruct:
        for (std::size_t i = 0; i < type.children.size(); ++i) {
          Write(*array.children[i], type.children[i].type, first, length);
        }
        return;
      default:
        return AddFixed(array, first, length, 8);
    }
  }

  [[nodiscard]] const std::vector<FieldNode>& nodes() const { return nodes_; }
  [[nodiscard]] const std::vector<BufferPosition>& buffers() const { return buffers_; }
  [[nodiscard]] const std::string& body() const { return body_; }

 private:
  struct Range {
    std::int64_t first;
    std::int64_t count;
  };

  void AddBuffer(const void* data, std::int64_t bytes) {
    buffers_.push_back({static_cast<std::int64_t>(body_.size()), bytes});
    if (bytes > 0) body_.append(static_cast<const char*>(data), static_cast<std::size_t>(bytes));
    body_.resize(Padded(body_.size()), '\0');
  }

  void AddFixed(const ArrowArray& array, std::int64_t first, std::int64_t length,
                std::int64_t width) {
    AddBuffer(static_cast<const char*>(array.buffers[1]) + first * width, length * width);
  }

  /// Copies a bitmap so that its first bit is bit 0; counts the zeros.
  std::int64_t AddBits(const void* bitmap, std::int64_t first, std::int64_t length,
                       std::int64_t* zeros) {
    const auto* bytes = static_cast<const std::uint8_t*>(bitmap);
    std::string bits(static_cast<std::size_t>((length + 7) / 8), '\0');
    for (std::int64_t i = 0; i < length; ++i) {
      const bool one = (bytes[(first + i) / 8] >> ((first + i) % 8) & 1) != 0;
      if (one) bits[static_cast<std::size_t>(i / 8)] |= static_cast<char>(1 << (i % 8));
      if (!one) ++*zeros;
    }
    AddBuffer(bits.data(), static_cast<std::int64_t>(bits.size()));
    return *zeros;
  }
  void AddBits(const void* bitmap, std::int64_t first, std::int64_t length) {
    std::int64_t zeros = 0;
    AddBits(bitmap, first, length, &zeros);
  }

  std::int64_t AddValidity(const ArrowArray& array, std::int64_t first, std::int64_t length) {
    if (array.null_count == 0 || array.buffers[0] == nullptr) {
      AddBuffer(nullptr, 0);  // an absent bitmap: no nulls
      return 0;
    }
    std::int64_t nulls = 0;
    return AddBits(array.buffers[0], first, length, &nulls);
  }

  Range AddOffsets(const ArrowArray& array, std::int64_t first, std::int64_t length) {
    const auto* offsets = static_cast<const std::int32_t*>(array.buffers[1]);
    if (length == 0 || offsets == nullptr) {
      const std::int32_t zero = 0;
      AddBuffer(&zero, sizeof(zero));
      return {0, 0};
    }
    offsets += first;
    std::vector<std::int32_t> rebased(offsets, offsets + length + 1);
    for (std::int32_t& offset : rebased) offset -= offsets[0];
    AddBuffer(rebased.data(), static_cast<std::int64_t>(rebased.size() * sizeof(std::int32_t)));
    return {offsets[0], offsets[length] - offsets[0]};
  }

  std::vector<FieldNode> nodes_;
  std::vector<BufferPosition> buffers_;
  std::string body_;
};

template <typename Pair>
Offset WriteStructs(Builder& builder, const std::vector<Pair>& structs) {
  builder.StartVector(structs.size() * sizeof(Pair) / sizeof(std::int64_t), sizeof(std::int64_t));
  // A flatbuffer is built from its end.
  builder.PushBytes(reinterpret_cast<const std::uint8_t*>(structs.data()),
                    structs.size() * sizeof(Pair));
  return Offset(builder.EndVector(structs.size()));
}

}  // namespace

std::string IpcSchemaMessage(const Schema& schema) {
  Builder builder;
  std::vector<Offset> fields;
  for (const ColumnInfo& column : schema.columns) fields.push_back(WriteField(builder, column));
  const auto vector = builder.CreateVector(fields);
  const auto start = builder.StartTable();
  builder.AddOffset(Slot(1), vector);
  return Encapsulate(builder, kHeaderSchema, Finish(builder, start), {});
}

std::string IpcBatchMessage(const Batch& batch) {
  BodyWriter body;
  const auto rows = static_cast<std::int64_t>(batch.num_rows());
  for (std::size_t i = 0; i < batch.schema().columns.size(); ++i) {
    body.Write(*batch.array().children[i], batch.schema().columns[i].type, batch.array().offset,
               rows);
  }
  Builder builder;
  const Offset nodes = WriteStructs(builder, body.nodes());
  const Offset buffers = WriteStructs(builder, body.buffers());
  const auto start = builder.StartTable();
  builder.AddElement<std::int64_t>(Slot(0), rows, 0);
  builder.AddOffset(Slot(1), nodes);
  builder.AddOffset(Slot(2), buffers);
  return Encapsulate(builder, kHeaderRecordBatch, Finish(builder, start), body.body());
}

std::string IpcEndOfStream() {
  std::string out;
  AppendRaw(out, std::uint32_t{0xFFFFFFFF});
  AppendRaw(out, std::int32_t{0});
  return out;
}

}  // namespace aimass
