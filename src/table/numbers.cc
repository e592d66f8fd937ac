#include "table/numbers.h"

#include <limits>

namespace aimass {
namespace {

template <typename ValueOf>
void Fill(const ColumnView& column, std::size_t first, std::span<double> out, ValueOf value_of) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = column.IsNull(first + i) ? std::numeric_limits<double>::quiet_NaN()
                                      : static_cast<double>(value_of(first + i));
  }
}

}  // namespace

bool ReadNumbers(const ColumnView& column, std::size_t first, std::span<double> out) {
  switch (column.type().kind) {
    case TypeKind::kFloat32:
    case TypeKind::kFloat64:
      Fill(column, first, out, [&](std::size_t row) { return column.Double(row); });
      return true;
    case TypeKind::kUInt64:
      Fill(column, first, out,
           [&](std::size_t row) { return static_cast<std::uint64_t>(column.Int64(row)); });
      return true;
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
    case TypeKind::kUInt8:
    case TypeKind::kUInt16:
    case TypeKind::kUInt32:
      Fill(column, first, out, [&](std::size_t row) { return column.Int64(row); });
      return true;
    default:
      return false;
  }
}

}  // namespace aimass
