// libsodium 1.0.18.
#include "datasets/collect/digest.h"

#include <sodium.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/excerpt.h"
#include "table/json_rows.h"

namespace aimass {
namespace {

constexpr std::size_t kMaxKeyText = 200;

template <typename T>
void AppendBytes(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// Equal values, and only these, give equal bytes.
void AppendValue(std::string& out, const ColumnView& column, std::size_t row) {
  if (column.IsNull(row)) {
    out += '\0';
    return;
  }
  out += '\1';
  switch (column.type().kind) {
    case TypeKind::kFloat32:
    case TypeKind::kFloat64: {
      const double value = column.Double(row);
      return AppendBytes(out, std::isnan(value) ? std::nan("") : value + 0.0);  // -0 is 0
    }
    case TypeKind::kDecimal:
      return AppendBytes(out, column.Decimal(row));
    case TypeKind::kText:
    case TypeKind::kBinary: {
      const std::string_view bytes = column.Bytes(row);
      AppendBytes(out, bytes.size());
      out += bytes;
      return;
    }
    case TypeKind::kList:
    case TypeKind::kStruct:
    case TypeKind::kMap:
      return AppendJsonValue(out, column, row);
    default:
      return AppendBytes(out, column.Int64(row));
  }
}

std::uint64_t Hash(const std::string& bytes) {
  static constexpr std::array<unsigned char, crypto_shorthash_KEYBYTES> kKey{};
  std::array<unsigned char, crypto_shorthash_BYTES> hash{};
  crypto_shorthash(hash.data(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                   kKey.data());
  return std::bit_cast<std::uint64_t>(hash);
}

std::string KeyText(const Batch& batch, const std::vector<std::size_t>& key, std::size_t row) {
  std::string text = "{";
  for (const std::size_t column : key) {
    if (text.size() > 1) text += ',';
    AppendJsonText(text, batch.schema().columns[column].name);
    text += ':';
    AppendJsonValue(text, batch.column(column), row);
  }
  return text + "}";
}

}  // namespace

TableDigest::TableDigest(const Schema& schema, const std::vector<std::string>& key,
                         const std::vector<std::string>& ignored) {
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    if (std::ranges::find(ignored, schema.columns[i].name) == ignored.end()) compared_.push_back(i);
  }
  for (const std::string& name : key) {
    if (const auto position = schema.Find(name)) key_.push_back(*position);
  }
  if (key.empty() || key_.size() != key.size()) key_ = compared_;
}

TableDigest::Row TableDigest::HashOf(const Batch& batch, std::size_t row) {
  Row hashes;
  scratch_.clear();
  for (const std::size_t column : key_) AppendValue(scratch_, batch.column(column), row);
  hashes.key = Hash(scratch_);
  scratch_.clear();
  for (const std::size_t column : compared_) AppendValue(scratch_, batch.column(column), row);
  hashes.whole = Hash(scratch_);
  return hashes;
}

void TableDigest::Add(const Batch& batch) {
  for (std::size_t row = 0; row < batch.num_rows(); ++row) {
    const Row hashes = HashOf(batch, row);
    Bucket& bucket = buckets_[hashes.key % kBuckets];
    ++bucket.rows;
    bucket.sum += hashes.whole;
  }
  rows_ += static_cast<std::int64_t>(batch.num_rows());
}

std::vector<std::size_t> TableDigest::Differing(const TableDigest& other) const {
  std::vector<std::size_t> differing;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    if (buckets_[i] != other.buckets_[i]) differing.push_back(i);
  }
  return differing;
}

Json ToJson(const RowDifference& difference) {
  return {{"key", difference.key}, {"what", difference.what}};
}

RowsOfBuckets::RowsOfBuckets(const Schema& schema, const std::vector<std::string>& key,
                             const std::vector<std::size_t>& buckets,
                             const std::vector<std::string>& ignored)
    : digest_(schema, key, ignored), wanted_(TableDigest::kBuckets, false) {
  for (const std::size_t bucket : buckets) wanted_[bucket] = true;
}

void RowsOfBuckets::Add(const Batch& batch) {
  for (std::size_t row = 0; row < batch.num_rows(); ++row) {
    const TableDigest::Row hashes = digest_.HashOf(batch, row);
    if (!wanted_[hashes.key % TableDigest::kBuckets]) continue;
    Entry& entry = rows_[KeyText(batch, digest_.key_, row)];
    ++entry.count;
    entry.sum += hashes.whole;
  }
}

std::vector<RowDifference> RowsOfBuckets::Compare(
    const RowsOfBuckets& source, const RowsOfBuckets& stored, std::size_t limit,
    const std::function<bool(const Json& key)>& excused, std::int64_t* excused_rows) {
  std::vector<RowDifference> differences;
  const auto note = [&](const std::string& key, std::string what) {
    // Nothing that happens to a key makes two rows of one.
    if (excused && what != "doubled") {
      const auto columns = ParseJson(key);
      if (columns && excused(*columns)) {
        if (excused_rows != nullptr) ++*excused_rows;
        return;
      }
    }
    differences.push_back({.key = Excerpt(key, kMaxKeyText), .what = std::move(what)});
  };
  for (const auto& [key, entry] : source.rows_) {
    if (differences.size() >= limit) return differences;
    const auto found = stored.rows_.find(key);
    if (found == stored.rows_.end()) {
      note(key, "missing");
    } else if (found->second.count > entry.count) {
      note(key, "doubled");
    } else if (found->second.count < entry.count) {
      note(key, "missing");
    } else if (found->second.sum != entry.sum) {
      note(key, "changed");
    }
  }
  for (const auto& [key, entry] : stored.rows_) {
    if (differences.size() >= limit) return differences;
    if (!source.rows_.contains(key)) note(key, "unknown to the source");
  }
  return differences;
}

}  // namespace aimass
