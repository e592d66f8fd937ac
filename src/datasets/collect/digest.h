#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "table/batch.h"

namespace aimass {

/// Which rows a table has, whatever their order: a count and a hash for each of 16,384 buckets
/// of keys. A row's key is its columns `key`, or all of it where that is empty. Columns in
/// `ignored` may differ; none of them is of the key.
///
/// Threads  one at a time.
/// Source   SipHash-2-4 of libsodium, added up per bucket.
class TableDigest {
 public:
  static constexpr std::size_t kBuckets = 16'384;

  TableDigest(const Schema& schema, const std::vector<std::string>& key,
              const std::vector<std::string>& ignored = {});

  void Add(const Batch& batch);
  [[nodiscard]] std::int64_t rows() const { return rows_; }
  [[nodiscard]] std::int64_t rows_in(std::size_t bucket) const { return buckets_[bucket].rows; }
  /// The buckets in which two tables differ.
  [[nodiscard]] std::vector<std::size_t> Differing(const TableDigest& other) const;

 private:
  friend class RowsOfBuckets;
  struct Bucket {
    std::int64_t rows = 0;
    std::uint64_t sum = 0;
    bool operator==(const Bucket&) const = default;
  };
  struct Row {
    std::uint64_t key = 0;
    std::uint64_t whole = 0;
  };
  [[nodiscard]] Row HashOf(const Batch& batch, std::size_t row);

  std::vector<std::size_t> key_;       // positions
  std::vector<std::size_t> compared_;  // positions
  std::vector<Bucket> buckets_ = std::vector<Bucket>(kBuckets);
  std::int64_t rows_ = 0;
  std::string scratch_;
};

/// One row that is not the same in source and dataset.
struct RowDifference {
  std::string key;   // JSON of the key's columns, or the beginning of the row's
  std::string what;  // "missing", "unknown to the source", "changed", "doubled"
};
[[nodiscard]] Json ToJson(const RowDifference& difference);

/// The rows of some buckets, to say which of them differ.
///
/// Threads  one at a time.
class RowsOfBuckets {
 public:
  RowsOfBuckets(const Schema& schema, const std::vector<std::string>& key,
                const std::vector<std::size_t>& buckets,
                const std::vector<std::string>& ignored = {});
  void Add(const Batch& batch);
  /// What `stored` (the dataset) has otherwise than `source`; at most `limit`. Rows of which
  /// `excused` says so by their key are counted in `excused_rows` instead.
  [[nodiscard]] static std::vector<RowDifference> Compare(
      const RowsOfBuckets& source, const RowsOfBuckets& stored, std::size_t limit,
      const std::function<bool(const Json& key)>& excused = {},
      std::int64_t* excused_rows = nullptr);

 private:
  struct Entry {
    std::int64_t count = 0;
    std::uint64_t sum = 0;
  };
  TableDigest digest_;
  std::vector<bool> wanted_;
  std::map<std::string, Entry> rows_;  // by the key as JSON
};

}  // namespace aimass
