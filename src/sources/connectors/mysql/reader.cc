#include "sources/connectors/mysql/reader.h"

#include <utility>

#include "sources/connectors/mysql/catalog.h"
#include "sources/connectors/mysql/decode.h"
#include "sources/database.h"
#include "table/json_rows.h"

namespace aimass::connectors::mysql {
namespace {

constexpr std::size_t kMaxBatchBytes = std::size_t{64} << 20;

// A row as JSON, of what the server sent.
std::string RawRow(const mariadb::Answer& answer) {
  std::string out = "{";
  for (std::size_t i = 0; i < answer.fields().size(); ++i) {
    if (i > 0) out += ',';
    AppendJsonText(out, answer.fields()[i].name);
    out += ':';
    const std::string_view value = answer.Value(i);
    if (value.data() == nullptr) {
      out += "null";
    } else {
      AppendJsonText(out, value);
    }
  }
  return out + "}";
}

class Reader : public BatchReader {
 public:
  Reader(mariadb::Answer answer, SourceRead request)
      : answer_(std::move(answer)),
        request_(std::move(request)),
        schema_(std::make_shared<const Schema>(SchemaOf(answer_.fields()))),
        values_(answer_.fields().size()) {}

  [[nodiscard]] const Schema& schema() const override { return *schema_; }

  [[nodiscard]] Result<std::optional<Batch>> Next() override {
    BatchBuilder builder(schema_);
    std::size_t rows = 0;
    std::size_t bytes = 0;
    while (rows < request_.batch_rows && bytes < kMaxBatchBytes) {
      if (rows % 256 == 0) RETURN_IF_ERROR(request_.cancel.Check());
      ASSIGN_OR_RETURN(const bool found, answer_.Next());
      if (!found) break;
      ++number_;
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
  // False where the row was rejected.
  Result<bool> DecodeRow(std::size_t* bytes) {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const std::string_view text = answer_.Value(i);
      *bytes += text.size();
      const auto value = Decode(answer_.fields()[i], schema_->columns[i].type, text);
      if (value) {
        values_[i] = *value;
        continue;
      }
      Message reason = Msg("column '{}': '{}' is no {}", answer_.fields()[i].name,
                           std::string(text.substr(0, 100)), TypeName(schema_->columns[i].type));
      if (!request_.reject) {
        return std::unexpected(
            Error{.code = ErrorCode::kUnprocessable, .message = std::move(reason), .hint = {}});
      }
      RETURN_IF_ERROR(request_.reject(
          {.number = number_, .reason = std::move(reason), .raw = RawRow(answer_)}));
      return false;
    }
    return true;
  }

  mariadb::Answer answer_;
  SourceRead request_;
  std::shared_ptr<const Schema> schema_;
  std::vector<Value> values_;
  std::int64_t number_ = 0;
};

}  // namespace

std::unique_ptr<BatchReader> ReaderOf(mariadb::Answer answer, SourceRead request) {
  return std::make_unique<Reader>(std::move(answer), std::move(request));
}

}  // namespace aimass::connectors::mysql
