// The Arrow C data interface's format strings ↔ our types.
#include <array>
#include <charconv>
#include <memory>
#include <utility>

#include "table/batch.h"

namespace aimass {
namespace {

constexpr int kMaxDepth = 32;

constexpr std::array<std::pair<std::string_view, TypeKind>, 17> kFormats{{
    {"n", TypeKind::kNull},
    {"b", TypeKind::kBool},
    {"c", TypeKind::kInt8},
    {"s", TypeKind::kInt16},
    {"i", TypeKind::kInt32},
    {"l", TypeKind::kInt64},
    {"C", TypeKind::kUInt8},
    {"S", TypeKind::kUInt16},
    {"I", TypeKind::kUInt32},
    {"L", TypeKind::kUInt64},
    {"f", TypeKind::kFloat32},
    {"g", TypeKind::kFloat64},
    {"u", TypeKind::kText},
    {"z", TypeKind::kBinary},
    {"tdD", TypeKind::kDate},
    {"ttu", TypeKind::kTime},
    {"tsu:", TypeKind::kTimestamp},
}};

/// "d:18,2" or "d:18,2,128".
bool ParseDecimal(std::string_view format, Type* type) {
  if (!format.starts_with("d:")) return false;
  const char* at = format.data() + 2;
  const char* const end = format.data() + format.size();
  const auto precision = std::from_chars(at, end, type->precision);
  if (precision.ec != std::errc() || precision.ptr == end || *precision.ptr != ',') return false;
  const auto scale = std::from_chars(precision.ptr + 1, end, type->scale);
  if (scale.ec != std::errc() || type->scale < 0 || type->precision < 1 || type->precision > 38)
    return false;
  type->kind = TypeKind::kDecimal;
  return scale.ptr == end || std::string_view(scale.ptr, end) == ",128";
}

Result<ColumnInfo> ColumnFromArrow(const ArrowSchema& arrow, int depth) {
  const std::string_view format = arrow.format == nullptr ? "" : arrow.format;
  ColumnInfo column{.name = arrow.name == nullptr ? "" : arrow.name,
                    .type = {},
                    .nullable = (arrow.flags & ARROW_FLAG_NULLABLE) != 0};
  const auto unsupported = [&] {
    return Fail(ErrorCode::kUnsupported,
                "column '{}' has the Arrow type '{}', which cannot be used here", column.name,
                format);
  };
  if (arrow.dictionary != nullptr || depth > kMaxDepth) return unsupported();
  for (const auto& [known, kind] : kFormats) {
    if (known == format) {
      column.type.kind = kind;
      return column;
    }
  }
  // Any time zone: the value is UTC in all of them.
  if (format.starts_with("tsu:")) {
    column.type.kind = TypeKind::kTimestampTz;
    return column;
  }
  if (ParseDecimal(format, &column.type)) return column;

  const ArrowSchema* parent = &arrow;
  if (format == "+l" && arrow.n_children == 1) {
    column.type.kind = TypeKind::kList;
  } else if (format == "+s" && arrow.n_children > 0) {
    column.type.kind = TypeKind::kStruct;
  } else if (format == "+m" && arrow.n_children == 1 && arrow.children[0]->n_children == 2) {
    column.type.kind = TypeKind::kMap;
    parent = arrow.children[0];
  } else {
    return unsupported();
  }
  for (std::int64_t i = 0; i < parent->n_children; ++i) {
    ASSIGN_OR_RETURN(ColumnInfo child, ColumnFromArrow(*parent->children[i], depth + 1));
    if (column.type.kind == TypeKind::kList) child.name = "item";
    if (column.type.kind == TypeKind::kMap) {
      child.name = i == 0 ? "key" : "value";
      child.nullable = i != 0;
    }
    column.type.children.push_back(std::move(child));
  }
  return column;
}

std::string FormatOf(const Type& type) {
  switch (type.kind) {
    case TypeKind::kDecimal:
      return fmt::format("d:{},{}", type.precision, type.scale);
    case TypeKind::kTimestampTz:
      return "tsu:UTC";
    case TypeKind::kList:
      return "+l";
    case TypeKind::kStruct:
      return "+s";
    case TypeKind::kMap:
      return "+m";
    default:
      for (const auto& [format, kind] : kFormats) {
        if (kind == type.kind) return std::string(format);
      }
      return "n";
  }
}

/// What one exported ArrowSchema points to.
struct SchemaData {
  std::string format;
  std::string name;
  std::vector<ArrowSchema> children;
  std::vector<ArrowSchema*> pointers;
};

void ReleaseSchema(ArrowSchema* schema) {
  const std::unique_ptr<SchemaData> data(static_cast<SchemaData*>(schema->private_data));
  for (ArrowSchema& child : data->children) {
    if (child.release != nullptr) child.release(&child);
  }
  schema->release = nullptr;
}

void Export(std::string format, const std::string& name, bool nullable,
            const std::vector<ColumnInfo>& children, ArrowSchema* out) {
  auto data = std::make_unique<SchemaData>();
  data->format = std::move(format);
  data->name = name;
  if (data->format == "+m") {
    data->children.resize(1);
    Export("+s", "entries", false, children, data->children.data());
  } else {
    data->children.resize(children.size());
    for (std::size_t i = 0; i < children.size(); ++i) {
      Export(FormatOf(children[i].type), children[i].name, children[i].nullable,
             children[i].type.children, &data->children[i]);
    }
  }
  for (ArrowSchema& child : data->children) data->pointers.push_back(&child);
  *out = ArrowSchema{.format = data->format.c_str(),
                     .name = data->name.c_str(),
                     .metadata = nullptr,
                     .flags = nullable ? ARROW_FLAG_NULLABLE : 0,
                     .n_children = static_cast<std::int64_t>(data->pointers.size()),
                     .children = data->pointers.data(),
                     .dictionary = nullptr,
                     .release = ReleaseSchema,
                     .private_data = nullptr};
  out->private_data = data.release();
}

}  // namespace

Result<Schema> SchemaFromArrow(const ArrowSchema& arrow) {
  Schema schema;
  for (std::int64_t i = 0; i < arrow.n_children; ++i) {
    ASSIGN_OR_RETURN(ColumnInfo column, ColumnFromArrow(*arrow.children[i], 0));
    schema.columns.push_back(std::move(column));
  }
  return schema;
}

void SchemaToArrow(const Schema& schema, ArrowSchema* out) {
  Export("+s", "", false, schema.columns, out);
}

}  // namespace aimass
