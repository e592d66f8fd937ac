#include "datasets/collect/keyed.h"

#include <algorithm>
#include <utility>

namespace aimass {
namespace {

constexpr std::size_t kKeysAtOnce = 500;

// The request for one few hundred keys after the other.
class KeyedRequests {
 public:
  KeyedRequests(std::unique_ptr<BatchReader> keys, SourceRead request)
      : keys_(std::move(keys)), request_(std::move(request)) {}

  // The next one; nothing at the end.
  Result<const SourceRead*> Next() {
    if (batch_ == nullptr || at_ == batch_->num_rows()) {
      ASSIGN_OR_RETURN(auto next, keys_->Next());
      if (!next) return nullptr;
      batch_ = std::make_shared<const Batch>(std::move(*next));
      at_ = 0;
      if (batch_->num_rows() == 0) return Next();
    }
    const std::size_t count = std::min(kKeysAtOnce, batch_->num_rows() - at_);
    request_.keys = SourceKeys{.batch = batch_, .first = at_, .count = count};
    at_ += count;
    return &request_;
  }

 private:
  std::unique_ptr<BatchReader> keys_;
  SourceRead request_;
  std::shared_ptr<const Batch> batch_;
  std::size_t at_ = 0;
};

class KeyedReader final : public BatchReader {
 public:
  KeyedReader(SourceConnection& inner, KeyedRequests requests,
              std::shared_ptr<const Schema> columns)
      : inner_(inner), requests_(std::move(requests)), columns_(std::move(columns)) {}

  [[nodiscard]] const Schema& schema() const override { return *columns_; }

  [[nodiscard]] Result<std::optional<Batch>> Next() override {
    for (;;) {
      if (rows_ != nullptr) {
        ASSIGN_OR_RETURN(auto batch, rows_->Next());
        if (batch) return batch;
        rows_.reset();  // the connection is free again
      }
      ASSIGN_OR_RETURN(const SourceRead* const request, requests_.Next());
      if (request == nullptr) return std::optional<Batch>();
      ASSIGN_OR_RETURN(rows_, inner_.Read(*request));
    }
  }

 private:
  SourceConnection& inner_;
  KeyedRequests requests_;
  std::shared_ptr<const Schema> columns_;
  std::unique_ptr<BatchReader> rows_;
};

}  // namespace

KeyedConnection::KeyedConnection(SourceConnection& inner, Keys keys, Schema columns)
    : inner_(inner),
      keys_(std::move(keys)),
      columns_(std::make_shared<const Schema>(std::move(columns))) {}

Result<std::unique_ptr<BatchReader>> KeyedConnection::Read(const SourceRead& request) {
  ASSIGN_OR_RETURN(auto keys, keys_());
  return std::make_unique<KeyedReader>(inner_, KeyedRequests(std::move(keys), request), columns_);
}

Result<SourceTotals> KeyedConnection::Totals(const SourceRead& request) {
  ASSIGN_OR_RETURN(auto keys, keys_());
  // Of one column, so that the source adds nothing else up.
  SourceRead counted = request;
  if (!columns_->columns.empty()) counted.columns = {columns_->columns.front().name};
  KeyedRequests requests(std::move(keys), std::move(counted));
  SourceTotals totals;
  for (;;) {
    ASSIGN_OR_RETURN(const SourceRead* const one, requests.Next());
    if (one == nullptr) return totals;
    ASSIGN_OR_RETURN(const SourceTotals part, inner_.Totals(*one));
    totals.rows += part.rows;
  }
}

}  // namespace aimass
