#include "sources/connectors/postgres/reader.h"

#include <utility>

#include "sources/connectors/postgres/catalog.h"
#include "sources/connectors/postgres/decode.h"
#include "table/json_rows.h"

namespace aimass::connectors::postgres {
namespace {

using aimass::postgres::CopyStream;
using aimass::postgres::FieldInfo;

constexpr std::size_t kMaxBatchBytes = std::size_t{64} << 20;

class Reader : public BatchReader {
 public:
  Reader(CopyStream stream, std::vector<FieldInfo> fields, SourceRead request)
      : stream_(std::move(stream)),
        fields_(std::move(fields)),
        request_(std::move(request)),
        schema_(std::make_shared<const Schema>(SchemaOf(fields_))),
        rows_(fields_.size()),
        values_(fields_.size()) {}

  [[nodiscard]] const Schema& schema() const override { return *schema_; }

  [[nodiscard]] Result<std::optional<Batch>> Next() override {
    BatchBuilder builder(schema_);
    std::size_t rows = 0;
    std::size_t bytes = 0;
    while (rows < request_.batch_rows && bytes < kMaxBatchBytes) {
      ASSIGN_OR_RETURN(const bool found, NextRow());
      if (!found) break;
      if (number_++ % 256 == 0) RETURN_IF_ERROR(request_.cancel.Check());
      ASSIGN_OR_RETURN(const bool good, DecodeRow(&bytes));
      if (!good) continue;
      for (std::size_t i = 0; i < values_.size(); ++i) Append(builder, i, values_[i]);
      ++rows;
    }
    if (rows == 0) return std::optional<Batch>();
    ASSIGN_OR_RETURN(Batch batch, builder.Finish());
    return std::optional<Batch>(std::move(batch));
  }

 private:
  Result<bool> NextRow() {
    for (;;) {
      ASSIGN_OR_RETURN(const bool found, rows_.Next());
      if (found) return true;
      ASSIGN_OR_RETURN(const auto bytes, stream_.Next());
      if (bytes) {
        rows_.Feed(*bytes);
      } else if (rows_.ended()) {
        return false;
      } else {
        return Fail(ErrorCode::kUnavailable, "what the database sent is no binary COPY");
      }
    }
  }

  // False where the row was rejected.
  Result<bool> DecodeRow(std::size_t* bytes) {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const std::string_view raw = rows_.values()[i];
      *bytes += raw.size();
      const Type& type = schema_->columns[i].type;
      if (const auto value = Decode(fields_[i], type, raw)) {
        values_[i] = *value;
        continue;
      }
      const std::string shown = Shown(fields_[i], raw).substr(0, 100);
      Message reason =
          IsTemporal(type)
              ? Msg("column '{}': '{}' is not between the years 1 and 9999", fields_[i].name, shown)
              : Msg("column '{}': '{}' is no {}", fields_[i].name, shown, TypeName(type));
      if (!request_.reject) {
        return std::unexpected(
            Error{.code = ErrorCode::kUnprocessable, .message = std::move(reason), .hint = {}});
      }
      RETURN_IF_ERROR(
          request_.reject({.number = number_, .reason = std::move(reason), .raw = RawRow()}));
      return false;
    }
    return true;
  }

  // The row as JSON, of what the server sent.
  std::string RawRow() {
    std::string out = "{";
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      const std::string_view raw = rows_.values()[i];
      if (i > 0) out += ',';
      AppendJsonText(out, fields_[i].name);
      out += ':';
      if (raw.data() == nullptr) {
        out += "null";
      } else {
        AppendJsonText(out, Shown(fields_[i], raw));
      }
    }
    return out + "}";
  }

  CopyStream stream_;
  std::vector<FieldInfo> fields_;
  SourceRead request_;
  std::shared_ptr<const Schema> schema_;
  CopyRows rows_;
  std::vector<Value> values_;
  std::int64_t number_ = 0;
};

}  // namespace

std::unique_ptr<BatchReader> ReaderOf(CopyStream stream, std::vector<FieldInfo> fields,
                                      SourceRead request) {
  return std::make_unique<Reader>(std::move(stream), std::move(fields), std::move(request));
}

}  // namespace aimass::connectors::postgres
