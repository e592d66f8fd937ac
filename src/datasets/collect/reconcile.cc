#include "datasets/collect/reconcile.h"

#include <algorithm>
#include <utility>

#include "table/decimal.h"

namespace aimass {
namespace {

constexpr std::size_t kNamedBuckets = 20;
constexpr std::size_t kNamedRows = 20;
constexpr std::int64_t kLookedAtRows = 500'000;  // once more, of a source without a moment

}  // namespace

// As the dataset has it.
struct Reconciliation::Sum {
  std::string column;
  std::size_t position;
  Int128 total = 0;
  bool any = false;

  void Add(const Batch& batch) {
    const ColumnView values = batch.column(position);
    for (std::size_t row = 0; row < batch.num_rows(); ++row) {
      if (values.IsNull(row)) continue;
      any = true;
      if (values.type().kind == TypeKind::kDecimal) {
        total += values.Decimal(row);
      } else if (IsNumeric(values.type())) {
        total += values.Int64(row);
      }
    }
  }
};

struct Reconciliation::Look {
  bool all = true;  // that differ
  SourceChanges changes;
  std::int64_t excused = 0;  // rows
};

Reconciliation::Reconciliation(Schema schema, std::vector<std::string> key,
                               SourceConnection& source, SourceRead request, bool moment)
    : schema_(std::move(schema)),
      key_(std::move(key)),
      source_(&source),
      request_(std::move(request)),
      moment_(moment),
      at_source_(schema_, key_) {
  request_.reject = [this](const BadRow&) {
    ++rejected_;
    return Status{};
  };
}

void Reconciliation::Begin() {
  begun_ = true;
  reading_ = std::jthread([this](const std::stop_token& stop) {
    read_ = ReadSource(stop, [this](const Batch& batch) { at_source_.Add(batch); });
  });
}

void Reconciliation::Stop() {
  reading_.request_stop();
  if (reading_.joinable()) reading_.join();
}

Status Reconciliation::ReadSource(const std::stop_token& stop,
                                  const std::function<void(const Batch&)>& use) {
  rejected_ = 0;
  ASSIGN_OR_RETURN(const auto rows, source_->Read(request_));
  while (!stop.stop_requested()) {
    ASSIGN_OR_RETURN(const auto batch, rows->Next());
    if (!batch) return {};
    use(*batch);
  }
  return Fail(ErrorCode::kCancelled, "the job was cancelled");
}

Result<Json> Reconciliation::Compare(const EachBatch& stored, std::int64_t rejected) {
  ASSIGN_OR_RETURN(Json result, CompareOnce(stored, rejected));
  if (first_ == nullptr || result["equal"].get<bool>()) return result;
  source_ = std::exchange(first_, nullptr);
  at_source_ = TableDigest(schema_, key_);
  begun_ = false;
  return CompareOnce(stored, rejected);
}

Result<Json> Reconciliation::CompareOnce(const EachBatch& stored, std::int64_t rejected) {
  if (!begun_) Begin();
  reading_.join();
  RETURN_IF_ERROR(read_);
  const std::int64_t rejected_again = rejected_;
  ASSIGN_OR_RETURN(const SourceTotals totals, source_->Totals(request_));
  std::vector<Sum> sums = SumsOf(totals);
  TableDigest in_dataset(schema_, key_);
  RETURN_IF_ERROR(stored([&](const Batch& batch) {
    in_dataset.Add(batch);
    for (Sum& sum : sums) sum.Add(batch);
  }));
  Json differences = Json::array();
  const bool same = at_source_.Differing(in_dataset).empty();
  Look look;
  if (!same && first_ == nullptr) {
    ASSIGN_OR_RETURN(look, NameRows(in_dataset, stored, differences));
  }
  const std::int64_t rows = in_dataset.rows() + rejected;
  const bool counted = totals.rows == rows && rejected_again == rejected;
  if (!counted && !moment_ && !look.changes.any) {
    ASSIGN_OR_RETURN(look.changes, source_->Changes());
  }
  // Where rows came and went meanwhile, no two counts need be the same; the rows were compared.
  if (!counted && !look.changes.any) {
    differences.push_back(
        {{"key", "COUNT(*)"}, {"what", fmt::format("{} / {}", rows, totals.rows)}});
  }
  if (rejected == 0) CompareSums(totals, sums, differences);
  if (!moment_ && !look.all)
    differences.push_back({{"key", "*"}, {"what", "too many rows changed meanwhile"}});
  // Without a moment the second look decides, of all that differed at the first.
  Json result{{"rows_in_source", totals.rows},
              {"rows_compared", at_source_.rows()},
              {"equal", differences.empty() && (same || !moment_)},
              {"difference", std::move(differences)}};
  if (look.excused > 0) result["changed_meanwhile"] = look.excused;
  return result;
}

Result<Reconciliation::Look> Reconciliation::NameRows(const TableDigest& in_dataset,
                                                      const EachBatch& stored, Json& differences) {
  Look look;
  std::vector<std::size_t> buckets = at_source_.Differing(in_dataset);
  std::size_t kept = 0;
  std::int64_t rows = 0;
  while (kept < buckets.size() && (moment_ ? kept < kNamedBuckets : rows < kLookedAtRows)) {
    rows += std::max(at_source_.rows_in(buckets[kept]), in_dataset.rows_in(buckets[kept]));
    ++kept;
  }
  look.all = kept == buckets.size();
  buckets.resize(kept);
  RowsOfBuckets source_rows(schema_, key_, buckets);
  RowsOfBuckets stored_rows(schema_, key_, buckets);
  RETURN_IF_ERROR(ReadSource({}, [&](const Batch& batch) { source_rows.Add(batch); }));
  RETURN_IF_ERROR(stored([&](const Batch& batch) { stored_rows.Add(batch); }));
  // After the second look: what the source says then is true of it as well.
  if (!moment_) {
    ASSIGN_OR_RETURN(look.changes, source_->Changes());
  }
  for (const RowDifference& one : RowsOfBuckets::Compare(source_rows, stored_rows, kNamedRows,
                                                         look.changes.touched, &look.excused))
    differences.push_back(ToJson(one));
  return look;
}

std::vector<Reconciliation::Sum> Reconciliation::SumsOf(const SourceTotals& totals) const {
  std::vector<Sum> sums;
  for (const SourceTotals::Sum& sum : totals.sums) {
    const auto position = schema_.Find(sum.column);
    if (position) sums.push_back({.column = sum.column, .position = *position});
  }
  return sums;
}

void Reconciliation::CompareSums(const SourceTotals& totals, const std::vector<Sum>& sums,
                                 Json& differences) const {
  for (const Sum& sum : sums) {
    const Type& type = schema_.columns[sum.position].type;
    if (!IsNumeric(type)) continue;  // a decimal of more than 38 digits is a text
    const std::string mine =
        sum.any ? DecimalText(sum.total, type.kind == TypeKind::kDecimal ? type.scale : 0) : "";
    for (const SourceTotals::Sum& theirs : totals.sums) {
      if (theirs.column != sum.column || theirs.value == mine) continue;
      differences.push_back({{"key", fmt::format("SUM({})", sum.column)},
                             {"what", fmt::format("{} / {}", mine, theirs.value)}});
    }
  }
}

}  // namespace aimass
