#include "datasets/delta/log.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/file.h"
#include "datasets/testing/import.h"

namespace aimass::delta {
namespace {

using testing::TestFolder;

Schema OneColumn(TypeKind kind) { return {.columns = {{.name = "列", .type = {.kind = kind}}}}; }

FileEntry File(const std::string& path) {
  return {.path = path, .bytes = 1, .rows = 2, .modified_ms = 1, .stats = R"({"numRecords":2})"};
}

std::string Paths(const State& state) {
  std::string paths;
  for (const FileEntry& file : state.files) paths += file.path + " ";
  return paths;
}

TEST(DeltaLog, ReplaysAppendsAndReplacementsInOrder) {
  const TestFolder folder;
  const Log log(folder.path());
  State state;
  for (int i = 0; i < 25; ++i) {
    Change change{.operation = "WRITE",
                  .parameters = {},
                  .replace = i == 12,
                  .files = {File(fmt::format("p {}%", i))}};
    if (i == 0) change.schema = OneColumn(TypeKind::kInt64);
    auto next = log.Commit(state, change);
    ASSERT_TRUE(next) << next.error().ToString();
    state = *next;
    EXPECT_EQ(state.version, i);
  }
  for (const int version : {0, 9, 10, 11, 12, 13, 20, 24}) {
    const auto read = log.Read(version);
    ASSERT_TRUE(read) << read.error().ToString();
    std::string expected;
    for (int i = version < 12 ? 0 : 12; i <= version; ++i) expected += fmt::format("p {}% ", i);
    EXPECT_EQ(Paths(*read), expected);
    EXPECT_EQ(read->schema, OneColumn(TypeKind::kInt64));
    EXPECT_EQ(read->min_reader, 1);
  }
  EXPECT_TRUE(
      std::filesystem::exists(folder.path("_delta_log/00000000000000000020.checkpoint.parquet")));
  const auto missing = log.Read(25);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().ToString(), "there is no version 25; there are 0 to 24");
}

TEST(DeltaLog, KeepsTheTagsOfFilesOverACheckpoint) {
  const TestFolder folder;
  const Log log(folder.path());
  State state;
  for (int i = 0; i < 12; ++i) {
    Change change{.operation = "WRITE", .parameters = {}, .files = {File(fmt::format("p{}", i))}};
    if (i == 0) change.schema = OneColumn(TypeKind::kInt64);
    if (i % 2 == 0) change.files[0].tags = {{"aimass.file", "订单/\"a\".csv"}, {"n", ""}};
    state = log.Commit(state, change).value();
  }
  const State read = log.Read().value();
  ASSERT_EQ(read.files.size(), 12U);
  for (std::size_t i = 0; i < read.files.size(); ++i) {
    EXPECT_EQ(read.files[i].tags, state.files[i].tags);
    EXPECT_EQ(read.files[i].tags.size(), i % 2 == 0 ? 2U : 0U);
  }
}

TEST(DeltaLog, OneWriterWinsEachVersion) {
  const TestFolder folder;
  const Log log(folder.path());
  const auto first =
      log.Commit({}, {.operation = "CREATE TABLE", .schema = OneColumn(TypeKind::kText)});
  ASSERT_TRUE(first);
  constexpr int kWriters = 8;
  std::atomic<int> lost = 0;
  {
    std::vector<std::jthread> writers;
    for (int i = 0; i < kWriters; ++i) {
      writers.emplace_back([&, i] {
        for (;;) {
          const auto base = log.Read();
          if (base &&
              log.Commit(*base, {.operation = "WRITE", .files = {File(fmt::format("w{}", i))}}))
            return;
          ++lost;
        }
      });
    }
  }
  const auto state = log.Read();
  ASSERT_TRUE(state);
  EXPECT_EQ(state->version, kWriters);
  EXPECT_EQ(state->files.size(), static_cast<std::size_t>(kWriters));
}

TEST(DeltaLog, ASecondCommitOnTheSameBaseIsAConflict) {
  const TestFolder folder;
  const Log log(folder.path());
  const Change change{.operation = "WRITE", .schema = OneColumn(TypeKind::kText)};
  ASSERT_TRUE(log.Commit({}, change));
  const auto again = log.Commit({}, change);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kConflict);
}

TEST(DeltaLog, OneCommitTakesFilesOutAndKeepsPositions) {
  const TestFolder folder;
  const Log log(folder.path());
  auto state = log.Commit({}, {.operation = "CREATE TABLE",
                               .schema = OneColumn(TypeKind::kText),
                               .files = {File("a"), File("b")}});
  ASSERT_TRUE(state);
  state = log.Commit(*state, {.operation = "MERGE",
                              .files = {File("c")},
                              .removed = {"a"},
                              .positions = {{"aimass.source.x", 1'700'000'000'000'001}},
                              .app_id = "job",
                              .app_version = 1});
  ASSERT_TRUE(state);
  for (int i = 0; i < 10; ++i) {  // a checkpoint lies between
    state = log.Commit(*state, {.operation = "WRITE"});
    ASSERT_TRUE(state);
  }
  const auto read = log.Read();
  ASSERT_TRUE(read);
  ASSERT_EQ(read->files.size(), 2U);
  EXPECT_EQ(read->files[0].path, "b");
  EXPECT_EQ(read->files[1].path, "c");
  EXPECT_EQ(read->txns.at("aimass.source.x"), 1'700'000'000'000'001);
  EXPECT_EQ(read->txns.at("job"), 1);
  const auto before = log.Read(0);
  ASSERT_TRUE(before);
  EXPECT_EQ(before->files.size(), 2U);
}

TEST(DeltaLog, TimestampsWithoutZoneRaiseTheProtocol) {
  const TestFolder folder;
  const Log log(folder.path());
  auto state = log.Commit({}, {.operation = "WRITE", .schema = OneColumn(TypeKind::kTimestampTz)});
  ASSERT_TRUE(state);
  EXPECT_EQ(state->min_writer, 2);
  state = log.Commit(
      *state, {.operation = "WRITE", .schema = OneColumn(TypeKind::kTimestamp), .replace = true});
  ASSERT_TRUE(state);
  const auto read = log.Read();
  ASSERT_TRUE(read);
  EXPECT_EQ(read->min_reader, 3);
  EXPECT_EQ(read->reader_features, std::vector<std::string>{"timestampNtz"});
}

struct Foreign {
  std::string_view what, line, error;
};
class ForeignTables : public ::testing::TestWithParam<Foreign> {};

TEST_P(ForeignTables, AreRefusedByName) {
  const TestFolder folder;
  static_cast<void>(folder.Write("_delta_log/00000000000000000000.json", GetParam().line));
  const auto state = Log(folder.path()).Read();
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(state.error().ToString().find(GetParam().error), std::string::npos)
      << state.error().ToString();
}

INSTANTIATE_TEST_SUITE_P(
    , ForeignTables,
    ::testing::Values(
        Foreign{
            "DeletionVectors",
            R"({"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["deletionVectors"]}})",
            "'deletionVectors'"},
        Foreign{"FutureProtocol", R"({"protocol":{"minReaderVersion":9,"minWriterVersion":9}})",
                "(9,9)"},
        Foreign{
            "ColumnMapping",
            R"({"metaData":{"id":"x","schemaString":"{\"type\":\"struct\",\"fields\":[]}","partitionColumns":[],)"
            R"("configuration":{"delta.columnMapping.mode":"name"}}})",
            "'columnMapping'"},
        Foreign{"Partitions",
                R"({"metaData":{"id":"x","schemaString":"{\"type\":\"struct\",\"fields\":[]}",)"
                R"("partitionColumns":["day"],"configuration":{}}})",
                "'day'"},
        Foreign{
            "Types",
            R"({"metaData":{"id":"x","schemaString":"{\"type\":\"struct\",\"fields\":[{\"name\":\"v\",)"
            R"(\"type\":\"variant\",\"nullable\":true}]}","partitionColumns":[],"configuration":{}}})",
            "'variant'"}),
    [](const auto& info) { return std::string(info.param.what); });

TEST(DeltaSchema, ComesBack) {
  const Schema schema{
      .columns = {{.name = "d", .type = {.kind = TypeKind::kDecimal, .precision = 18, .scale = 2}},
                  {.name = "l",
                   .type = {.kind = TypeKind::kList,
                            .children = {{.name = "element", .type = {.kind = TypeKind::kInt8}}}}},
                  {.name = "m",
                   .type = {.kind = TypeKind::kMap,
                            .children = {{.name = "key",
                                          .type = {.kind = TypeKind::kText},
                                          .nullable = false},
                                         {.name = "value", .type = {.kind = TypeKind::kDate}}}}},
                  {.name = "结构",
                   .type = {.kind = TypeKind::kStruct,
                            .children = {{.name = "x", .type = {.kind = TypeKind::kBinary}}}}}}};
  const auto text = SchemaToDelta(schema);
  ASSERT_TRUE(text);
  const auto back = SchemaFromDelta(*text);
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, schema);
}

}  // namespace
}  // namespace aimass::delta
