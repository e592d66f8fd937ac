#include "datasets/read.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "base/clock.h"
#include "native/duckdb/database.h"
#include "table/builder.h"
#include "table/json_rows.h"

namespace aimass {
namespace {

const Caller kCaller{.kind = "key", .id = "k", .org = "o", .workspace = "w", .purpose = "sql"};

/// A folder with Parquet files that stand for datasets. Its name has what file patterns are made
/// of.
class ReadTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "aimass read [x]*?";
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    auto database = duckdb::Database::Open({.allowed_folders = {folder_}});
    ASSERT_TRUE(database);
    writer_.emplace(std::move(*database->Connect()));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  DatasetSnapshot Write(const std::string& name, const std::vector<std::string>& selects) {
    DatasetSnapshot snapshot{.id = "id-" + name, .name = name, .workspace = "w"};
    for (const std::string& select : selects) {
      const std::string path =
          fmt::format("{}/{}-{}.parquet", folder_, name, snapshot.files.size());
      const Status written = writer_->Execute(
          fmt::format("COPY ({}) TO {} (FORMAT parquet)", select, duckdb::QuoteText(path)));
      EXPECT_TRUE(written) << written.error().ToString();
      auto schema = writer_->Describe(select);
      EXPECT_TRUE(schema);
      if (schema->columns.size() > snapshot.schema.columns.size()) snapshot.schema = *schema;
      auto count = writer_->Query(fmt::format("SELECT count(*) FROM ({})", select));
      const std::int64_t rows = (*(*count)->Next())->column(0).Int64(0);
      snapshot.files.push_back({.path = path, .rows = rows});
      snapshot.rows += rows;
    }
    return snapshot;
  }

  static std::string Rows(const ReadRequest& request, const Caller& caller = kCaller) {
    auto reader = Read(caller, request);
    if (!reader) return reader.error().ToString();
    std::string out;
    while (true) {
      auto batch = (*reader)->Next();
      if (!batch) return batch.error().ToString();
      if (!*batch) return out;
      if (!out.empty() && (*batch)->num_rows() > 0) out += ',';
      AppendJsonRows(out, **batch, 0, (*batch)->num_rows());
    }
  }

  std::string folder_;
  std::optional<duckdb::Connection> writer_;
};

TEST_F(ReadTest, KeepsTheOrderOfRowsAndFiles) {
  const DatasetSnapshot orders = Write(
      "orders", {"SELECT i FROM range(300000) t(i)", "SELECT i FROM range(300000, 300010) t(i)"});
  for (const std::int64_t offset : {0, 1, 299'999, 300'000, 300'009, 300'010, 999'999}) {
    ReadRequest request{.datasets = {orders}, .offset = offset, .threads = 4};
    auto reader = Read(kCaller, request);
    ASSERT_TRUE(reader) << reader.error().ToString();
    std::int64_t expected = offset;
    for (auto batch = (*reader)->Next(); batch && *batch; batch = (*reader)->Next()) {
      for (std::size_t i = 0; i < (*batch)->num_rows(); ++i) {
        ASSERT_EQ((*batch)->column(0).Int64(i), expected++);
      }
    }
    EXPECT_EQ(expected, std::max<std::int64_t>(offset, 300'010));
  }
}

TEST_F(ReadTest, GivesOnlyTheColumnsThatWereAsked) {
  const DatasetSnapshot orders = Write("订 单", {"SELECT 1 AS a, 'x' AS \"b c\", 2 AS \"d\"\"e\""});
  EXPECT_EQ(Rows({.datasets = {orders}, .columns = {"d\"e", "b c"}}), "[2,\"x\"]");
  EXPECT_EQ(Rows({.datasets = {orders}, .columns = {"b d"}}),
            "dataset '订 单' has no column 'b d'");
  EXPECT_EQ(Rows({.datasets = {}}), "there is no dataset to read");
}

TEST_F(ReadTest, FillsColumnsThatOlderFilesLack) {
  const DatasetSnapshot orders = Write("orders", {"SELECT 1 AS a", "SELECT 2 AS a, 'x' AS b"});
  EXPECT_EQ(Rows({.datasets = {orders}}), "[1,null],[2,\"x\"]");
}

TEST_F(ReadTest, ReadsAnEmptyDataset) {
  DatasetSnapshot empty = Write("empty", {"SELECT 1 AS a, DATE '2024-01-01' AS d"});
  empty.files.clear();
  EXPECT_EQ(Rows({.datasets = {empty}}), "");
  EXPECT_EQ(Rows({.datasets = {empty}, .sql = "SELECT count(*), max(d) FROM empty"}), "[0,null]");
}

TEST_F(ReadTest, JoinsVersionsOfADataset) {
  const DatasetSnapshot now = Write("orders", {"SELECT i, i * 2 AS x FROM range(4) t(i)"});
  DatasetSnapshot before = Write("before", {"SELECT i, i AS x FROM range(3) t(i)"});
  before.name = "orders@1";
  EXPECT_EQ(
      Rows({.datasets = {now, before},
            .sql = "SELECT n.i, n.x - b.x FROM ORDERS n JOIN \"orders@1\" b USING (i) ORDER BY i"}),
      "[0,0],[1,1],[2,2]");
}

TEST_F(ReadTest, RefusesOtherWorkspaces) {
  DatasetSnapshot orders = Write("orders", {"SELECT 1 AS a"});
  orders.workspace = "another";
  for (const std::string sql : {"", "SELECT * FROM orders"}) {
    const auto reader = Read(kCaller, {.datasets = {orders}, .sql = sql});
    ASSERT_FALSE(reader);
    EXPECT_EQ(reader.error().code, ErrorCode::kPermissionDenied);
  }
  Caller system = kCaller;
  system.kind = "system";
  EXPECT_EQ(Rows({.datasets = {orders}}, system), "[1]");
}

TEST_F(ReadTest, SeesNothingButItsDatasets) {
  const DatasetSnapshot orders = Write("orders", {"SELECT 1 AS a"});
  const DatasetSnapshot secret = Write("secret", {"SELECT 2 AS a"});
  for (const std::string sql :
       {"SELECT * FROM secret", "SELECT * FROM duckdb_settings", "SELECT * FROM sqlite_master",
        "SELECT * FROM pragma_database_list", "SELECT * FROM pg_class",
        "SELECT * FROM duckdb_views", "SELECT * FROM duckdb_tables",
        "SELECT * FROM \"secret-0.parquet\""}) {
    const auto reader = Read(kCaller, {.datasets = {orders}, .sql = sql});
    ASSERT_FALSE(reader) << sql;
    EXPECT_EQ(reader.error().code, ErrorCode::kNotFound) << sql << reader.error().ToString();
  }
  const std::string file = fmt::format("SELECT * FROM {}", duckdb::QuoteText(secret.files[0].path));
  EXPECT_TRUE(Rows({.datasets = {orders}, .sql = file}).starts_with("no dataset '")) << file;
  EXPECT_TRUE(Rows({.datasets = {orders}, .sql = "SELECT * FROM read_parquet('x')"})
                  .starts_with("table function 'read_parquet' may not be used here"));
}

TEST_F(ReadTest, NamesTheNearestDatasetAndColumn) {
  const DatasetSnapshot orders = Write("orders", {"SELECT 1 AS amount"});
  const auto table = Read(kCaller, {.datasets = {orders}, .sql = "SELECT * FROM order"});
  ASSERT_FALSE(table);
  const auto near = Read(kCaller, {.datasets = {orders}, .sql = "SELECT * FROM oders"});
  ASSERT_FALSE(near);
  EXPECT_EQ(Render(near.error().hint, Language::kEnglish), "did you mean 'orders'?");
  const std::string column = Rows({.datasets = {orders}, .sql = "SELECT\n  amout FROM orders"});
  EXPECT_EQ(column, "there is no column 'amout' here (line 2, column 3)");
}

TEST_F(ReadTest, StaysWithinItsMemory) {
  const DatasetSnapshot orders = Write("orders", {"SELECT i FROM range(3000000) t(i)"});
  const std::string sql =
      "SELECT count(*) FROM (SELECT DISTINCT i || 'abcdefghijklmnopqrstuvwxyz' FROM orders)";
  const auto reader = Read(kCaller, {.datasets = {orders}, .sql = sql, .memory_bytes = 40 << 20});
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().code, ErrorCode::kResourceExhausted) << reader.error().ToString();
  EXPECT_EQ(Rows({.datasets = {orders},
                  .sql = sql,
                  .memory_bytes = 200 << 20,
                  .temp_folder = folder_ + "/spill"}),
            "[3000000]");
  EXPECT_TRUE(std::filesystem::is_empty(folder_ + "/spill"));
}

TEST_F(ReadTest, StopsWhenCancelledAndAtItsTimeLimit) {
  const DatasetSnapshot orders = Write("orders", {"SELECT i FROM range(1000000) t(i)"});
  const std::string sql = "SELECT sum(a.i * b.i) FROM orders a, orders b";
  const std::int64_t start = SteadyMs();
  ReadRequest request{.datasets = {orders}, .sql = sql};
  std::jthread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    request.cancel.Cancel();
  });
  EXPECT_EQ(Rows(request), "the query was cancelled");
  const auto late = Read(kCaller, {.datasets = {orders}, .sql = sql, .timeout_ms = 300});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kTimeout);
  EXPECT_LT(SteadyMs() - start, 4000);
}

TEST_F(ReadTest, CallsRegisteredFunctions) {
  const DatasetSnapshot orders = Write("orders", {"SELECT CASE WHEN i % 10 = 0 THEN NULL ELSE i "
                                                  "END AS i, 'r' || i AS t FROM range(5000) s(i)"});
  SqlFunctionRegistry functions("SQL function");
  const Type number{.kind = TypeKind::kFloat64};
  functions.Add({.name = "label_of",
                 .parameters = {{.kind = TypeKind::kText}, number},
                 .any_number = true,
                 .result = {.kind = TypeKind::kText},
                 .run = [](const Batch& arguments) -> Result<Batch> {
                   auto schema = std::make_shared<const Schema>(
                       Schema{{{.name = "label", .type = {.kind = TypeKind::kText}}}});
                   BatchBuilder builder(schema);
                   for (std::size_t row = 0; row < arguments.num_rows(); ++row) {
                     if (arguments.column(1).IsNull(row)) {
                       builder.AppendNull(0);
                       continue;
                     }
                     double sum = 0;
                     for (std::size_t i = 1; i < arguments.schema().columns.size(); ++i) {
                       sum += arguments.column(i).Double(row);
                     }
                     if (sum == 9999) return Fail(ErrorCode::kNotFound, "no dataset '{}'", "x");
                     builder.AppendText(0,
                                        fmt::format("{}={}", arguments.column(0).Bytes(row), sum));
                   }
                   return builder.Finish();
                 }});
  ReadRequest request{
      .datasets = {orders},
      .sql = "SELECT Label_Of(t, i, 1) FROM orders WHERE t IN ('r10', 'r11', 'r4999')",
      .functions = &functions};
  EXPECT_EQ(Rows(request), "[null],[\"r11=12\"],[\"r4999=5000\"]");
  request.sql = "SELECT label_of('a', 9999)";
  EXPECT_NE(Rows(request).find("no dataset 'x'"), std::string::npos);
  request.functions = nullptr;
  EXPECT_EQ(Rows(request), "no function 'label_of' may be used here");
}

TEST(Snapshot, SurvivesJson) {
  DatasetSnapshot snapshot{
      .id = "i",
      .name = "订单",
      .workspace = "w",
      .version = 7,
      .schema = {{{.name = "a", .type = {.kind = TypeKind::kDecimal, .precision = 18, .scale = 2}},
                  {.name = "b", .type = {.kind = TypeKind::kText}, .nullable = false}}},
      .files = {{.path = "/x/y.parquet", .rows = 5, .bytes = 100}},
      .rows = 5};
  const auto back = SnapshotFromJson(ToJson(snapshot));
  ASSERT_TRUE(back) << back.error().ToString();
  EXPECT_EQ(back->id, snapshot.id);
  EXPECT_EQ(back->name, snapshot.name);
  EXPECT_EQ(back->workspace, snapshot.workspace);
  EXPECT_EQ(back->version, snapshot.version);
  EXPECT_EQ(back->schema, snapshot.schema);
  ASSERT_EQ(back->files.size(), 1U);
  EXPECT_EQ(back->files[0].path, "/x/y.parquet");
  EXPECT_EQ(back->files[0].rows, 5);
  EXPECT_EQ(back->files[0].bytes, 100);
  EXPECT_EQ(back->rows, 5);
  EXPECT_FALSE(SnapshotFromJson(Json::parse(R"({"id":"i"})")));
  Json broken = ToJson(snapshot);
  broken["columns"][0]["type"] = "money";
  EXPECT_FALSE(SnapshotFromJson(broken));
}

}  // namespace
}  // namespace aimass
