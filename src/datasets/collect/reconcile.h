#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/json.h"
#include "datasets/collect/digest.h"
#include "sources/connector.h"

namespace aimass {

/// Whether a dataset has the rows that its source has (docs/decisions/0007): the source is read
/// anew, and counted and added up by itself.
///
/// Threads  one at a time; what Begin() starts is waited for by Compare() and by the destructor.
class Reconciliation {
 public:
  /// `source` must outlive the object, and is nobody else's from Begin() to Compare(). `moment`:
  /// what the connector can (Abilities); without it, rows that differ are looked at once more, and
  /// what the source says has changed meanwhile is no difference.
  Reconciliation(Schema schema, std::vector<std::string> key, SourceConnection& source,
                 SourceRead request, bool moment);
  ~Reconciliation() { Stop(); }
  Reconciliation(const Reconciliation&) = delete;
  Reconciliation& operator=(const Reconciliation&) = delete;

  /// `source` may see another moment than the one whose rows were written. Where it has the same
  /// rows, they are right; where it has not, `first`, by which they came, is read once more and
  /// decides. That one must be free by Compare().
  void DecideBy(SourceConnection& first) { first_ = &first; }

  /// Reads the source from now on, while the rows of another connection are being written.
  void Begin();

  /// Hands every batch of the dataset's rows to `use`, with the schema's columns.
  using EachBatch = std::function<Status(const std::function<void(const Batch&)>& use)>;
  /// {"rows_in_source","rows_compared","equal","difference":[{"key","what"}]}, and where rows were
  /// excused, how many: "changed_meanwhile". `stored` may be asked twice. `rejected`: rows of the
  /// source that were set aside. Errors   the source's, and those of `stored`.
  [[nodiscard]] Result<Json> Compare(const EachBatch& stored, std::int64_t rejected);
  /// Which connection the last word of Compare() is of.
  [[nodiscard]] const SourceConnection* source() const { return source_; }

 private:
  struct Sum;  // of a column
  void Stop();
  Result<Json> CompareOnce(const EachBatch& stored, std::int64_t rejected);
  Status ReadSource(const std::stop_token& stop, const std::function<void(const Batch&)>& use);
  struct Look;  // at the rows of the buckets that differ
  Result<Look> NameRows(const TableDigest& in_dataset, const EachBatch& stored, Json& differences);
  [[nodiscard]] std::vector<Sum> SumsOf(const SourceTotals& totals) const;
  void CompareSums(const SourceTotals& totals, const std::vector<Sum>& sums,
                   Json& differences) const;

  const Schema schema_;
  const std::vector<std::string> key_;
  SourceConnection* source_;
  SourceConnection* first_ = nullptr;  // that decides where `source_` has other rows
  SourceRead request_;
  const bool moment_;
  TableDigest at_source_;
  std::int64_t rejected_ = 0;  // of the last reading
  Status read_;                // how that of Begin() ended
  std::jthread reading_;
  bool begun_ = false;
};

}  // namespace aimass
