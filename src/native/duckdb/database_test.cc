#include "native/duckdb/database.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/clock.h"
#include "table/builder.h"
#include "table/json_rows.h"

namespace aimass::duckdb {
namespace {

Connection Connect(const Options& options = {}) {
  auto database = Database::Open(options);
  EXPECT_TRUE(database) << database.error().ToString();
  auto connection = database->Connect();
  EXPECT_TRUE(connection);
  return std::move(*connection);
}

/// The rows of `sql` as JSON arrays, or the error's text.
std::string Rows(Connection& connection, std::string_view sql, const QueryOptions& options = {}) {
  auto reader = connection.Query(sql, options);
  if (!reader) return reader.error().ToString();
  std::string out;
  while (true) {
    auto batch = (*reader)->Next();
    if (!batch) return batch.error().ToString();
    if (!*batch) return out;
    if (!out.empty()) out += ',';
    AppendJsonRows(out, **batch, 0, (*batch)->num_rows());
  }
}

std::string Types(Connection& connection, std::string_view sql) {
  auto schema = connection.Describe(sql);
  if (!schema) return schema.error().ToString();
  std::string out;
  for (const ColumnInfo& column : schema->columns) {
    out += (out.empty() ? "" : " ") + column.name + ":" + TypeName(column.type);
  }
  return out;
}

struct TypeCase {
  std::string_view sql, type, json;
};
class EveryType : public testing::TestWithParam<TypeCase> {};

TEST_P(EveryType, ArrivesExactly) {
  Connection connection = Connect();
  const std::string sql = fmt::format("SELECT {} AS x", GetParam().sql);
  EXPECT_EQ(Types(connection, sql), fmt::format("x:{}", GetParam().type));
  EXPECT_EQ(Rows(connection, sql), fmt::format("[{}]", GetParam().json));
  // The same with nulls on both sides, so that validity and offsets are looked at.
  const std::string three = fmt::format(
      "SELECT x FROM (VALUES (1, NULL), (2, {}), (3, NULL)) t(i, x) ORDER BY i", GetParam().sql);
  EXPECT_EQ(Rows(connection, three), fmt::format("[null],[{}],[null]", GetParam().json));
}

INSTANTIATE_TEST_SUITE_P(
    , EveryType,
    testing::Values(
        TypeCase{"true", "boolean", "true"}, TypeCase{"(-128)::TINYINT", "tinyint", "-128"},
        TypeCase{"(-32768)::SMALLINT", "smallint", "-32768"}, TypeCase{"42", "integer", "42"},
        TypeCase{"9007199254740991", "bigint", "9007199254740991"},
        TypeCase{"9007199254740992", "bigint", "\"9007199254740992\""},
        TypeCase{"(-9223372036854775808)::BIGINT", "bigint", "\"-9223372036854775808\""},
        TypeCase{"255::UTINYINT", "utinyint", "255"},
        TypeCase{"65535::USMALLINT", "usmallint", "65535"},
        TypeCase{"4294967295::UINTEGER", "uinteger", "4294967295"},
        TypeCase{"18446744073709551615::UBIGINT", "ubigint", "\"18446744073709551615\""},
        TypeCase{"0.1::FLOAT", "float", "0.1"}, TypeCase{"1e300::DOUBLE", "double", "1e+300"},
        TypeCase{"'nan'::DOUBLE", "double", "\"NaN\""},
        TypeCase{"'-inf'::FLOAT", "float", "\"-Infinity\""},
        TypeCase{"1.50::DECIMAL(9,2)", "decimal(9,2)", "\"1.50\""},
        TypeCase{"(-0.05)::DECIMAL(4,2)", "decimal(4,2)", "\"-0.05\""},
        TypeCase{"'99999999999999999999999999999999999.999'::DECIMAL(38,3)", "decimal(38,3)",
                 "\"99999999999999999999999999999999999.999\""},
        TypeCase{"12::HUGEINT", "decimal(38,0)", "12"},
        TypeCase{"'中文 \"q\"'", "text", "\"中文 \\\"q\\\"\""},
        TypeCase{"'\\x00\\xFFa'::BLOB", "binary", "\"AP9h\""},
        TypeCase{"DATE '2024-02-29'", "date", "\"2024-02-29\""},
        TypeCase{"DATE '0001-01-01'", "date", "\"0001-01-01\""},
        TypeCase{"TIME '23:59:59.25'", "time", "\"23:59:59.250\""},
        TypeCase{"TIMESTAMP '1969-12-31 23:59:59.999999'", "timestamp",
                 "\"1969-12-31T23:59:59.999999\""},
        TypeCase{"TIMESTAMP_NS '2024-01-01 00:00:00.123456789'", "timestamp",
                 "\"2024-01-01T00:00:00.123456\""},
        TypeCase{"TIMESTAMPTZ '2024-01-01 08:00:00+08'", "timestamp with time zone",
                 "\"2024-01-01T00:00:00Z\""},
        TypeCase{"'infinity'::TIMESTAMP", "timestamp", "\"infinity\""},
        TypeCase{"INTERVAL 3 MONTH", "text", "\"3 months\""},
        TypeCase{"'a'::ENUM('a','b')", "text", "\"a\""},
        TypeCase{"'6ba7b810-9dad-11d1-80b4-00c04fd430c8'::UUID", "text",
                 "\"6ba7b810-9dad-11d1-80b4-00c04fd430c8\""},
        TypeCase{"[1, NULL, 3]", "list(integer)", "[1,null,3]"},
        TypeCase{"[1::HUGEINT]", "list(decimal(38,0))", "[1]"},
        TypeCase{"[1, 2]::INTEGER[2]", "list(integer)", "[1,2]"},
        TypeCase{"{'a': 1, '名': 'x'}", "struct(\"a\" integer, \"名\" text)",
                 "{\"a\":1,\"名\":\"x\"}"},
        TypeCase{"MAP {'k': [1.5]}", "map(text, list(decimal(2,1)))",
                 "[{\"key\":\"k\",\"value\":[\"1.5\"]}]"}),
    [](const auto& info) { return fmt::format("Type{}", info.index); });

TEST(DuckDbLink, EveryFunctionThatWeUseAnswers) {
  Options options;
  options.memory_bytes = 256 << 20;
  Connection connection = Connect(options);
  ASSERT_TRUE(
      connection.Execute("CREATE TABLE t(a INTEGER, b VARCHAR); INSERT INTO t VALUES (1, 'x')"));
  EXPECT_EQ(Types(connection, "SELECT * FROM t"), "a:integer b:text");
  EXPECT_EQ(Rows(connection, "SELECT * FROM t"), "[1,\"x\"]");
  EXPECT_EQ(Rows(connection,
                 "SELECT struct_pack(a := 1::HUGEINT) AS s, MAP {1: 2::HUGEINT}, [3::HUGEINT]"),
            "[{\"a\":1},[{\"key\":1,\"value\":2}],[3]]");
  connection.Interrupt();
  EXPECT_EQ(Rows(connection, "SELECT version()"), "[\"v1.5.5\"]");
}

TEST(DuckDbQuery, KeepsTheOrderThroughCasts) {
  Connection connection = Connect();
  const std::string rows =
      Rows(connection, "SELECT i::HUGEINT FROM range(5000) t(i) ORDER BY i DESC; -- end");
  EXPECT_TRUE(rows.starts_with("[4999],[4998],")) << rows.substr(0, 40);
  EXPECT_TRUE(rows.ends_with(",[1],[0]"));
}

TEST(DuckDbQuery, KeepsNamesThatAreAlike) {
  Connection connection = Connect();
  EXPECT_EQ(Types(connection, "SELECT 1 AS a, 2::HUGEINT AS a, 3 AS \"A b\""),
            "a:integer a:decimal(38,0) A b:integer");
}

TEST(DuckDbQuery, StreamsWithoutMakingAllRowsFirst) {
  Connection connection = Connect();
  auto reader = connection.Query("SELECT i, repeat('x', 1000) FROM range(1000000000) t(i)");
  ASSERT_TRUE(reader) << reader.error().ToString();
  auto batch = (*reader)->Next();
  ASSERT_TRUE(batch && *batch);
  EXPECT_EQ((*batch)->column(0).Int64(0), 0);
}

TEST(DuckDbQuery, ReportsAnErrorThatComesLate) {
  // With several threads DuckDB sometimes tells how it stopped the others instead of why.
  Connection connection = Connect({.threads = 4});
  ASSERT_TRUE(connection.Execute("CREATE TEMP TABLE t AS SELECT i FROM range(1000000) t(i)"));
  for (const char* const sql :
       {"SELECT CASE WHEN i % 300000 = 299999 THEN 'x' ELSE '1' END::INTEGER FROM t",
        "SELECT CASE WHEN i = 300000 THEN 'x' ELSE '1' END::INTEGER FROM range(400000) t(i)"}) {
    for (int i = 0; i < 25; ++i) {
      const std::string rows = Rows(connection, sql);
      EXPECT_TRUE(rows.starts_with("'x' cannot be converted to INTEGER")) << rows;
    }
  }
}

struct ErrorCase {
  std::string_view name, sql;
  ErrorCode code;
};
class EveryError : public testing::TestWithParam<ErrorCase> {};

TEST_P(EveryError, HasItsCode) {
  Options options;
  options.memory_bytes = 64 << 20;
  Connection connection = Connect(options);
  auto reader = connection.Query(GetParam().sql);
  Error error;
  if (!reader) {
    error = reader.error();
  } else {
    auto batch = (*reader)->Next();
    while (batch && *batch) batch = (*reader)->Next();
    ASSERT_FALSE(batch);
    error = batch.error();
  }
  EXPECT_EQ(error.code, GetParam().code) << error.ToString();
}

INSTANTIATE_TEST_SUITE_P(
    , EveryError,
    testing::Values(
        ErrorCase{"Syntax", "SELEC 1", ErrorCode::kInvalidArgument},
        ErrorCase{"Table", "SELECT * FROM nowhere", ErrorCode::kInvalidArgument},
        ErrorCase{"Column", "SELECT nothing FROM range(3)", ErrorCode::kInvalidArgument},
        ErrorCase{"Two", "SELECT 1; SELECT 2", ErrorCode::kInvalidArgument},
        ErrorCase{"None", "-- nothing", ErrorCode::kInvalidArgument},
        ErrorCase{"Value", "SELECT 'x'::INTEGER", ErrorCode::kUnprocessable},
        ErrorCase{"Overflow", "SELECT sum(9e37::HUGEINT) FROM range(9)", ErrorCode::kUnprocessable},
        ErrorCase{"Memory",
                  "SELECT count(DISTINCT i || 'abcdefghijklmnopqrstuvw') FROM range(20000000) t(i)",
                  ErrorCode::kResourceExhausted},
        ErrorCase{"File", "SELECT * FROM read_text('/etc/hostname')", ErrorCode::kPermissionDenied},
        ErrorCase{"Glob", "SELECT * FROM glob('/etc/*')", ErrorCode::kPermissionDenied},
        ErrorCase{"Copy", "COPY (SELECT 1) TO '/tmp/aimass-must-not-exist.csv'",
                  ErrorCode::kPermissionDenied},
        ErrorCase{"Attach", "ATTACH '/tmp/aimass-must-not-exist.db'", ErrorCode::kPermissionDenied},
        ErrorCase{"Unlock", "SET lock_configuration = false", ErrorCode::kUnprocessable},
        ErrorCase{"Access", "SET enable_external_access = true", ErrorCode::kUnprocessable}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(DuckDbQuery, StopsWhenCancelled) {
  Connection connection = Connect();
  QueryOptions options;
  const std::int64_t start = SteadyMs();
  std::jthread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    options.cancel.Cancel();
  });
  EXPECT_EQ(Rows(connection, "SELECT sum(a.i * b.i) FROM range(10000000) a(i), range(1000000) b(i)",
                 options),
            "the query was cancelled");
  EXPECT_LT(SteadyMs() - start, 2000);
  EXPECT_EQ(Rows(connection, "SELECT 1"), "[1]");  // the session goes on
}

TEST(DuckDbQuery, StopsAtItsTimeLimit) {
  Connection connection = Connect();
  auto reader = connection.Query(
      "SELECT sum(a.i * b.i) FROM range(10000000) a(i), range(1000000) b(i)", {.timeout_ms = 300});
  ASSERT_FALSE(reader);
  EXPECT_EQ(reader.error().code, ErrorCode::kTimeout);
  EXPECT_EQ(reader.error().ToString(), "the query took longer than its limit of 0.3 s");
}

class Numbers final : public BatchReader {
 public:
  explicit Numbers(bool fails) : fails_(fails) {}
  [[nodiscard]] const Schema& schema() const override { return *schema_; }
  [[nodiscard]] Result<std::optional<Batch>> Next() override {
    if (given_ == 3) {
      if (fails_) return Fail(ErrorCode::kUnavailable, "no type '{}'", "the source went away");
      return std::nullopt;
    }
    BatchBuilder builder(schema_);
    for (int i = 0; i < 1000; ++i) {
      builder.AppendText(0, fmt::format("名{}", i));
      builder.AppendInt64(1, given_ * 1000 + i);
    }
    ++given_;
    auto batch = builder.Finish();
    if (!batch) return std::unexpected(batch.error());
    return std::move(*batch);
  }

 private:
  bool fails_;
  int given_ = 0;
  std::shared_ptr<const Schema> schema_ =
      std::make_shared<const Schema>(Schema{{{.name = "名 前", .type = {.kind = TypeKind::kText}},
                                             {.name = "n", .type = {.kind = TypeKind::kInt64}}}});
};

TEST(DuckDbRegister, ReadsARegisteredReader) {
  Connection connection = Connect();
  ASSERT_TRUE(connection.Register("行 \"1\"", std::make_unique<Numbers>(false)));
  EXPECT_EQ(Rows(connection, "SELECT count(*), sum(n), max(\"名 前\") FROM \"行 \"\"1\"\"\""),
            "[3000,4498500,\"名999\"]");
}

TEST(DuckDbRegister, ReadsOneColumnAlone) {
  Connection connection = Connect();
  ASSERT_TRUE(connection.Register("rows", std::make_unique<Numbers>(false)));
  EXPECT_EQ(Rows(connection, "SELECT sum(n) FROM rows WHERE n > 10"), "[4498445]");
}

/// The rows of a query on another instance.
std::unique_ptr<BatchReader> Elsewhere(std::string_view sql) {
  Connection connection = Connect();
  auto reader = connection.Query(sql);
  EXPECT_TRUE(reader) << reader.error().ToString();
  return std::move(*reader);
}

TEST_P(EveryType, ReturnsThroughARegisteredReader) {
  const std::string sql = fmt::format(
      "SELECT i, x FROM range(5000) t(i) LEFT JOIN (SELECT {} AS x) ON i % 3 <> 0 ORDER BY i",
      GetParam().sql);
  Connection connection = Connect();
  ASSERT_TRUE(connection.Register("rows", Elsewhere(sql)));
  EXPECT_EQ(Types(connection, "SELECT x FROM rows"), fmt::format("x:{}", GetParam().type));
  EXPECT_EQ(Rows(connection, "SELECT x FROM rows WHERE i BETWEEN 3332 AND 3334"),
            fmt::format("[{0}],[null],[{0}]", GetParam().json));
}

TEST(DuckDbRegister, PassesOnTheReadersError) {
  Connection connection = Connect();
  ASSERT_TRUE(connection.Register("rows", std::make_unique<Numbers>(true)));
  EXPECT_NE(Rows(connection, "SELECT sum(n) FROM rows").find("the source went away"),
            std::string::npos);
}

TEST(DuckDbAccess, ReadsOnlyAllowedFiles) {
  const std::filesystem::path folder = testing::TempDir() + "aimass_duckdb_access";
  std::filesystem::create_directories(folder / "open");
  for (const char* name : {"a.csv", "b.csv", "open/c.csv"})
    std::ofstream(folder / name) << "x\n1\n";
  Options options;
  options.allowed_paths = {(folder / "a.csv").string()};
  options.allowed_folders = {(folder / "open").string()};
  Connection connection = Connect(options);
  const auto read = [&](const char* name) {
    return Rows(connection,
                fmt::format("SELECT * FROM read_csv({})", QuoteText((folder / name).string())));
  };
  EXPECT_EQ(read("a.csv"), "[1]");
  EXPECT_EQ(read("open/c.csv"), "[1]");
  EXPECT_TRUE(read("b.csv").starts_with("the SQL reaches for something outside")) << read("b.csv");
  EXPECT_TRUE(read("open/../b.csv").starts_with("the SQL reaches for something outside"));
  std::filesystem::remove_all(folder);
}

TEST(DuckDbOptions, RefusesWhatDuckDbRefuses) {
  EXPECT_FALSE(Database::Open({.extensions = {"/nowhere/excel.duckdb_extension"}}));
}

TEST(Quote, IsSafe) {
  EXPECT_EQ(QuoteName("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(QuoteText("it's"), "'it''s'");
  EXPECT_EQ(QuoteList({"a", "b'"}), "['a', 'b''']");
  EXPECT_EQ(QuoteList({}), "[]");
}

}  // namespace
}  // namespace aimass::duckdb
