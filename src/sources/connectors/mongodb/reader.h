#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "native/mongodb/mongodb.h"
#include "sources/connectors/mongodb/layout.h"
#include "sources/database.h"
#include "table/builder.h"

namespace aimass::connectors::mongodb {

/// Makes rows of documents; sets aside what is no row of the layout.
///
/// Errors   kUnavailable for what is no BSON; those of the cursor, of `listen` and of
///          SourceRead::reject; kUnprocessable for a row that is none where that is missing.
/// Threads  one at a time.
class DocumentReader final : public BatchReader {
 public:
  /// `listen` is called for every batch.
  DocumentReader(aimass::mongodb::Cursor cursor, Layout layout, SourceRead request,
                 std::function<Status()> listen);

  [[nodiscard]] const Schema& schema() const override { return *schema_; }
  [[nodiscard]] Result<std::optional<Batch>> Next() override;

 private:
  [[nodiscard]] std::size_t ColumnOf(std::string_view field, std::size_t place);
  Status Take(std::string_view document);
  void TakeElement(const aimass::mongodb::Element& element, std::size_t place);
  void AddMore(const aimass::mongodb::Element& element);
  void Spoil(Message reason);
  Status Finish(std::string_view document);
  void FitBatch(std::size_t document_bytes);

  aimass::mongodb::Cursor cursor_;
  Layout layout_;
  SourceRead request_;
  std::function<Status()> listen_;
  std::shared_ptr<const Schema> schema_;
  std::map<std::string, std::size_t, std::less<>> fields_;  // the column of each
  std::optional<std::size_t> id_time_;
  std::optional<std::size_t> more_;
  std::vector<std::size_t> order_;  // the columns of the last documents' fields: the next is alike

  // Of the current document.
  std::vector<Value> values_;
  std::vector<bool> given_;
  std::vector<std::string> made_;        // texts that were made for `values_`
  std::string others_;                   // of `more_fields`
  std::vector<std::string_view> names_;  // in it
  std::optional<Message> spoiled_;

  std::unique_ptr<BatchBuilder> builder_;
  std::size_t rows_ = 0;   // in the builder
  std::size_t bytes_ = 0;  // of their texts
  std::int64_t number_ = 0;
  std::size_t usual_bytes_ = 0;  // of a document
};

}  // namespace aimass::connectors::mongodb
