#include "endpoints/scored.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/id.h"
#include "endpoints/rows.h"
#include "table/builder.h"

namespace aimass {
namespace {

// What keeps the columns of two batches alive inside one.
struct Joined {
  Batch left;
  Batch right;
  std::vector<ArrowArray> columns;
  std::vector<ArrowArray*> pointers;
  const void* validity = nullptr;
};

void ReleaseColumn(ArrowArray* column) { column->release = nullptr; }  // its batch frees it

void ReleaseJoined(ArrowArray* array) {
  const std::unique_ptr<Joined> joined(static_cast<Joined*>(array->private_data));
  for (ArrowArray& column : joined->columns) {
    if (column.release != nullptr) column.release(&column);
  }
  array->release = nullptr;
}

void AddColumns(const Batch& batch, std::vector<ArrowArray>& columns) {
  const ArrowArray& from = batch.array();
  for (std::int64_t i = 0; i < from.n_children; ++i) {
    ArrowArray column = *from.children[i];
    column.offset += from.offset;
    column.length = from.length;
    if (column.null_count != 0) column.null_count = -1;  // of the slice: unknown
    column.release = ReleaseColumn;
    column.private_data = nullptr;
    columns.push_back(column);
  }
}

std::string FreeName(const Schema& schema, const std::string& wanted) {
  const auto taken = [&](const std::string& name) {
    return std::ranges::any_of(
        schema.columns, [&](const ColumnInfo& c) { return NameKey(c.name) == NameKey(name); });
  };
  std::string name = wanted;
  for (int i = 2; taken(name); ++i) name = wanted + "_" + std::to_string(i);
  return name;
}

class ScoredReader final : public BatchReader {
 public:
  ScoredReader(const Scorer& scorer, std::unique_ptr<BatchReader> rows, const ColumnFit* fit)
      : scorer_(scorer), rows_(std::move(rows)), fit_(fit) {}
  const Schema& schema() const override { return scorer_.schema(); }
  Result<std::optional<Batch>> Next() override {
    ASSIGN_OR_RETURN(std::optional<Batch> batch, rows_->Next());
    if (!batch) return std::optional<Batch>();
    fit_->Look(*batch);
    ASSIGN_OR_RETURN(Batch scored, scorer_.Score(std::move(*batch)));
    return std::optional<Batch>(std::move(scored));
  }

 private:
  const Scorer& scorer_;
  std::unique_ptr<BatchReader> rows_;
  const ColumnFit* fit_;
};

}  // namespace

Batch SideBySide(std::shared_ptr<const Schema> schema, Batch left, Batch right) {
  auto joined =
      std::make_unique<Joined>(Joined{std::move(left), std::move(right), {}, {}, nullptr});
  AddColumns(joined->left, joined->columns);
  AddColumns(joined->right, joined->columns);
  for (ArrowArray& column : joined->columns) joined->pointers.push_back(&column);
  ArrowArray array{};
  array.length = static_cast<std::int64_t>(joined->left.num_rows());
  array.n_buffers = 1;
  array.buffers = &joined->validity;
  array.n_children = static_cast<std::int64_t>(joined->pointers.size());
  array.children = joined->pointers.data();
  array.release = ReleaseJoined;
  array.private_data = joined.release();
  return Batch(std::move(schema), array);
}

Scorer::Scorer(std::shared_ptr<const LoadedModel> model, const Schema& rows)
    : model_(std::move(model)) {
  Schema all = rows;
  Schema added;
  const auto add = [&](const std::string& name, TypeKind kind) {
    added.columns.push_back(
        {.name = FreeName(all, name), .type = {.kind = kind}, .nullable = true});
    all.columns.push_back(added.columns.back());
  };
  add("prediction", model_->labels().empty() ? TypeKind::kFloat64 : TypeKind::kText);
  for (const std::string& label : model_->labels()) add("probability_" + label, TypeKind::kFloat64);
  added_ = std::make_shared<const Schema>(std::move(added));
  schema_ = std::make_shared<const Schema>(std::move(all));
}

Result<Batch> Scorer::Score(Batch rows) const {
  const std::size_t n = rows.num_rows();
  std::vector<double> margins(n * model_->outputs());
  model_->PredictBatch(rows, margins);
  std::vector<double> finished(model_->width());
  BatchBuilder builder(added_);
  for (std::size_t i = 0; i < n; ++i) {
    model_->Finish(std::span(margins).subspan(i * model_->outputs(), model_->outputs()), finished);
    if (model_->labels().empty()) {
      builder.AppendDouble(0, Finite(finished[0]));
      continue;
    }
    const auto best =
        static_cast<std::size_t>(std::ranges::max_element(finished) - finished.begin());
    builder.AppendText(0, model_->labels()[best]);
    for (std::size_t k = 0; k < finished.size(); ++k) builder.AppendDouble(k + 1, finished[k]);
  }
  ASSIGN_OR_RETURN(Batch added, builder.Finish());
  return SideBySide(schema_, std::move(rows), std::move(added));
}

std::unique_ptr<BatchReader> Scorer::Reader(std::unique_ptr<BatchReader> rows,
                                            const ColumnFit* fit) const {
  return std::make_unique<ScoredReader>(*this, std::move(rows), fit);
}

}  // namespace aimass
