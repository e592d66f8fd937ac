#include "store/database.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "store/connection.h"

namespace aimass {
namespace {

using store::Address;
using store::Connection;

constexpr std::size_t kMaxConnections = 8;
constexpr auto kWaitLimit = std::chrono::seconds(20);
constexpr int kMaxTransactionRuns = 8;

class Session final : public SqlSession {
 public:
  explicit Session(Connection& connection) : connection_(connection) {}
  Result<std::vector<SqlRow>> Select(std::string_view sql, const SqlParams& params) override {
    std::vector<SqlRow> rows;
    RETURN_IF_ERROR(connection_.Run(sql, params, &rows));
    return rows;
  }
  Result<std::int64_t> Execute(std::string_view sql, const SqlParams& params) override {
    return connection_.Run(sql, params, nullptr);
  }

 private:
  Connection& connection_;
};

// Connections that nobody uses wait here; a caller takes one out and its destructor puts it back.
class ConnectionPool {
 public:
  explicit ConnectionPool(Address address) : address_(std::move(address)) {}

  class Lease {
   public:
    Lease(ConnectionPool& pool, std::unique_ptr<Connection> connection)
        : pool_(&pool), connection_(std::move(connection)) {}
    Lease(Lease&&) = default;
    ~Lease() {
      if (connection_) pool_->Return(std::move(connection_));
    }
    Connection& operator*() const { return *connection_; }
    Connection* operator->() const { return connection_.get(); }

   private:
    ConnectionPool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  Result<Lease> Take() {
    {
      std::unique_lock lock(mutex_);
      if (!free_.wait_for(lock, kWaitLimit,
                          [&] { return !idle_.empty() || out_ < kMaxConnections; })) {
        return Fail(ErrorCode::kUnavailable,
                    "the metadata database is busy: {} connections are in use", kMaxConnections);
      }
      ++out_;
      if (!idle_.empty()) {
        auto connection = std::move(idle_.back());
        idle_.pop_back();
        return Lease(*this, std::move(connection));
      }
    }
    auto opened = Connection::Open(address_);
    if (!opened) {
      const std::scoped_lock lock(mutex_);
      --out_;
      free_.notify_one();
      return std::unexpected(std::move(opened).error());
    }
    return Lease(*this, std::move(*opened));
  }

 private:
  void Return(std::unique_ptr<Connection> connection) {
    const std::scoped_lock lock(mutex_);
    --out_;
    if (connection->usable()) {
      idle_.push_back(std::move(connection));
    } else {
      idle_.clear();  // the server went away: the others are as dead as this one
    }
    free_.notify_one();
  }

  const Address address_;
  std::mutex mutex_;
  std::condition_variable free_;
  std::vector<std::unique_ptr<Connection>> idle_;
  std::size_t out_ = 0;
};

class SociDatabase final : public Database {
 public:
  explicit SociDatabase(const Address& address) : address_(address), pool_(address) {}

  Status Check() {
    ASSIGN_OR_RETURN(auto connection, pool_.Take());
    if (address_.sqlite) return {};
    std::vector<SqlRow> rows;
    RETURN_IF_ERROR(connection->Run("SHOW server_encoding", {}, &rows));
    if (rows.empty() || rows[0].Text(0) != "UTF8") {
      return Fail(ErrorCode::kUnsupported,
                  "the PostgreSQL database must have the encoding UTF8, found {}",
                  rows.empty() ? "none" : rows[0].Text(0));
    }
    return {};
  }

  Result<std::vector<SqlRow>> Select(std::string_view sql, const SqlParams& params) override {
    for (int attempt = 0;; ++attempt) {
      ASSIGN_OR_RETURN(auto connection, pool_.Take());
      std::vector<SqlRow> rows;
      const auto done = connection->Run(sql, params, &rows);
      if (done) return rows;
      // Reading is repeatable: a connection that died while it was idle is not the caller's
      // trouble.
      if (connection->usable() || attempt > 0) return std::unexpected(done.error());
    }
  }

  Result<std::int64_t> Execute(std::string_view sql, const SqlParams& params) override {
    std::int64_t changed = 0;
    RETURN_IF_ERROR(Transact([&](SqlSession& session) -> Status {
      ASSIGN_OR_RETURN(changed, session.Execute(sql, params));
      return {};
    }));
    return changed;
  }

  Status Transact(const std::function<Status(SqlSession&)>& work) override {
    // SQLite has one writer at a time: a queue in the process is fairer than its sleeping and
    // polling.
    std::unique_lock writer(writer_, std::defer_lock);
    if (address_.sqlite && !writer.try_lock_for(kWaitLimit)) {
      return Fail(ErrorCode::kUnavailable,
                  "the metadata database is busy: another transaction takes too long");
    }
    for (int run = 1;; ++run) {
      ASSIGN_OR_RETURN(auto connection, pool_.Take());
      bool again = false;
      Status done = RunOnce(
          *connection, address_.sqlite ? "BEGIN IMMEDIATE" : "BEGIN ISOLATION LEVEL SERIALIZABLE",
          work, &again);
      if (done || !again || run == kMaxTransactionRuns) return done;
      std::this_thread::sleep_for(
          std::chrono::milliseconds(std::uniform_int_distribution(1, 10 * run)(random())));
    }
  }

  Status Snapshot(const std::function<Status(SqlSession&)>& work) override {
    ASSIGN_OR_RETURN(auto connection, pool_.Take());
    bool again = false;
    return RunOnce(*connection,
                   address_.sqlite ? "BEGIN" : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                   work, &again);
  }

  Status Migrate(const std::vector<Migration>& migrations) override {
    RETURN_IF_ERROR(
        Execute("CREATE TABLE IF NOT EXISTS aimass_migrations (module TEXT NOT NULL, "
                "number BIGINT NOT NULL, applied_ms BIGINT NOT NULL, "
                "PRIMARY KEY (module, number))",
                {}));
    ASSIGN_OR_RETURN(const auto rows, Select("SELECT module, number FROM aimass_migrations", {}));
    std::map<std::string, std::set<std::int64_t>> applied;
    for (const SqlRow& row : rows) applied[row.Text(0)].insert(row.Integer(1));
    std::map<std::string, std::int64_t> newest;
    for (const Migration& step : migrations) {
      auto& number = newest[std::string(step.module)];
      number = std::max<std::int64_t>(number, step.number);
    }
    bool changes_existing = false;
    for (const auto& [module, known] : newest) {
      const auto& done = applied[module];
      if (!done.empty() && *done.rbegin() > known) {
        return WithHint(
            Fail(ErrorCode::kUnsupported,
                 "the metadata has step {} of '{}', this release knows only steps up to {}",
                 *done.rbegin(), module, known),
            Msg("the data was used by a newer release: start that release, or restore a backup"));
      }
      changes_existing = changes_existing || (!done.empty() && *done.rbegin() < known);
    }
    if (changes_existing) RETURN_IF_ERROR(BackupBeforeMigration());
    for (const Migration& step : migrations) {
      if (applied[std::string(step.module)].contains(step.number)) continue;
      RETURN_IF_ERROR(Transact([&](SqlSession& session) -> Status {
        for (const std::string& sql : store::SplitStatements(step.sql)) {
          RETURN_IF_ERROR(session.Execute(sql));
        }
        RETURN_IF_ERROR(
            session.Execute("INSERT INTO aimass_migrations (module, number, applied_ms) "
                            "VALUES (?, ?, ?)",
                            {std::string(step.module), std::int64_t{step.number}, NowUnixMs()}));
        return {};
      }));
    }
    return {};
  }

  std::string_view dialect() const override { return address_.sqlite ? "sqlite" : "postgresql"; }

  Status BackupTo(const std::string& path) override {
    if (!address_.sqlite) {
      return Fail(ErrorCode::kUnsupported, "a copy of the metadata can be made of SQLite only");
    }
    ASSIGN_OR_RETURN(auto connection, pool_.Take());
    return connection->CopyTo(path);
  }

 private:
  Status RunOnce(Connection& connection, std::string_view begin,
                 const std::function<Status(SqlSession&)>& work, bool* again) {
    *again = false;
    Status done;
    if (auto begun = connection.Run(begin, {}, nullptr); !begun) {
      *again = !connection.usable();  // nothing has happened yet: a fresh connection may do
      return std::unexpected(std::move(begun).error());
    }
    Session session(connection);
    bool conflict = false;
    try {
      done = work(session);
      conflict = connection.serialisation_conflict();
      if (done) {
        if (auto committed = connection.Run("COMMIT", {}, nullptr); !committed) {
          conflict = connection.serialisation_conflict();
          done = std::unexpected(std::move(committed).error());
        }
      }
    } catch (const std::exception& error) {
      done = Fail(ErrorCode::kInternal, "a transaction failed: {}", error.what());
    }
    if (!done) {
      // After a failed COMMIT there may be no transaction left; its complaint is of no interest.
      if (connection.usable()) static_cast<void>(connection.Run("ROLLBACK", {}, nullptr));
      *again = conflict && !address_.sqlite;
    }
    return done;
  }

  Status BackupBeforeMigration() {
    if (!address_.sqlite) {
      Log(LogLevel::kWarning, "migration_without_backup",
          {{"reason", "PostgreSQL is backed up by its owner"}});
      return {};
    }
    std::string time = ToRfc3339(NowUnixMs());
    std::erase_if(time, [](char c) { return c == '-' || c == ':' || c == '.'; });
    const std::string path = address_.path + ".before-" + time;
    RETURN_IF_ERROR(BackupTo(path));
    Log(LogLevel::kInfo, "migration_backup", {{"path", path}});
    return {};
  }

  static std::minstd_rand& random() {
    thread_local std::minstd_rand engine(std::random_device{}());
    return engine;
  }

  const Address address_;
  ConnectionPool pool_;
  std::timed_mutex writer_;
};

}  // namespace

bool SqlRow::IsNull(std::size_t i) const {
  return std::holds_alternative<std::monostate>(values_.at(i));
}

std::int64_t SqlRow::Integer(std::size_t i) const {
  const SqlValue& value = values_.at(i);
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
  if (const auto* number = std::get_if<double>(&value)) return static_cast<std::int64_t>(*number);
  std::int64_t parsed = 0;
  if (const auto* text = std::get_if<std::string>(&value)) {
    std::from_chars(text->data(), text->data() + text->size(), parsed);
  }
  return parsed;
}

double SqlRow::Number(std::size_t i) const {
  const SqlValue& value = values_.at(i);
  if (const auto* number = std::get_if<double>(&value)) return *number;
  return static_cast<double>(Integer(i));
}

const std::string& SqlRow::Text(std::size_t i) const {
  static const std::string kEmpty;
  const auto* text = std::get_if<std::string>(&values_.at(i));
  return text == nullptr ? kEmpty : *text;
}

Result<std::unique_ptr<Database>> Database::Open(const std::string& url) {
  ASSIGN_OR_RETURN(const Address address, store::ParseAddress(url));
  auto database = std::make_unique<SociDatabase>(address);
  RETURN_IF_ERROR(database->Check());
  return database;
}

}  // namespace aimass
