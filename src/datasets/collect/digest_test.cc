#include "datasets/collect/digest.h"

#include <gtest/gtest.h>

#include "table/builder.h"

namespace aimass {
namespace {

struct Pair {
  std::int64_t id;
  const char* name;  // nullptr: NULL
};

std::shared_ptr<const Schema> IdAndName() {
  Schema schema;
  schema.columns = {{"id", {.kind = TypeKind::kInt64}}, {"name", {.kind = TypeKind::kText}}};
  return std::make_shared<const Schema>(schema);
}

Batch Rows(const std::vector<Pair>& pairs) {
  BatchBuilder builder(IdAndName());
  for (const Pair& pair : pairs) {
    builder.AppendInt64(0, pair.id);
    pair.name == nullptr ? builder.AppendNull(1) : builder.AppendText(1, pair.name);
  }
  return builder.Finish().value();
}

std::vector<Pair> Thousand() {
  std::vector<Pair> rows;
  for (std::int64_t id = 0; id < 1000; ++id) rows.push_back({id, id % 7 == 0 ? nullptr : "某"});
  return rows;
}

// What a comparison says of `stored` where the source has the thousand.
std::string Compared(const std::vector<Pair>& stored, const std::vector<std::string>& key) {
  const Schema schema = *IdAndName();
  TableDigest source(schema, key);
  TableDigest dataset(schema, key);
  source.Add(Rows(Thousand()));
  dataset.Add(Rows(stored));
  const auto buckets = dataset.Differing(source);
  RowsOfBuckets source_rows(schema, key, buckets);
  RowsOfBuckets dataset_rows(schema, key, buckets);
  source_rows.Add(Rows(Thousand()));
  dataset_rows.Add(Rows(stored));
  std::string text;
  for (const RowDifference& one : RowsOfBuckets::Compare(source_rows, dataset_rows, 10))
    text += one.key + " " + one.what + "\n";
  return text;
}

TEST(TableDigest, IsTheSameInAnyOrderAndAnyBatches) {
  std::vector<Pair> rows = Thousand();
  TableDigest whole(*IdAndName(), {"id"});
  whole.Add(Rows(rows));
  std::reverse(rows.begin(), rows.end());
  TableDigest pieces(*IdAndName(), {"id"});
  pieces.Add(Rows({rows.begin(), rows.begin() + 333}));
  pieces.Add(Rows({rows.begin() + 333, rows.end()}));
  EXPECT_TRUE(whole.Differing(pieces).empty());
  EXPECT_EQ(whole.rows(), pieces.rows());
}

TEST(TableDigest, NamesTheRowThatIsDroppedDoubledOrAltered) {
  const std::vector<Pair> good = Thousand();
  EXPECT_EQ(Compared(good, {"id"}), "");

  std::vector<Pair> dropped = good;
  dropped.erase(dropped.begin() + 417);
  EXPECT_EQ(Compared(dropped, {"id"}), "{\"id\":417} missing\n");

  std::vector<Pair> doubled = good;
  doubled.push_back(good[417]);
  EXPECT_EQ(Compared(doubled, {"id"}), "{\"id\":417} doubled\n");

  std::vector<Pair> altered = good;
  altered[417].name = "谋";
  EXPECT_EQ(Compared(altered, {"id"}), "{\"id\":417} changed\n");

  std::vector<Pair> emptied = good;  // NULL and the empty text are not the same
  emptied[7].name = "";
  EXPECT_EQ(Compared(emptied, {"id"}), "{\"id\":7} changed\n");

  std::vector<Pair> invented = good;
  invented.push_back({1000, "x"});
  EXPECT_EQ(Compared(invented, {"id"}), "{\"id\":1000} unknown to the source\n");

  std::vector<Pair> swapped = good;  // one lost and another doubled: the counts agree
  swapped[417] = swapped[418];
  EXPECT_EQ(Compared(swapped, {"id"}), "{\"id\":417} missing\n{\"id\":418} doubled\n");
}

TEST(TableDigest, ComparesWholeRowsWhereThereIsNoKey) {
  std::vector<Pair> altered = Thousand();
  altered[8].name = "谋";
  EXPECT_EQ(Compared(altered, {}),
            "{\"id\":8,\"name\":\"某\"} missing\n{\"id\":8,\"name\":\"谋\"} unknown to the "
            "source\n");
}

TEST(TableDigest, LeavesOutTheColumnsThatAreIgnored) {
  std::vector<Pair> renamed = Thousand();
  for (Pair& row : renamed) row.name = "谋";
  TableDigest all(*IdAndName(), {"id"}, {"name"});
  all.Add(Rows(Thousand()));
  TableDigest others(*IdAndName(), {"id"}, {"name"});
  others.Add(Rows(renamed));
  EXPECT_TRUE(all.Differing(others).empty());
  renamed.pop_back();
  TableDigest fewer(*IdAndName(), {}, {"name"});
  fewer.Add(Rows(renamed));
  EXPECT_EQ(all.Differing(fewer).size(), 1U);
}

}  // namespace
}  // namespace aimass
