#include "datasets/import/conveyor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "table/builder.h"

namespace aimass {
namespace {

// `batches` batches of `rows` rows that count up; then the end, or an error.
class Counter final : public BatchReader {
 public:
  Counter(int batches, int rows, bool breaks = false)
      : batches_(batches), rows_(rows), breaks_(breaks) {
    Schema schema;
    schema.columns.push_back({.name = "n", .type = {.kind = TypeKind::kInt64}});
    schema_ = std::make_shared<const Schema>(std::move(schema));
  }
  const Schema& schema() const override { return *schema_; }
  Result<std::optional<Batch>> Next() override {
    if (batches_-- == 0) {
      if (breaks_) return Fail(ErrorCode::kUnprocessable, "the source broke");
      return std::optional<Batch>();
    }
    BatchBuilder builder(schema_);
    for (int i = 0; i < rows_; ++i) builder.AppendInt64(0, next++);
    ASSIGN_OR_RETURN(Batch batch, builder.Finish());
    return std::optional<Batch>(std::move(batch));
  }

  std::atomic<std::int64_t> next = 0;

 private:
  int batches_;
  const int rows_;
  const bool breaks_;
  std::shared_ptr<const Schema> schema_;
};

struct Received {
  std::vector<std::int64_t> rows;
  std::optional<Error> error;
  Json mark;
};

Received ReceiveAll(Conveyor& conveyor, Conveyor::Part& part) {
  Received received;
  for (;;) {
    auto batch = conveyor.Next(part);
    if (!batch) {
      received.error = std::move(batch).error();
      return received;
    }
    if (!*batch) break;
    for (std::size_t i = 0; i < (*batch)->num_rows(); ++i)
      received.rows.push_back(static_cast<std::int64_t>((*batch)->column(0).At(i).number));
  }
  received.mark = part.mark();
  conveyor.Finished();
  return received;
}

Conveyor::Options PartsOf(std::int64_t rows) {
  return {.max_rows = rows, .max_bytes = std::int64_t{1} << 40};
}

TEST(Conveyor, CutsRowsIntoPartsAndMarksWhereEachEnds) {
  Counter source(5, 10);
  Conveyor::Options options = PartsOf(20);
  options.mark = [&source] { return Result<Json>(Json(source.next.load())); };
  std::int64_t told = 0;
  options.progress = [&told](std::int64_t rows) { told = rows; };
  Conveyor conveyor(source, options);
  std::int64_t next = 0;
  for (const std::size_t rows : {20U, 20U, 10U}) {
    const auto part = conveyor.Take();
    ASSERT_NE(part, nullptr);
    const Received received = ReceiveAll(conveyor, *part);
    ASSERT_EQ(received.rows.size(), rows);
    for (const std::int64_t row : received.rows) EXPECT_EQ(row, next++);
    EXPECT_EQ(received.mark, next);
  }
  EXPECT_EQ(conveyor.Take(), nullptr);
  EXPECT_EQ(told, 50);
  EXPECT_FALSE(conveyor.error());
}

TEST(Conveyor, BeginsNoPartWithoutRowsUnlessItIsAsked) {
  for (const bool asked : {false, true}) {
    Counter source(3, 0);
    Conveyor::Options options = PartsOf(20);
    options.empty_part = asked;
    Conveyor conveyor(source, options);
    const auto part = conveyor.Take();
    EXPECT_EQ(part != nullptr, asked);
    if (part) {
      EXPECT_TRUE(ReceiveAll(conveyor, *part).rows.empty());
    }
    EXPECT_EQ(conveyor.Take(), nullptr);
  }
}

TEST(Conveyor, OnlyThePartThatTheSourceBrokeFails) {
  Counter source(3, 10, true);
  Conveyor conveyor(source, PartsOf(20));
  const auto whole = conveyor.Take();
  const auto broken = conveyor.Take();
  ASSERT_NE(whole, nullptr);
  ASSERT_NE(broken, nullptr);
  const Received first = ReceiveAll(conveyor, *whole);
  EXPECT_EQ(first.rows.size(), 20U);
  EXPECT_FALSE(first.error);
  const Received second = ReceiveAll(conveyor, *broken);
  ASSERT_TRUE(second.error);
  EXPECT_EQ(second.error->code, ErrorCode::kUnprocessable);
  ASSERT_TRUE(conveyor.error());
}

TEST(Conveyor, ReadsOnlySoFarAhead) {
  // 64 MB in parts of 16 MB, of which nobody takes a row.
  Counter source(64, 131'072);
  Conveyor::Options options = PartsOf(16 * 131'072);
  std::atomic<std::int64_t> told = 0;
  options.progress = [&told](std::int64_t rows) { told = rows; };
  options.max_parts = 2;
  Conveyor conveyor(source, options);
  const auto first = conveyor.Take();
  const auto second = conveyor.Take();
  ASSERT_NE(first, nullptr);
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(ReceiveAll(conveyor, *first).rows.size(), 16U * 131'072);
  EXPECT_LE(told, 48 * 131'072);
  EXPECT_EQ(ReceiveAll(conveyor, *second).rows.size(), 16U * 131'072);
}

TEST(Conveyor, StopWakesWhoWaits) {
  Counter source(1'000'000, 10);
  Conveyor conveyor(source, PartsOf(1'000'000'000));
  const auto part = conveyor.Take();
  ASSERT_NE(part, nullptr);
  std::jthread stopper([&conveyor] { conveyor.Stop(); });
  const Received received = ReceiveAll(conveyor, *part);
  ASSERT_TRUE(received.error);
  EXPECT_EQ(received.error->code, ErrorCode::kCancelled);
  EXPECT_EQ(conveyor.Take(), nullptr);
}

}  // namespace
}  // namespace aimass
