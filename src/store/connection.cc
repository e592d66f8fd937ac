// One database connection: SOCI opens, binds and runs; values are read from the driver's own
// result, because SOCI's dynamic rows take a column's type from its first row and cut 64-bit
// aggregates to 32 bits.
#include "store/connection.h"

#include <libpq-fe.h>
#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include <charconv>
#include <cstdlib>
#include <deque>
#include <filesystem>

#include "base/file.h"

namespace aimass::store {
namespace {

constexpr int kBusyTimeoutS = 20;

// Calls `visit(c, plain)` for every character; `plain` is false inside quotes and comments.
template <typename F>
void Scan(std::string_view sql, F visit) {
  char quote = 0;
  bool comment = false;
  for (std::size_t i = 0; i < sql.size(); ++i) {
    const char c = sql[i];
    if (comment) {
      comment = c != '\n';
      visit(c, false);
    } else if (quote != 0) {
      if (c == quote) quote = 0;
      visit(c, false);
    } else if (c == '\'' || c == '"') {
      quote = c;
      visit(c, false);
    } else if (c == '-' && i + 1 < sql.size() && sql[i + 1] == '-') {
      comment = true;
      visit(c, false);
    } else {
      visit(c, true);
    }
  }
}

SqlValue ReadSqlite(sqlite_api::sqlite3_stmt* statement, int column) {
  switch (sqlite_api::sqlite3_column_type(statement, column)) {
    case SQLITE_NULL:
      return std::monostate{};
    case SQLITE_INTEGER:
      return std::int64_t{sqlite_api::sqlite3_column_int64(statement, column)};
    case SQLITE_FLOAT:
      return sqlite_api::sqlite3_column_double(statement, column);
    default: {
      const auto* text = sqlite_api::sqlite3_column_text(statement, column);
      const int bytes = sqlite_api::sqlite3_column_bytes(statement, column);
      return std::string(reinterpret_cast<const char*>(text), static_cast<std::size_t>(bytes));
    }
  }
}

SqlValue ReadPostgres(const PGresult* result, int row, int column) {
  if (PQgetisnull(result, row, column) != 0) return std::monostate{};
  const std::string_view text(PQgetvalue(result, row, column),
                              static_cast<std::size_t>(PQgetlength(result, row, column)));
  // Types by their fixed numbers in pg_type: bool, int8, int2, int4, float4, float8, numeric.
  switch (PQftype(result, column)) {
    case 16:
      return std::int64_t{text == "t"};
    case 20:
    case 21:
    case 23:
    case 1700: {
      std::int64_t number = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error == std::errc{} && end == text.data() + text.size()) return number;
      return std::strtod(std::string(text).c_str(), nullptr);
    }
    case 700:
    case 701:
      return std::strtod(std::string(text).c_str(), nullptr);
    default:
      return std::string(text);
  }
}

// The value behind `key=` is not repeated anywhere: it may be a password.
std::string Shorten(std::string_view sql) {
  return std::string(sql.substr(0, 120)) + (sql.size() > 120 ? "…" : "");
}

// What a statement binds; a deque, because SOCI keeps addresses.
struct Bound {
  explicit Bound(const SqlValue& value) {
    if (const auto* i = std::get_if<std::int64_t>(&value)) integer = *i;
    if (const auto* d = std::get_if<double>(&value)) number = *d;
    if (const auto* s = std::get_if<std::string>(&value)) text = *s;
    if (std::holds_alternative<std::monostate>(value)) indicator = soci::i_null;
    index = value.index();
  }
  void AddTo(soci::statement& statement) {
    switch (index) {
      case 1:
        statement.exchange(soci::use(integer, indicator));
        break;
      case 2:
        statement.exchange(soci::use(number, indicator));
        break;
      default:
        statement.exchange(soci::use(text, indicator));
        break;
    }
  }
  long long integer = 0;
  double number = 0;
  std::string text;
  soci::indicator indicator = soci::i_ok;
  std::size_t index = 0;
};

}  // namespace

struct Connection::Session {
  soci::session soci;
};

Result<Address> ParseAddress(const std::string& url) {
  constexpr std::string_view kSqlite = "sqlite://";
  if (url.starts_with(kSqlite)) {
    std::string path = url.substr(kSqlite.size());
    if (!path.starts_with('/') || path.find('"') != std::string::npos) {
      return Fail(ErrorCode::kInvalidArgument,
                  "a SQLite address is sqlite:///absolute/path without quotes, found 'sqlite://{}'",
                  path);
    }
    return Address{.sqlite = true, .path = std::move(path), .conninfo = {}};
  }
  if (url.starts_with("postgresql://") || url.starts_with("postgres://")) {
    std::string conninfo = url;
    conninfo += conninfo.find('?') == std::string::npos ? '?' : '&';
    conninfo +=
        "connect_timeout=10&application_name=aimass"
        // A server that fell off the network is noticed in half a minute, not in two hours.
        "&keepalives_idle=10&keepalives_interval=5&keepalives_count=4&"
        "tcp_user_timeout=30000";
    return Address{.sqlite = false, .path = {}, .conninfo = std::move(conninfo)};
  }
  return Fail(ErrorCode::kInvalidArgument,
              "the address of the metadata database must start with sqlite:/// or postgresql://, "
              "found '{}'",
              url.substr(0, url.find(':')));
}

std::string NumberParameters(std::string_view sql, std::size_t* count) {
  std::string numbered;
  numbered.reserve(sql.size() + 16);
  *count = 0;
  Scan(sql, [&](char c, bool plain) {
    if (plain && c == '?') {
      numbered += ":p" + std::to_string(++*count);
    } else {
      numbered += c;
    }
  });
  return numbered;
}

std::vector<std::string> SplitStatements(std::string_view script) {
  std::vector<std::string> statements(1);
  Scan(script, [&](char c, bool plain) {
    if (plain && c == ';') {
      statements.emplace_back();
    } else {
      statements.back() += c;
    }
  });
  std::erase_if(statements, [](const std::string& s) {
    return s.find_first_not_of(" \t\r\n") == std::string::npos;
  });
  return statements;
}

Connection::Connection(const Address& address, std::unique_ptr<Session> session)
    : sqlite_(address.sqlite), session_(std::move(session)) {}

Connection::~Connection() = default;

Result<std::unique_ptr<Connection>> Connection::Open(const Address& address) {
  try {
    auto session = std::make_unique<Session>();
    if (address.sqlite) {
      session->soci.open(*soci::factory_sqlite3(),
                         fmt::format("dbname=\"{}\" timeout={}", address.path, kBusyTimeoutS));
    } else {
      session->soci.open(*soci::factory_postgresql(), address.conninfo);
    }
    std::unique_ptr<Connection> connection(new Connection(address, std::move(session)));
    // FULL: a commit that was acknowledged survives a power cut.
    const std::vector<std::string_view> setup =
        address.sqlite
            ? std::vector<std::string_view>{"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL",
                                            "PRAGMA foreign_keys=ON", "PRAGMA cache_size=-16000"}
            : std::vector<std::string_view>{"SET client_encoding='UTF8'", "SET lock_timeout='20s'",
                                            "SET client_min_messages=warning",
                                            "SET standard_conforming_strings=on"};
    for (const std::string_view sql : setup) RETURN_IF_ERROR(connection->Run(sql, {}, nullptr));
    return connection;
  } catch (const std::exception& error) {
    // libpq's words name host and port, never the password.
    return Fail(ErrorCode::kUnavailable, "cannot open the metadata database ({}): {}",
                address.sqlite ? address.path : "PostgreSQL", error.what());
  }
}

Result<std::int64_t> Connection::Run(std::string_view sql, const SqlParams& params,
                                     std::vector<SqlRow>* rows) {
  serialisation_conflict_ = false;
  std::size_t wanted = 0;
  const std::string text = NumberParameters(sql, &wanted);
  if (wanted != params.size()) {
    return Fail(ErrorCode::kInternal, "the statement '{}' has {} parameters, {} were given",
                Shorten(sql), wanted, params.size());
  }
  for (const SqlValue& value : params) {
    const auto* s = std::get_if<std::string>(&value);
    if (s != nullptr && s->find('\0') != std::string::npos) {
      return Fail(ErrorCode::kInvalidArgument, "a text with a zero byte cannot be stored");
    }
  }
  try {
    std::deque<Bound> bound;
    soci::statement statement(session_->soci);
    statement.alloc();
    statement.prepare(text, soci::details::st_one_time_query);
    for (const SqlValue& value : params) bound.emplace_back(value).AddTo(statement);
    statement.define_and_bind();
    statement.execute(true);

    if (sqlite_) {
      auto& backend = static_cast<soci::sqlite3_statement_backend&>(*statement.get_backend());
      const int columns = sqlite_api::sqlite3_column_count(backend.stmt_);
      while (sqlite_api::sqlite3_data_count(backend.stmt_) > 0) {
        if (rows != nullptr) {
          std::vector<SqlValue> values;
          values.reserve(static_cast<std::size_t>(columns));
          for (int c = 0; c < columns; ++c) values.push_back(ReadSqlite(backend.stmt_, c));
          rows->emplace_back(std::move(values));
        }
        if (backend.fetch(1) != soci::details::statement_backend::ef_success) break;
      }
    } else if (rows != nullptr) {
      auto& backend = static_cast<soci::postgresql_statement_backend&>(*statement.get_backend());
      const PGresult* result = backend.result_;
      const int columns = PQnfields(result);
      for (int r = 0; r < PQntuples(result); ++r) {
        std::vector<SqlValue> values;
        values.reserve(static_cast<std::size_t>(columns));
        for (int c = 0; c < columns; ++c) values.push_back(ReadPostgres(result, r, c));
        rows->emplace_back(std::move(values));
      }
    }
    return rows == nullptr ? std::int64_t{statement.get_affected_rows()}
                           : static_cast<std::int64_t>(rows->size());
  } catch (...) {
    return Translate(sql);
  }
}

std::unexpected<Error> Connection::Translate(std::string_view sql) {
  ErrorCode code = ErrorCode::kInternal;
  std::string what;
  try {
    throw;
  } catch (const soci::sqlite3_soci_error& error) {
    what = error.get_error_message();
    switch (error.result() & 0xff) {
      case SQLITE_BUSY:
      case SQLITE_LOCKED:
        code = ErrorCode::kUnavailable;
        break;
      case SQLITE_FULL:
        code = ErrorCode::kStorageFull;
        break;
      case SQLITE_READONLY:
      case SQLITE_PERM:
        code = ErrorCode::kPermissionDenied;
        break;
      case SQLITE_CANTOPEN:
        code = ErrorCode::kUnavailable;
        break;
      case SQLITE_CONSTRAINT:
        if (what.find("UNIQUE") != std::string::npos ||
            what.find("FOREIGN KEY") != std::string::npos) {
          code = ErrorCode::kConflict;
        }
        break;
      default:
        break;
    }
  } catch (const soci::postgresql_soci_error& error) {
    what = error.get_error_message();
    const std::string state = error.sqlstate();
    if (state == "23505" || state == "23503") code = ErrorCode::kConflict;
    if (state == "40001" || state == "40P01") {
      code = ErrorCode::kUnavailable;
      serialisation_conflict_ = true;
    }
    if (state == "55P03" || state.starts_with("08") || state.starts_with("57P") ||
        state == "53300") {
      code = ErrorCode::kUnavailable;
    }
    if (state == "53100") code = ErrorCode::kStorageFull;
    if (state == "22021") code = ErrorCode::kInvalidArgument;
  } catch (const std::exception& error) {
    what = error.what();
  }
  if (!sqlite_) {
    auto* backend = static_cast<soci::postgresql_session_backend*>(session_->soci.get_backend());
    if (backend == nullptr || PQstatus(backend->conn_) != CONNECTION_OK) {
      usable_ = false;
      code = ErrorCode::kUnavailable;
    }
  }
  return Fail(code, "the metadata database refused '{}': {}", Shorten(sql), what);
}

Status Connection::CopyTo(const std::string& path) {
  using sqlite_api::sqlite3;
  sqlite3* raw = nullptr;
  const int opened = sqlite_api::sqlite3_open(path.c_str(), &raw);
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> target(raw, &sqlite_api::sqlite3_close);
  if (opened != SQLITE_OK) {
    return Fail(ErrorCode::kPermissionDenied, "cannot write the copy of the metadata to '{}': {}",
                path, sqlite_api::sqlite3_errstr(opened));
  }
  auto* source = static_cast<soci::sqlite3_session_backend*>(session_->soci.get_backend())->conn_;
  sqlite_api::sqlite3_backup* backup =
      sqlite_api::sqlite3_backup_init(target.get(), "main", source, "main");
  // All pages in one step: one read transaction, so the copy is one moment; WAL writers go on
  // meanwhile.
  int result = backup == nullptr ? sqlite_api::sqlite3_errcode(target.get())
                                 : sqlite_api::sqlite3_backup_step(backup, -1);
  if (backup != nullptr) sqlite_api::sqlite3_backup_finish(backup);
  if (result == SQLITE_DONE) {
    // A copy is one file: no -wal and -shm beside it.
    result = sqlite_api::sqlite3_exec(target.get(), "PRAGMA journal_mode=DELETE", nullptr, nullptr,
                                      nullptr);
    if (result == SQLITE_OK) return SyncPath(path);
  }
  const ErrorCode code = result == SQLITE_FULL ? ErrorCode::kStorageFull : ErrorCode::kInternal;
  return Fail(code, "cannot copy the metadata to '{}': {}", path,
              sqlite_api::sqlite3_errstr(result));
}

}  // namespace aimass::store
