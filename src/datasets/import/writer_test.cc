#include "datasets/import/writer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <latch>
#include <thread>

#include "datasets/testing/import.h"
#include "native/duckdb/database.h"
#include "table/builder.h"

namespace aimass {
namespace {

std::shared_ptr<const Schema> OneColumn(const std::string& name) {
  Schema schema;
  schema.columns.push_back({.name = name, .type = {.kind = TypeKind::kInt64}});
  return std::make_shared<const Schema>(std::move(schema));
}

// Batches of 1,000 rows that count up.
class Counter final : public BatchReader {
 public:
  explicit Counter(int batches) : batches_(batches) {}
  const Schema& schema() const override { return *schema_; }
  Result<std::optional<Batch>> Next() override {
    if (batches_-- == 0) return std::optional<Batch>();
    BatchBuilder builder(schema_);
    for (int i = 0; i < 1'000; ++i) builder.AppendInt64(0, next_++);
    ASSIGN_OR_RETURN(Batch batch, builder.Finish());
    return std::optional<Batch>(std::move(batch));
  }

 private:
  int batches_;
  std::int64_t next_ = 0;
  std::shared_ptr<const Schema> schema_ = OneColumn("n");
};

// Rows of `n` as rows of `doubled`; `before` sees the first number of each batch.
class Doubled final : public BatchReader {
 public:
  Doubled(std::unique_ptr<BatchReader> rows, std::function<Status(std::int64_t)> before)
      : rows_(std::move(rows)), before_(std::move(before)) {}
  const Schema& schema() const override { return *schema_; }
  Result<std::optional<Batch>> Next() override {
    ASSIGN_OR_RETURN(const auto batch, rows_->Next());
    if (!batch) return std::optional<Batch>();
    RETURN_IF_ERROR(before_(batch->column(0).Int64(0)));
    BatchBuilder builder(schema_);
    for (std::size_t i = 0; i < batch->num_rows(); ++i)
      builder.AppendInt64(0, 2 * batch->column(0).Int64(i));
    ASSIGN_OR_RETURN(Batch doubled, builder.Finish());
    return std::optional<Batch>(std::move(doubled));
  }

 private:
  std::unique_ptr<BatchReader> rows_;
  std::function<Status(std::int64_t)> before_;
  std::shared_ptr<const Schema> schema_ = OneColumn("doubled");
};

struct Outcome {
  Status status;
  std::vector<std::string> paths;  // told of, in this order
  std::int64_t rows = 0;
};

// Writes 40 batches, 4 to a file, on two threads.
Outcome WriteDoubled(const std::string& folder, const std::function<Status(std::int64_t)>& before,
                     const CancelToken& cancel = {}) {
  Outcome outcome;
  TableWriter::Options options;
  options.folder = folder;
  options.prefix = "part";
  options.threads = 2;
  options.cancel = cancel;
  options.max_rows = 4'000;
  auto writer = TableWriter::Open(std::move(options));
  EXPECT_TRUE(writer) << writer.error().ToString();
  Counter rows(40);
  outcome.status = writer->Write(
      rows, *OneColumn("doubled"),
      {.progress = {},
       .mark = {},
       .change =
           [&before](auto part) { return std::make_unique<Doubled>(std::move(part), before); },
       .done = [&outcome](const WrittenFile& file, const Json&) -> Status {
         outcome.paths.push_back(file.path);
         outcome.rows += file.rows;
         return {};
       }});
  return outcome;
}

std::size_t FilesIn(const std::string& folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

TEST(TableWriter, ChangesTheRowsOfSeveralFilesAtOnceAndKeepsTheirOrder) {
  const testing::TestFolder folder;
  // Each of the first two files waits in its first batch until the other is there too.
  std::latch both(2);
  std::atomic<bool> met = true;
  const Outcome outcome = WriteDoubled(folder.path(), [&](std::int64_t first) -> Status {
    if (first != 0 && first != 4'000) return {};
    both.count_down();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!both.try_wait() && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    met = met && both.try_wait();
    return {};
  });
  ASSERT_TRUE(outcome.status) << outcome.status.error().ToString();
  EXPECT_TRUE(met) << "the two files were not changed side by side";
  EXPECT_EQ(outcome.rows, 40'000);
  ASSERT_EQ(outcome.paths.size(), 10U);

  std::vector<std::string> paths;
  for (const std::string& path : outcome.paths) paths.push_back(folder.path(path));
  auto database = duckdb::Database::Open({.threads = 1, .allowed_paths = paths});
  ASSERT_TRUE(database);
  auto rows = database->Connect().value().Query(
      fmt::format("SELECT doubled FROM read_parquet({})", duckdb::QuoteList(paths)));
  ASSERT_TRUE(rows) << rows.error().ToString();
  std::int64_t next = 0;
  for (;;) {
    const auto batch = (*rows)->Next();
    ASSERT_TRUE(batch);
    if (!*batch) break;
    for (std::size_t i = 0; i < (*batch)->num_rows(); ++i, next += 2)
      ASSERT_EQ((*batch)->column(0).Int64(i), next);
  }
  EXPECT_EQ(next, 80'000);
}

TEST(TableWriter, TellsWhyAChangeFailedInItsOwnWordsAndKeepsOnlyWhatWasToldOf) {
  const testing::TestFolder folder;
  const Outcome outcome = WriteDoubled(folder.path(), [](std::int64_t first) -> Status {
    if (first == 21'000) return Fail(ErrorCode::kPayloadTooLarge, "row {} is too much", first);
    return {};
  });
  ASSERT_FALSE(outcome.status);
  EXPECT_EQ(outcome.status.error().code, ErrorCode::kPayloadTooLarge);
  EXPECT_EQ(outcome.status.error().ToString(), "row 21000 is too much");
  EXPECT_LE(outcome.rows, 20'000);
  EXPECT_EQ(FilesIn(folder.path()), outcome.paths.size());
}

TEST(TableWriter, StopsWithinTwoSecondsOfACancellation) {
  const testing::TestFolder folder;
  const CancelToken cancel;
  std::chrono::steady_clock::time_point asked;
  const Outcome outcome = WriteDoubled(
      folder.path(),
      [&](std::int64_t first) -> Status {
        if (first == 9'000) {
          asked = std::chrono::steady_clock::now();
          cancel.Cancel();
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        return {};
      },
      cancel);
  ASSERT_FALSE(outcome.status);
  EXPECT_EQ(outcome.status.error().code, ErrorCode::kCancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - asked, std::chrono::seconds(2));
  EXPECT_EQ(FilesIn(folder.path()), outcome.paths.size());
}

}  // namespace
}  // namespace aimass
