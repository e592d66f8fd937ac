// MariaDB Connector/C 3.3.
#include "native/mariadb/binlog.h"

// clang-format off: the second needs the first
#include <mysql.h>
#include <mariadb_rpl.h>
// clang-format on

#include <algorithm>
#include <array>
#include <charconv>
#include <random>
#include <utility>

#include "base/excerpt.h"
#include "native/mariadb/state.h"

namespace aimass::mariadb {
namespace {

constexpr unsigned kNoSuchPlace = 1236;  // ER_MASTER_FATAL_ERROR_READING_BINLOG
constexpr unsigned kNotAllowed = 1227;   // ER_SPECIFIC_ACCESS_DENIED_ERROR
constexpr std::size_t kShownBytes = 200;

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), Lower);
  return lower;
}

bool IsOfWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// Both in lower case.
bool HasWord(std::string_view text, std::string_view word) {
  for (std::size_t at = text.find(word); at != std::string_view::npos;
       at = text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    if ((at == 0 || !IsOfWord(text[at - 1])) && (end == text.size() || !IsOfWord(text[end])))
      return true;
  }
  return false;
}

std::string_view TextOf(const MARIADB_STRING& text) { return {text.str, text.length}; }

bool SameName(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, Lower, Lower);
}

struct CloseRpl {
  void operator()(MARIADB_RPL* rpl) const { mariadb_rpl_close(rpl); }
};
struct FreeEvent {
  void operator()(MARIADB_RPL_EVENT* event) const { mariadb_free_rpl_event(event); }
};

// Another client with the same number would be thrown out by the server.
unsigned AnyServerId() {
  constexpr unsigned kLeast = 0x40000000;
  return kLeast | (std::random_device()() >> 2);
}

}  // namespace

struct Binlog::State {
  State(Connection c, Request r)
      : connection(std::move(c)), request(std::move(r)), file(request.from.file) {}

  [[nodiscard]] std::unexpected<Error> Failed() const;
  [[nodiscard]] bool AtEnd() const {
    const std::uint64_t here = BinlogNumber(file);
    const std::uint64_t end = BinlogNumber(request.until.file);
    return here > end || (here == end && at >= request.until.at);
  }
  Result<bool> Take();
  void TakeStatement(std::string_view sql) {
    if (Concerns(sql, request.database, request.table)) statement = Excerpt(sql, kShownBytes);
  }

  Connection connection;
  MYSQL* mysql = nullptr;  // of the connection
  std::string user;
  Request request;
  std::unique_ptr<MARIADB_RPL, CloseRpl> rpl;
  std::unique_ptr<MARIADB_RPL_EVENT, FreeEvent> event;
  std::string file;
  std::uint64_t at = 0;
  std::string statement;
  bool known = false;  // the table has a number
  std::uint64_t table_id = 0;
  std::vector<LoggedColumn> columns;
};

std::unexpected<Error> Binlog::State::Failed() const {
  const unsigned own = mariadb_rpl_errno(rpl.get());
  const unsigned number = own != 0 ? own : mysql_errno(mysql);
  const std::string words = own != 0 ? mariadb_rpl_error(rpl.get()) : mysql_error(mysql);
  if (number == kNoSuchPlace) {
    return WithHint(
        Fail(ErrorCode::kUnprocessable,
             "the binary log no longer has the place where the last run ended: {}", words),
        Msg("refresh the dataset with full; then collect more often, or have the "
            "server keep its log longer (binlog_expire_logs_seconds)"));
  }
  if (number == kNotAllowed) {
    return WithHint(Fail(ErrorCode::kPermissionDenied, "the database refuses it: {}", words),
                    Msg("let an administrator of the database run: GRANT REPLICATION SLAVE ON *.* "
                        "TO '{}'",
                        user));
  }
  if (mysql_errno(mysql) != 0) return Failure(mysql, user);
  return Fail(ErrorCode::kUnavailable, "the binary log cannot be read: {}", words);
}

Binlog::Binlog(std::unique_ptr<State> state) : state_(std::move(state)) {}
Binlog::Binlog(Binlog&&) noexcept = default;
Binlog& Binlog::operator=(Binlog&&) noexcept = default;
Binlog::~Binlog() = default;

Result<Binlog> Binlog::Open(Connection connection, Request request) {
  for (const std::string_view sql : {"SET @master_binlog_checksum = @@global.binlog_checksum",
                                     "SET @mariadb_slave_capability = 4"}) {
    RETURN_IF_ERROR(connection.Execute(sql));
  }
  Binlog log(std::make_unique<State>(std::move(connection), std::move(request)));
  State& state = *log.state_;
  state.mysql = state.connection.state_->mysql;
  state.user = state.connection.state_->user;
  state.rpl.reset(mariadb_rpl_init(state.mysql));
  if (state.rpl == nullptr)
    return Fail(ErrorCode::kResourceExhausted, "no memory for a connection");
  MARIADB_RPL* const rpl = state.rpl.get();
  const BinlogPlace& from = state.request.from;
  mariadb_rpl_optionsv(rpl, MARIADB_RPL_FILENAME, from.file.c_str(), from.file.size());
  mariadb_rpl_optionsv(rpl, MARIADB_RPL_START, static_cast<unsigned long>(from.at));  // NOLINT
  mariadb_rpl_optionsv(rpl, MARIADB_RPL_SERVER_ID, AnyServerId());
  mariadb_rpl_optionsv(rpl, MARIADB_RPL_FLAGS, unsigned{MARIADB_RPL_BINLOG_DUMP_NON_BLOCK});
  mariadb_rpl_optionsv(rpl, MARIADB_RPL_VERIFY_CHECKSUM, 1U);
  mariadb_rpl_optionsv(rpl, MARIADB_RPL_UNCOMPRESS, 1U);
  if (mariadb_rpl_open(rpl) != 0) return state.Failed();
  return log;
}

Result<bool> Binlog::Next() {
  State& state = *state_;
  while (!state.AtEnd()) {
    RETURN_IF_ERROR(state.request.cancel.Check());
    MARIADB_RPL_EVENT* const event = mariadb_rpl_fetch(state.rpl.get(), nullptr);
    state.event.reset(event);
    if (event == nullptr) {
      const bool failed = mariadb_rpl_errno(state.rpl.get()) != 0 || mysql_errno(state.mysql) != 0;
      if (failed) return state.Failed();
      // The server has nothing more although it told of a later place.
      return Fail(ErrorCode::kUnavailable, "the binary log ends before the moment that is read");
    }
    if (event->next_event_pos > 0) state.at = event->next_event_pos;
    state.statement.clear();
    ASSIGN_OR_RETURN(const bool rows, state.Take());
    if (rows || !state.statement.empty()) return true;
  }
  return false;
}

// Whether the event is rows of the table.
Result<bool> Binlog::State::Take() {
  const MARIADB_RPL_EVENT& one = *event;
  switch (one.event_type) {
    case ROTATE_EVENT:
      file = TextOf(one.event.rotate.filename);
      at = one.event.rotate.position;
      return false;
    case QUERY_EVENT:
    case QUERY_COMPRESSED_EVENT:
      TakeStatement(TextOf(one.event.query.statement));
      return false;
    case EXECUTE_LOAD_QUERY_EVENT:
      TakeStatement(TextOf(one.event.execute_load_query.statement));
      return false;
    case INCIDENT_EVENT:
      statement = "INCIDENT";
      return false;
    case TABLE_MAP_EVENT: {
      const auto& table = one.event.table_map;
      const bool ours = SameName(TextOf(table.database), request.database) &&
                        SameName(TextOf(table.table), request.table);
      if (ours) {
        ASSIGN_OR_RETURN(columns,
                         LoggedColumns(TextOf(table.column_types), TextOf(table.metadata)));
        table_id = table.table_id;
        known = true;
      } else if (known && table.table_id == table_id) {
        known = false;
      }
      return false;
    }
    case WRITE_ROWS_EVENT_V1:
    case UPDATE_ROWS_EVENT_V1:
    case DELETE_ROWS_EVENT_V1:
    case WRITE_ROWS_EVENT:
    case UPDATE_ROWS_EVENT:
    case DELETE_ROWS_EVENT:
    case WRITE_ROWS_COMPRESSED_EVENT_V1:
    case UPDATE_ROWS_COMPRESSED_EVENT_V1:
    case DELETE_ROWS_COMPRESSED_EVENT_V1:
    case WRITE_ROWS_COMPRESSED_EVENT:
    case UPDATE_ROWS_COMPRESSED_EVENT:
    case DELETE_ROWS_COMPRESSED_EVENT:
      return known && one.event.rows.table_id == table_id;
    default:
      return false;
  }
}

const std::string& Binlog::statement() const { return state_->statement; }

Status Binlog::EachImage(
    const std::function<Status(const std::vector<LoggedColumn>&, const RowImages&)>& use) const {
  const State& state = *state_;
  const auto& rows = state.event->event.rows;
  const std::size_t bitmap_bytes = (state.columns.size() + 7) / 8;
  const auto bits = [bitmap_bytes](const unsigned char* bitmap) {
    return std::string_view(reinterpret_cast<const char*>(bitmap),
                            bitmap == nullptr ? 0 : bitmap_bytes);
  };
  const std::string_view before = bits(rows.column_bitmap);
  const std::string_view after =
      rows.type == UPDATE_ROWS ? bits(rows.column_update_bitmap) : before;
  if (rows.column_count != state.columns.size())
    return Fail(ErrorCode::kUnavailable, "what the database sent of its binary log is damaged");
  RowImages images(state.columns, before,
                   {static_cast<const char*>(rows.row_data), rows.row_data_size});
  for (bool first = true;; first = !first) {
    ASSIGN_OR_RETURN(const bool found, images.Next(first ? before : after));
    if (!found) return {};
    RETURN_IF_ERROR(use(state.columns, images));
  }
}

bool Concerns(std::string_view statement, std::string_view database, std::string_view table) {
  static constexpr std::array<std::string_view, 6> kHarmless = {"analyze ", "optimize ", "check ",
                                                                "flush ",   "grant ",    "revoke "};
  const std::string sql = LowerCase(statement);
  if (std::ranges::any_of(kHarmless, [&](std::string_view word) { return sql.starts_with(word); }))
    return false;
  if (HasWord(sql, LowerCase(table))) return true;
  const bool of_databases = HasWord(sql, "database") || HasWord(sql, "schema");
  return of_databases && HasWord(sql, LowerCase(database));
}

std::uint64_t BinlogNumber(std::string_view file) {
  const std::string_view digits = file.substr(file.rfind('.') + 1);
  std::uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

}  // namespace aimass::mariadb
