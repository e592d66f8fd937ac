#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sources/connectors/redis/layout.h"
#include "sources/database.h"
#include "table/builder.h"

namespace aimass::connectors::redis {

using Fields = std::vector<std::pair<std::string_view, std::string_view>>;

/// Makes batches of rows; sets aside what is no row of the layout.
///
///     sink.Start();                      // a row
///     sink.Set(Role::kKey, key);
///     RETURN_IF_ERROR(sink.Finish());    // it is one, or was rejected with its reason
class RowSink {
 public:
  RowSink(Layout layout, const SourceRead& request);

  [[nodiscard]] const Layout& layout() const { return layout_; }
  [[nodiscard]] const Schema& schema() const { return *schema_; }

  void Start();
  void Set(Role role, std::string_view text) {
    Set(role, {.kind = Value::Kind::kText, .text = text});
  }
  void Set(Role role, const Value& value);
  /// The fields of a hash or an entry: their columns, and `more_fields` for the rest.
  void SetFields(Fields& fields);
  /// The row is none, and why.
  void Spoil(Message reason);
  [[nodiscard]] Status Finish();

  /// A batch is full, or the request has all the rows that it asked for.
  [[nodiscard]] bool full() const;
  [[nodiscard]] bool done() const { return request_.limit > 0 && given_ >= request_.limit; }
  /// The rows since the last; nothing where there are none.
  [[nodiscard]] Result<std::optional<Batch>> TakeBatch();

 private:
  [[nodiscard]] std::optional<std::size_t> ColumnOf(std::string_view field,
                                                    std::size_t guess) const;
  void CheckTexts();
  [[nodiscard]] std::string RawRow() const;

  Layout layout_;
  const SourceRead& request_;
  std::shared_ptr<const Schema> schema_;
  std::array<std::optional<std::size_t>, 12> roles_;  // the column of each
  std::map<std::string, std::size_t, std::less<>> fields_;
  std::vector<std::size_t> order_;  // the columns of the last row's fields: the next is like it
  std::vector<Value> values_;
  std::string more_;
  std::optional<Message> spoiled_;
  std::unique_ptr<BatchBuilder> builder_;
  std::size_t rows_ = 0;   // in the builder
  std::size_t bytes_ = 0;  // of their texts
  std::int64_t given_ = 0;
  std::int64_t number_ = 0;
};

}  // namespace aimass::connectors::redis
