#include "datasets/formats/csv/encode.h"

#include <string>
#include <string_view>

#include "table/json_rows.h"

namespace aimass::formats::csv {
namespace {

void AppendQuoted(std::string& out, std::string_view text) {
  const bool plain = !text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos &&
                     text.front() != ' ' && text.back() != ' ';
  if (plain) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

class Encoder final : public FormatEncoder {
 public:
  Result<std::string> Begin(const Schema& schema) override {
    std::string out;
    for (const ColumnInfo& column : schema.columns) {
      if (!out.empty()) out += ',';
      AppendQuoted(out, column.name);
    }
    return out + "\n";
  }

  Result<std::string> Encode(const Batch& batch) override {
    std::string out;
    std::string value;
    std::vector<ColumnView> columns;
    for (std::size_t c = 0; c < batch.schema().columns.size(); ++c)
      columns.push_back(batch.column(c));
    for (std::size_t row = 0; row < batch.num_rows(); ++row) {
      for (std::size_t c = 0; c < columns.size(); ++c) {
        if (c > 0) out += ',';
        const ColumnView& column = columns[c];
        if (column.IsNull(row)) continue;
        if (column.type().kind == TypeKind::kText) {
          AppendQuoted(out, column.Bytes(row));
          continue;
        }
        value.clear();
        AppendJsonValue(value, column, row);
        // A number, true, false, or a text that needs no escapes (dates, decimals, base64); the
        // rest is JSON.
        std::string_view text = value;
        if (column.type().children.empty() && text.size() >= 2 && text.front() == '"') {
          text = text.substr(1, text.size() - 2);
        }
        AppendQuoted(out, text);
      }
      out += '\n';
    }
    return out;
  }
};

}  // namespace

std::unique_ptr<FormatEncoder> NewEncoder() { return std::make_unique<Encoder>(); }

}  // namespace aimass::formats::csv
