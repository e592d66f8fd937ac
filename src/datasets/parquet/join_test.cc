#include "datasets/parquet/join.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "datasets/parquet/thrift.h"
#include "datasets/testing/import.h"
#include "native/duckdb/database.h"

namespace aimass {
namespace {

using testing::TestFolder;

duckdb::Connection Connect(const TestFolder& folder) {
  auto database = duckdb::Database::Open({.allowed_folders = {folder.path()}});
  auto connection = database->Connect();
  return std::move(*connection);
}

// What `sql` gives, as JSON rows.
std::string Ask(duckdb::Connection& connection, const std::string& sql) {
  auto rows = connection.Query(sql);
  if (!rows) return rows.error().ToString();
  std::string out;
  for (;;) {
    auto batch = (*rows)->Next();
    if (!batch) return batch.error().ToString();
    if (!*batch) return out;
    AppendJsonRows(out, **batch, 0, (*batch)->num_rows());
  }
}

TEST(JoinParquet, IsTheFilesOneBehindTheOther) {
  const TestFolder folder;
  auto connection = Connect(folder);
  // Dictionaries, nulls, nested values, Bloom filters, several row groups.
  const std::string select =
      "SELECT i AS n, CASE WHEN i % 7 = 0 THEN NULL ELSE 'text ' || (i % 50) END AS t, "
      "i / 3.0 AS x, [i, i + 1] AS l, {'a': i} AS s FROM range({}, {}) r(i)";
  std::vector<std::string> parts;
  std::int64_t from = 0;
  for (const std::int64_t rows : {10'000, 1, 25'000}) {
    parts.push_back(folder.path(fmt::format("part-{}.parquet", parts.size())));
    std::string sql = select;
    sql.replace(sql.find("{}"), 2, std::to_string(from));
    sql.replace(sql.find("{}"), 2, std::to_string(from + rows));
    const Status written = connection.Execute(
        fmt::format("COPY ({}) TO '{}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 4096)",
                    sql, parts.back()));
    ASSERT_TRUE(written) << written.error().ToString();
    from += rows;
  }
  const std::string target = folder.path("joined.parquet");
  const auto rows = JoinParquet(parts, target);
  ASSERT_TRUE(rows) << rows.error().ToString();
  EXPECT_EQ(*rows, 35'001);
  EXPECT_FALSE(std::filesystem::exists(target + ".part"));
  const auto all = [&](const std::string& files) {
    return Ask(connection, fmt::format("SELECT * FROM read_parquet({})", files));
  };
  EXPECT_EQ(all("'" + target + "'"), all(duckdb::QuoteList(parts)));
  // Statistics and filters stand where the footer says: both find one row among all row groups.
  EXPECT_EQ(
      Ask(connection, fmt::format("SELECT n FROM '{}' WHERE n = 34000 AND t = 'text 0'", target)),
      "[34000]");
  EXPECT_EQ(Ask(connection, fmt::format("SELECT sum(row_group_num_rows) FROM (SELECT DISTINCT "
                                        "row_group_id, row_group_num_rows FROM "
                                        "parquet_metadata('{}'))",
                                        target)),
            "[35001]");
}

TEST(JoinParquet, RefusesWhatIsNoPart) {
  const TestFolder folder;
  auto connection = Connect(folder);
  const std::string good = folder.path("good.parquet");
  const std::string other = folder.path("other.parquet");
  ASSERT_TRUE(connection.Execute(fmt::format("COPY (SELECT 1 AS a) TO '{}'", good)));
  ASSERT_TRUE(connection.Execute(fmt::format("COPY (SELECT 1 AS b) TO '{}'", other)));
  const auto bytes = ReadFile(good);
  ASSERT_TRUE(bytes);
  std::string damaged = *bytes;
  damaged[damaged.size() - 12] = '\xff';
  const std::string target = folder.path("joined.parquet");
  for (const std::string& bad :
       {other, folder.Write("short", "PAR1PAR1"), folder.Write("text", "this is no Parquet file"),
        folder.Write("cut", bytes->substr(0, bytes->size() - 9)),
        folder.Write("damaged", damaged.substr(0, damaged.size() - 8) + "\x7f\xff\xff\x7fPAR1")}) {
    const auto joined = JoinParquet({good, bad}, target);
    ASSERT_FALSE(joined) << bad;
    EXPECT_EQ(joined.error().code, ErrorCode::kUnprocessable) << bad;
    EXPECT_FALSE(std::filesystem::exists(target));
    EXPECT_FALSE(std::filesystem::exists(target + ".part"));
  }
  EXPECT_EQ(JoinParquet({folder.path("absent")}, target).error().code, ErrorCode::kNotFound);
}

TEST(Thrift, WhatWasReadIsWrittenAsItWas) {
  // 1: i32 -3; 2: "ab"; 20: list of 16 booleans; 21: map of one; 22: true; 23: struct of a double.
  std::string bytes{"\x15\x05\x18\x02\x61\x62\x09\x28\xf2\x10", 10};
  bytes += std::string(15, '\x01') + '\x02';
  bytes += std::string{"\x1b\x01\x58\x06\x01\x7a\x11\x1c\x17", 9} + std::string(8, '\x3f');
  bytes += std::string(2, '\0');
  auto value = thrift::ParseStruct(bytes);
  ASSERT_TRUE(value) << value.error().ToString();
  EXPECT_EQ(value->Find(1)->integer, -3);
  EXPECT_EQ(value->Find(2)->bytes, "ab");
  EXPECT_EQ(value->Find(20)->items.size(), 16U);
  EXPECT_EQ(value->Find(21)->items.size(), 2U);
  EXPECT_EQ(value->Find(3), nullptr);
  EXPECT_EQ(thrift::Serialise(*value), bytes);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut)
    EXPECT_FALSE(thrift::ParseStruct(bytes.substr(0, cut))) << cut;
  EXPECT_FALSE(thrift::ParseStruct(bytes + '\0'));
  EXPECT_FALSE(thrift::ParseStruct(std::string(100, '\x1c')));  // too deep
}

}  // namespace
}  // namespace aimass
