// The same suite on SQLite and PostgreSQL.
#include "store/database.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "store/connection.h"
#include "store/json.h"
#include "store/testing/databases.h"
#include "store/transfer.h"

namespace aimass {
namespace {

using testing::Dialect;
using testing::TestDatabase;

class DatabaseTest : public ::testing::TestWithParam<Dialect> {
 protected:
  DatabaseTest() : place_(GetParam()), database_(place_.Open()) {
    EXPECT_TRUE(database_->Execute(
        "CREATE TABLE things (id TEXT PRIMARY KEY, n BIGINT, x DOUBLE PRECISION, "
        "t TEXT)"));
  }
  Result<std::int64_t> Put(std::string id, SqlValue n, SqlValue x, SqlValue t) {
    return database_->Execute("INSERT INTO things (id, n, x, t) VALUES (?, ?, ?, ?)",
                              {std::move(id), std::move(n), std::move(x), std::move(t)});
  }
  TestDatabase place_;
  std::unique_ptr<Database> database_;
};
INSTANTIATE_TEST_SUITE_P(, DatabaseTest, ::testing::Values(Dialect::kSqlite, Dialect::kPostgres),
                         ::testing::PrintToStringParamName());

TEST_P(DatabaseTest, GivesBackWhatWasPut) {
  const std::int64_t big = (std::int64_t{1} << 62) + 3;
  const std::string text = "中文 ? :p1 'quoted' \"double\" -- no comment; \\ \n\t end";
  ASSERT_EQ(Put("a", big, 0.1 + 0.2, text), 1);
  ASSERT_EQ(Put("b", std::monostate{}, std::monostate{}, std::monostate{}), 1);
  ASSERT_EQ(Put("c", std::int64_t{-1}, -1e-300, std::string()), 1);
  const auto rows = database_->Select("SELECT n, x, t FROM things ORDER BY id");
  ASSERT_TRUE(rows) << rows.error().ToString();
  ASSERT_EQ(rows->size(), 3U);
  EXPECT_EQ((*rows)[0].Integer(0), big);
  EXPECT_EQ((*rows)[0].Number(1), 0.1 + 0.2);
  EXPECT_EQ((*rows)[0].Text(2), text);
  for (const std::size_t column : {0U, 1U, 2U}) EXPECT_TRUE((*rows)[1].IsNull(column));
  EXPECT_EQ((*rows)[2].Integer(0), -1);
  EXPECT_EQ((*rows)[2].Number(1), -1e-300);
  EXPECT_FALSE((*rows)[2].IsNull(2));
}

TEST_P(DatabaseTest, AggregatesKeep64Bits) {
  ASSERT_TRUE(Put("a", std::int64_t{3'000'000'000}, 1.5, std::string("x")));
  ASSERT_TRUE(Put("b", std::int64_t{3'000'000'000}, 2.5, std::string("y")));
  const auto rows =
      database_->Select("SELECT SUM(n), COUNT(*), AVG(x), MAX(t), MIN(n) FROM things");
  ASSERT_TRUE(rows) << rows.error().ToString();
  EXPECT_EQ(rows->at(0).Integer(0), 6'000'000'000);
  EXPECT_EQ(rows->at(0).Integer(1), 2);
  EXPECT_EQ(rows->at(0).Number(2), 2.0);
  EXPECT_EQ(rows->at(0).Text(3), "y");
  const auto none = database_->Select("SELECT SUM(n), MAX(t) FROM things WHERE id = 'zzz'");
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->at(0).IsNull(0));
  EXPECT_TRUE(none->at(0).IsNull(1));
}

TEST_P(DatabaseTest, CountsChangedRows) {
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(Put(id, std::int64_t{1}, 1.0, std::string()));
  EXPECT_EQ(database_->Execute("UPDATE things SET n = n + ? WHERE id <> ?",
                               {std::int64_t{1}, std::string("c")}),
            2);
  EXPECT_EQ(database_->Execute("UPDATE things SET n = 5 WHERE id = 'nobody'"), 0);
  EXPECT_EQ(database_->Execute("DELETE FROM things"), 3);
}

TEST_P(DatabaseTest, ErrorsHaveTheSameCodes) {
  ASSERT_TRUE(Put("a", std::int64_t{1}, 1.0, std::string()));
  const auto twice = Put("a", std::int64_t{1}, 1.0, std::string());
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code, ErrorCode::kConflict);
  const auto no_table = database_->Select("SELECT * FROM nothing");
  ASSERT_FALSE(no_table);
  EXPECT_EQ(no_table.error().code, ErrorCode::kInternal);
  const auto zero = Put("z", std::int64_t{1}, 1.0, std::string("a\0b", 3));
  ASSERT_FALSE(zero);
  EXPECT_EQ(zero.error().code, ErrorCode::kInvalidArgument);
  const auto missing = database_->Select("SELECT * FROM things WHERE id = ?");
  ASSERT_FALSE(missing);
  EXPECT_EQ(database_->Select("SELECT COUNT(*) FROM things")->at(0).Integer(0), 1)
      << "still usable";
}

TEST_P(DatabaseTest, ATransactionIsAllOrNothing) {
  const Status failed = database_->Transact([](SqlSession& session) -> Status {
    RETURN_IF_ERROR(session.Execute("INSERT INTO things (id) VALUES ('a')"));
    return Fail(ErrorCode::kInvalidArgument, "changed my mind");
  });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().ToString(), "changed my mind");
  const Status thrown = database_->Transact([](SqlSession& session) -> Status {
    RETURN_IF_ERROR(session.Execute("INSERT INTO things (id) VALUES ('a')"));
    throw std::runtime_error("boom");
  });
  EXPECT_FALSE(thrown);
  EXPECT_TRUE(database_->Select("SELECT id FROM things")->empty());
  EXPECT_TRUE(database_->Transact([](SqlSession& session) -> Status {
    RETURN_IF_ERROR(session.Execute("INSERT INTO things (id) VALUES ('a')"));
    RETURN_IF_ERROR(session.Execute("INSERT INTO things (id) VALUES ('b')"));
    return {};
  }));
  EXPECT_EQ(database_->Select("SELECT id FROM things")->size(), 2U);
}

TEST_P(DatabaseTest, ConcurrentCountersLoseNothing) {
  ASSERT_TRUE(Put("counter", std::int64_t{0}, 0.0, std::string()));
  std::atomic<int> errors = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 6; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 15; ++i) {
          const Status done = database_->Transact([](SqlSession& session) -> Status {
            ASSIGN_OR_RETURN(const auto rows,
                             session.Select("SELECT n FROM things WHERE id = 'counter'"));
            RETURN_IF_ERROR(session.Execute("UPDATE things SET n = ? WHERE id = 'counter'",
                                            {rows.at(0).Integer(0) + 1}));
            return {};
          });
          if (!done && done.error().code != ErrorCode::kUnavailable) ++errors;
          if (!done) --i;  // a conflict says so and may be tried again
        }
      });
    }
  }
  EXPECT_EQ(errors, 0);
  EXPECT_EQ(database_->Select("SELECT n FROM things WHERE id = 'counter'")->at(0).Integer(0), 90);
}

TEST_P(DatabaseTest, MigratesOnceAndInOrder) {
  const std::vector<Migration> first{
      {"m", 1, "CREATE TABLE m (a TEXT); INSERT INTO m (a) VALUES ('semi;colon')"}};
  ASSERT_TRUE(database_->Migrate(first));
  ASSERT_TRUE(database_->Migrate(first)) << "again: nothing to do";
  const std::vector<Migration> second{first[0], {"m", 2, "ALTER TABLE m ADD COLUMN b BIGINT"}};
  ASSERT_TRUE(database_->Migrate(second));
  const auto rows = database_->Select("SELECT a, b FROM m");
  ASSERT_TRUE(rows);
  EXPECT_EQ(rows->at(0).Text(0), "semi;colon");
  const Status older = database_->Migrate(first);
  ASSERT_FALSE(older) << "a database of a newer release is refused";
  EXPECT_EQ(older.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(older.error().ToString(),
            "the metadata has step 2 of 'm', this release knows only steps up to 1");
}

TEST_P(DatabaseTest, ReadsJsonAndNullForWhatIsNone) {
  ASSERT_TRUE(database_->Migrate({{"j", 1, "CREATE TABLE j (n BIGINT, a TEXT)"}}));
  for (const SqlParams& row :
       {SqlParams{1, R"({"k":[1,"二"]})"}, SqlParams{2, R"({"k":[1)"}, SqlParams{3, SqlValue()}}) {
    ASSERT_TRUE(database_->Execute("INSERT INTO j (n, a) VALUES (?, ?)", row));
  }
  const auto rows = database_->Select("SELECT a FROM j ORDER BY n");
  ASSERT_TRUE(rows);
  EXPECT_EQ(JsonOf(rows->at(0), 0), (Json{{"k", {1, "二"}}}));
  EXPECT_TRUE(JsonOf(rows->at(1), 0).is_null()) << "damaged";
  EXPECT_TRUE(JsonOf(rows->at(2), 0).is_null());
}

TEST_P(DatabaseTest, AFailedMigrationLeavesNothing) {
  EXPECT_FALSE(
      database_->Migrate({{"m", 1, "CREATE TABLE m (a TEXT); INSERT INTO nothing VALUES (1)"}}));
  EXPECT_FALSE(database_->Select("SELECT * FROM m"));
  EXPECT_TRUE(database_->Migrate({{"m", 1, "CREATE TABLE m (a TEXT)"}}));
}

TEST_P(DatabaseTest, WritesSurviveReopening) {
  ASSERT_TRUE(Put("a", std::int64_t{1}, 1.0, std::string()));
  database_.reset();
  database_ = place_.Open();
  EXPECT_EQ(database_->Select("SELECT id FROM things")->size(), 1U);
}

TEST(SqliteBackup, CopiesWhileOthersWrite) {
  TestDatabase place(Dialect::kSqlite);
  auto database = place.Open();
  ASSERT_TRUE(database->Execute("CREATE TABLE pairs (a BIGINT, b BIGINT)"));
  testing::TempFolder target;
  std::atomic<bool> stop = false;
  std::jthread writer([&] {
    for (std::int64_t i = 0; !stop; ++i) {
      static_cast<void>(database->Transact([&](SqlSession& session) -> Status {
        RETURN_IF_ERROR(session.Execute("INSERT INTO pairs VALUES (?, 0)", {i}));
        RETURN_IF_ERROR(session.Execute("UPDATE pairs SET b = a"));
        return {};
      }));
    }
  });
  for (int copy = 0; copy < 5; ++copy) {
    const std::string path = target.path() + "/" + std::to_string(copy) + ".db";
    ASSERT_TRUE(database->BackupTo(path));
    auto copied = Database::Open("sqlite://" + path);
    ASSERT_TRUE(copied);
    EXPECT_EQ((*copied)->Select("SELECT COUNT(*) FROM pairs WHERE a <> b")->at(0).Integer(0), 0);
    EXPECT_EQ((*copied)->Select("PRAGMA integrity_check")->at(0).Text(0), "ok");
  }
  stop = true;
}

TEST(SqliteMigration, TakesABackupBeforeExistingTablesChange) {
  TestDatabase place(Dialect::kSqlite);
  auto database = place.Open();
  ASSERT_TRUE(database->Migrate({{"m", 1, "CREATE TABLE m (a TEXT)"}}));
  ASSERT_TRUE(database->Migrate({{"m", 1, "CREATE TABLE m (a TEXT)"}, {"m", 2, "DROP TABLE m"}}));
  int copies = 0;
  const auto folder = std::filesystem::path(place.url().substr(9)).parent_path();
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().string().find(".before-") != std::string::npos) ++copies;
  }
  EXPECT_EQ(copies, 1);
}

TEST_P(DatabaseTest, ASnapshotSeesOneMoment) {
  ASSERT_TRUE(Put("a", std::int64_t{1}, 1.0, std::string()));
  const Status done = database_->Snapshot([this](SqlSession& session) -> Status {
    ASSIGN_OR_RETURN(auto rows, session.Select("SELECT COUNT(*) FROM things"));
    EXPECT_EQ(rows.at(0).Integer(0), 1);
    EXPECT_TRUE(Put("b", std::int64_t{1}, 1.0, std::string())) << "others go on writing";
    ASSIGN_OR_RETURN(rows, session.Select("SELECT COUNT(*) FROM things"));
    EXPECT_EQ(rows.at(0).Integer(0), 1);
    return {};
  });
  EXPECT_TRUE(done) << done.error().ToString();
  EXPECT_EQ(database_->Select("SELECT COUNT(*) FROM things")->at(0).Integer(0), 2);
}

TEST_P(DatabaseTest, TransfersToTheOtherKindAndBack) {
  const std::vector<Migration> schema{
      {"m", 1,
       "CREATE TABLE parents (id TEXT PRIMARY KEY, x DOUBLE PRECISION); CREATE TABLE children (id "
       "BIGINT NOT NULL, parent TEXT NOT NULL REFERENCES parents (id), t TEXT, PRIMARY KEY "
       "(parent, "
       "id))"},
      {"n", 1, "CREATE TABLE late (id TEXT)"}};
  const std::vector<Migration> had{schema[0]};
  ASSERT_TRUE(database_->Execute("DROP TABLE things"));
  ASSERT_TRUE(database_->Migrate(had));
  ASSERT_TRUE(database_->Execute("INSERT INTO parents VALUES ('p', ?)", {0.1 + 0.2}));
  ASSERT_TRUE(database_->Transact([](SqlSession& session) -> Status {
    for (std::int64_t i = 0; i < 1'201; ++i) {
      RETURN_IF_ERROR(
          session.Execute("INSERT INTO children VALUES (?, 'p', ?)",
                          {(std::int64_t{1} << 60) + i,
                           i % 7 == 0 ? SqlValue() : SqlValue("中文 '?' " + std::to_string(i))}));
    }
    return {};
  }));
  const TestDatabase other(GetParam() == Dialect::kSqlite ? Dialect::kPostgres : Dialect::kSqlite);
  const auto there = other.Open();
  const Status moved = TransferMetadata(*database_, schema, *there);
  ASSERT_TRUE(moved) << moved.error().ToString();
  const auto all = "SELECT c.id, c.parent, c.t, p.x FROM children c, parents p ORDER BY c.id";
  const auto rows = there->Select(all);
  const auto expected = database_->Select(all);
  ASSERT_EQ(rows->size(), 1'201U);
  for (std::size_t i = 0; i < rows->size(); ++i) {
    ASSERT_EQ(rows->at(i).values(), expected->at(i).values()) << i;
  }
  EXPECT_FALSE(there->Select("SELECT * FROM late")) << "a step that the source has not done";
  EXPECT_EQ(there->Execute("INSERT INTO children VALUES (1, 'nobody', '')").error().code,
            ErrorCode::kConflict);
  const Status again = TransferMetadata(*database_, schema, *there);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().ToString(), "the metadata database is not empty: 'parents' has rows");
  const TestDatabase third(GetParam());
  EXPECT_TRUE(TransferMetadata(*there, schema, *third.Open()));
  EXPECT_EQ(third.Open()->Select("SELECT COUNT(*) FROM children")->at(0).Integer(0), 1'201);
  EXPECT_EQ(TransferMetadata(*database_, {}, *there).error().code, ErrorCode::kUnsupported);
}

struct AddressCase {
  const char* url;
  const char* error;
};
TEST(Address, SaysWhatIsWrongWithoutThePassword) {
  for (const auto& [url, error] : {AddressCase{"mysql://me:secret@host/db",
                                               "the address of the metadata database must start "
                                               "with sqlite:/// or postgresql://, found 'mysql'"},
                                   AddressCase{"sqlite://relative.db",
                                               "a SQLite address is sqlite:///absolute/path "
                                               "without quotes, found 'sqlite://relative.db'"}}) {
    const auto opened = Database::Open(url);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().ToString(), error);
  }
  const auto refused = Database::Open("postgresql://me:secret@127.0.0.1:1/db");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(refused.error().ToString().find("secret"), std::string::npos)
      << refused.error().ToString();
}

TEST(Statements, SplitAndNumbered) {
  std::size_t count = 0;
  EXPECT_EQ(store::NumberParameters("a = ? AND b = '?' AND \"c?\" = ? -- ?\n AND d = ?", &count),
            "a = :p1 AND b = '?' AND \"c?\" = :p2 -- ?\n AND d = :p3");
  EXPECT_EQ(count, 3U);
  EXPECT_EQ(store::SplitStatements("a; b ';' c;\n -- d; e\n;f;").size(), 4U);
}

}  // namespace
}  // namespace aimass
