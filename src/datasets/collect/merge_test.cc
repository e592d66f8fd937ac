#include "datasets/collect/merge.h"

#include <gtest/gtest.h>

#include <set>

#include "datasets/testing/import.h"
#include "table/builder.h"

namespace aimass {
namespace {

struct Row {
  std::int64_t id;
  std::int64_t at;
  const char* name;
};

std::shared_ptr<const Schema> Columns() {
  Schema schema;
  schema.columns = {{"id", {.kind = TypeKind::kInt64}},
                    {"at", {.kind = TypeKind::kInt64}},
                    {"name", {.kind = TypeKind::kText}}};
  return std::make_shared<const Schema>(schema);
}

class Rows final : public BatchReader {
 public:
  explicit Rows(std::vector<Row> rows) : rows_(std::move(rows)) {}
  const Schema& schema() const override { return *schema_; }
  Result<std::optional<Batch>> Next() override {
    if (rows_.empty()) return std::optional<Batch>();
    BatchBuilder builder(schema_);
    for (const Row& row : rows_) {
      builder.AppendInt64(0, row.id);
      builder.AppendInt64(1, row.at);
      builder.AppendText(2, row.name);
    }
    rows_.clear();
    ASSIGN_OR_RETURN(Batch batch, builder.Finish());
    return std::optional<Batch>(std::move(batch));
  }

 private:
  std::shared_ptr<const Schema> schema_ = Columns();
  std::vector<Row> rows_;
};

// Datasets of a few rows, each file of `stored` as given.
class MergeTest : public ::testing::Test {
 protected:
  DataFile File(const std::vector<Row>& rows) {
    TableWriter writer =
        TableWriter::Open({.folder = folder_, .prefix = fmt::format("f{}", ++files_), .threads = 1})
            .value();
    Rows reader(rows);
    DataFile file;
    EXPECT_TRUE(writer.Write(
        reader, *Columns(),
        {.progress = {}, .mark = {}, .done = [&](const WrittenFile& written, const Json&) {
           file = {.path = folder_ + "/" + written.path, .rows = written.rows};
           return Status{};
         }}));
    return file;
  }

  // Merges the rows with at >= 10 of a source.
  Merged Into(const std::vector<DataFile>& stored, const std::vector<Row>& fresh) {
    MergeRequest request{
        .caller = {.kind = "system", .id = {}, .workspace = "w"},
        .limits = {.threads = 1},
        .writer = {.folder = folder_, .prefix = fmt::format("m{}", ++files_), .threads = 1},
        .schema = *Columns(),
        .key = {"id"},
        .touched = "s.\"at\" >= 10",
        .stored = stored,
        .fresh = {}};
    if (!fresh.empty()) request.fresh.push_back(File(fresh));
    auto merged = Merge(request);
    EXPECT_TRUE(merged) << merged.error().ToString();
    after_.clear();
    const std::set<std::string> replaced(merged->replaced.begin(), merged->replaced.end());
    for (const DataFile& file : stored) {
      if (!replaced.contains(file.path)) after_.push_back(file);
    }
    for (const WrittenFile& file : merged->files)
      after_.push_back({.path = folder_ + "/" + file.path, .rows = file.rows});
    return std::move(*merged);
  }

  // The dataset behind a merge: "1@5 a; 2@12 b".
  [[nodiscard]] std::string After() const {
    ReadRequest read{.sql = "SELECT * FROM t ORDER BY id, \"at\", name", .threads = 1};
    const Caller caller{.kind = "system", .id = {}, .workspace = "w"};
    read.datasets.push_back(SnapshotOf(caller, "t", *Columns(), after_));
    const auto rows = Read(caller, read);
    EXPECT_TRUE(rows) << rows.error().ToString();
    std::string text;
    for (;;) {
      const auto batch = (*rows)->Next();
      EXPECT_TRUE(batch);
      if (!batch || !*batch) return text;
      for (std::size_t i = 0; i < (*batch)->num_rows(); ++i) {
        text += fmt::format("{}{}@{} {}", text.empty() ? "" : "; ", (*batch)->column(0).Int64(i),
                            (*batch)->column(1).Int64(i), (*batch)->column(2).Bytes(i));
      }
    }
  }

  const testing::TestFolder scratch_;
  const std::string folder_ = scratch_.path();
  std::vector<DataFile> after_;
  int files_ = 0;
};

TEST_F(MergeTest, ReplacesWhereverTheKeyLiesAndKeepsOtherFiles) {
  const DataFile old = File({{1, 1, "a"}, {2, 2, "b"}});
  const DataFile untouched = File({{3, 3, "c"}});
  const DataFile newest = File({{4, 10, "d"}});
  const Merged merged = Into({old, untouched, newest}, {{2, 12, "B"}, {4, 10, "d"}, {5, 13, "e"}});
  EXPECT_EQ(merged.changed, 2);  // 4 is as it was
  EXPECT_EQ(merged.dropped, 1);
  EXPECT_EQ(merged.replaced, std::vector<std::string>{old.path});
  EXPECT_EQ(After(), "1@1 a; 2@12 B; 3@3 c; 4@10 d; 5@13 e");
}

TEST_F(MergeTest, WritesNothingWhereNothingChanged) {
  const DataFile stored = File({{1, 1, "a"}, {2, 10, "b"}});
  const Merged merged = Into({stored}, {{2, 10, "b"}});
  EXPECT_TRUE(merged.files.empty());
  EXPECT_TRUE(merged.replaced.empty());
}

TEST_F(MergeTest, DropsWhatTheSourceNoLongerHasInTheRangeOnly) {
  const DataFile stored = File({{1, 1, "a"}, {2, 10, "b"}, {3, 11, "c"}});
  const Merged merged = Into({stored}, {{2, 10, "b"}});
  EXPECT_EQ(merged.changed, 0);
  EXPECT_EQ(merged.dropped, 1);
  EXPECT_EQ(After(), "1@1 a; 2@10 b");
  static_cast<void>(Into({stored}, {}));
  EXPECT_EQ(After(), "1@1 a");
}

TEST_F(MergeTest, ARowThatCameTwiceIsNotTakenForOne) {
  const DataFile stored = File({{1, 1, "a"}});
  EXPECT_EQ(Into({stored}, {{2, 10, "b"}, {2, 10, "b"}}).changed, 2);
  EXPECT_EQ(After(), "1@1 a; 2@10 b; 2@10 b");
}

TEST_F(MergeTest, MakesOneFileOfManySmallOnes) {
  std::vector<DataFile> stored;
  std::string expected;
  for (std::int64_t id = 1; id <= 16; ++id) {
    stored.push_back(File({{id, 1, "a"}}));
    expected += fmt::format("{}@1 a; ", id);
  }
  const Merged merged = Into(stored, {{17, 10, "b"}});
  EXPECT_EQ(merged.replaced.size(), 16U);
  EXPECT_EQ(merged.dropped, 0);
  EXPECT_EQ(after_.size(), 2U);
  EXPECT_EQ(After(), expected + "17@10 b");
}

}  // namespace
}  // namespace aimass
