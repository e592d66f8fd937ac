#include "sources/connectors/mysql/literal.h"

#include <iterator>

#include "sources/database.h"

namespace aimass::connectors::mysql {

void AppendLiteral(std::string& out, const mariadb::Connection& connection,
                   const ColumnView& column, std::size_t row) {
  if (column.IsNull(row)) {
    out += "NULL";
    return;
  }
  switch (column.type().kind) {
    case TypeKind::kText:
      out += connection.Quoted(column.Bytes(row));
      return;
    case TypeKind::kBinary:
      out += "X'";
      for (const char byte : column.Bytes(row))
        fmt::format_to(std::back_inserter(out), "{:02x}", static_cast<unsigned char>(byte));
      out += '\'';
      return;
    case TypeKind::kFloat32:
    case TypeKind::kFloat64:
    case TypeKind::kDate:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
      out += '\'';
      AppendPlain(out, column, row);
      out += '\'';
      return;
    default:  // not between quotes: a BIT would take a digit for its character
      return AppendPlain(out, column, row);
  }
}

}  // namespace aimass::connectors::mysql
