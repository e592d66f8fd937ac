// MariaDB Connector/C 3.3.
#include "native/mariadb/binlog.h"

// clang-format off: the second needs the first
#include <errmsg.h>
#include <mysql.h>
#include <mariadb_rpl.h>
// clang-format on

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
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
  State(Options o, Request r) : options(std::move(o)), request(std::move(r)) {}

  Status Begin(const BinlogPlace& place);
  [[nodiscard]] std::unexpected<Error> Failed() const;
  [[nodiscard]] bool AtEnd() const {
    const std::uint64_t here = BinlogNumber(file);
    const std::uint64_t end = BinlogNumber(request.until.file);
    return here > end || (here == end && at >= request.until.at);
  }
  Status Fetch();
  Result<bool> Take();
  Status GoOn();
  Status MoveTo(Connection other, const std::string& name);
  [[nodiscard]] std::string FileOf(std::uint64_t number) const {
    return fmt::format("{}{:06}", file.substr(0, file.rfind('.') + 1), number);
  }
  Status TakeRotate();
  Status TakeTable();
  void TakeTransaction();
  void TakeStatement(std::string_view sql) {
    if (Concerns(sql, request.database, request.table)) statement = Excerpt(sql, kShownBytes);
    if (alone || LowerCase(sql) == "commit") EndTransaction();
  }
  void EndTransaction() {
    if (!transaction.empty()) seen[domain] = std::exchange(transaction, {});
  }

  Options options;
  Request request;
  std::optional<Connection> connection;
  MYSQL* mysql = nullptr;  // of the connection
  std::unique_ptr<MARIADB_RPL, CloseRpl> rpl;
  std::unique_ptr<MARIADB_RPL_EVENT, FreeEvent> event;
  std::string file;
  std::uint64_t at = 0;
  std::uint64_t began = 0;                    // where in the file
  std::map<std::uint32_t, std::string> seen;  // the last transaction of each domain, in the file
  std::string transaction;                    // that has begun: "0-1-1234"
  std::uint32_t domain = 0;                   // of it
  bool alone = false;                         // it is one statement
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
                        options.user));
  }
  if (mysql_errno(mysql) != 0) return Failure(mysql, options.user);
  return Fail(ErrorCode::kUnavailable, "the binary log cannot be read: {}", words);
}

Binlog::Binlog(std::unique_ptr<State> state) : state_(std::move(state)) {}
Binlog::Binlog(Binlog&&) noexcept = default;
Binlog& Binlog::operator=(Binlog&&) noexcept = default;
Binlog::~Binlog() = default;

void* Binlog::HandleOf(const Connection& connection) { return connection.state_->mysql; }

Result<Binlog> Binlog::Open(const Options& options, Request request) {
  Binlog log(std::make_unique<State>(options, std::move(request)));
  State& state = *log.state_;
  ASSIGN_OR_RETURN(state.connection, Connection::Open(options));
  state.mysql = static_cast<MYSQL*>(HandleOf(*state.connection));
  RETURN_IF_ERROR(state.Begin(state.request.from));
  RETURN_IF_ERROR(state.Fetch());  // the name of the file, or why there is nothing
  ASSIGN_OR_RETURN([[maybe_unused]] const bool rows, state.Take());
  return log;
}

Status Binlog::State::Begin(const BinlogPlace& place) {
  for (const std::string_view sql : {"SET @master_binlog_checksum = @@global.binlog_checksum",
                                     "SET @mariadb_slave_capability = 4"}) {
    RETURN_IF_ERROR(connection->Execute(sql));
  }
  file = place.file;
  at = began = place.at;
  seen.clear();
  transaction.clear();
  rpl.reset(mariadb_rpl_init(mysql));
  if (rpl == nullptr) return Fail(ErrorCode::kResourceExhausted, "no memory for a connection");
  mariadb_rpl_optionsv(rpl.get(), MARIADB_RPL_FILENAME, file.c_str(), file.size());
  mariadb_rpl_optionsv(rpl.get(), MARIADB_RPL_START, static_cast<unsigned long>(at));  // NOLINT
  mariadb_rpl_optionsv(rpl.get(), MARIADB_RPL_SERVER_ID, AnyServerId());
  mariadb_rpl_optionsv(rpl.get(), MARIADB_RPL_FLAGS, unsigned{MARIADB_RPL_BINLOG_DUMP_NON_BLOCK});
  mariadb_rpl_optionsv(rpl.get(), MARIADB_RPL_VERIFY_CHECKSUM, 1U);
  mariadb_rpl_optionsv(rpl.get(), MARIADB_RPL_UNCOMPRESS, 1U);
  if (mariadb_rpl_open(rpl.get()) != 0) return Failed();
  return {};
}

Result<bool> Binlog::Next() {
  State& state = *state_;
  while (!state.AtEnd()) {
    RETURN_IF_ERROR(state.request.cancel.Check());
    RETURN_IF_ERROR(state.Fetch());
    ASSIGN_OR_RETURN(const bool rows, state.Take());
    if (rows || !state.statement.empty()) return true;
  }
  return false;
}

Status Binlog::State::Fetch() {
  event.reset(mariadb_rpl_fetch(rpl.get(), nullptr));
  statement.clear();
  if (event != nullptr) {
    if (event->next_event_pos > 0) at = event->next_event_pos;
    return {};
  }
  if (mysql_errno(mysql) == CR_BINLOG_ERROR &&
      BinlogNumber(file) < BinlogNumber(request.until.file))
    return GoOn();
  if (mariadb_rpl_errno(rpl.get()) != 0 || mysql_errno(mysql) != 0) return Failed();
  // The server has nothing more although it told of a later place.
  return Fail(ErrorCode::kUnavailable, "the binary log ends before the moment that is read");
}

// Whether the event is rows of the table.
Result<bool> Binlog::State::Take() {
  const MARIADB_RPL_EVENT& one = *event;
  switch (one.event_type) {
    case ROTATE_EVENT:
      RETURN_IF_ERROR(TakeRotate());
      return false;
    case GTID_EVENT:
      TakeTransaction();
      return false;
    case XID_EVENT:
    case XA_PREPARE_LOG_EVENT:
      EndTransaction();
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
    case TABLE_MAP_EVENT:
      RETURN_IF_ERROR(TakeTable());
      return false;
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

// Behind the last event of a file that ends as the server stops, or dies, the library makes nothing
// of what follows. That it was the last is what the next file says of the transactions before it.
Status Binlog::State::GoOn() {
  const auto transactions = [](Connection& other, const std::string& name, std::uint64_t place) {
    return other.Select(fmt::format("SELECT BINLOG_GTID_POS({}, {})", other.Quoted(name), place));
  };
  const std::string next = FileOf(BinlogNumber(file) + 1);
  ASSIGN_OR_RETURN(Connection other, Connection::Open(options));
  ASSIGN_OR_RETURN(const auto before, transactions(other, file, began));
  ASSIGN_OR_RETURN(const auto after, transactions(other, next, 4));
  if (before.empty() || !before.front()[0] || after.empty() || !after.front()[0]) return Failed();
  const std::string known_before = "," + *before.front()[0] + ",";
  for (std::string_view left = *after.front()[0]; !left.empty();) {
    const std::size_t comma = std::min(left.find(','), left.size());
    const std::string one(left.substr(0, comma));
    left.remove_prefix(std::min(comma + 1, left.size()));
    const bool seen_here =
        std::ranges::any_of(seen, [&one](const auto& last) { return last.second == one; });
    if (!seen_here && !known_before.contains("," + one + ",")) return Failed();
  }
  RETURN_IF_ERROR(MoveTo(std::move(other), next));
  return Fetch();
}

Status Binlog::State::MoveTo(Connection other, const std::string& name) {
  event.reset();
  rpl.reset();
  known = false;
  connection = std::move(other);
  mysql = static_cast<MYSQL*>(HandleOf(*connection));
  return Begin({.file = name});
}

// The server names the file that it begins to send. Of one that comes behind another, named by the
// log itself or not, the library makes nothing of what follows: it is asked for anew.
Status Binlog::State::TakeRotate() {
  const bool by_server = (event->flags & LOG_EVENT_ARTIFICIAL_F) != 0;
  const std::uint64_t number =
      by_server ? BinlogNumber(TextOf(event->event.rotate.filename)) : BinlogNumber(file) + 1;
  if (by_server && number == BinlogNumber(file)) return {};
  ASSIGN_OR_RETURN(Connection other, Connection::Open(options));
  return MoveTo(std::move(other), FileOf(number));
}

void Binlog::State::TakeTransaction() {
  const auto& gtid = event->event.gtid;
  domain = gtid.domain_id;
  transaction = fmt::format("{}-{}-{}", domain, event->server_id, gtid.sequence_nr);
  alone = (gtid.flags & FL_STANDALONE) != 0;
}

Status Binlog::State::TakeTable() {
  const auto& table = event->event.table_map;
  const bool ours = SameName(TextOf(table.database), request.database) &&
                    SameName(TextOf(table.table), request.table);
  if (ours) {
    ASSIGN_OR_RETURN(columns, LoggedColumns(TextOf(table.column_types), TextOf(table.metadata)));
    table_id = table.table_id;
    known = true;
  } else if (known && table.table_id == table_id) {
    known = false;
  }
  return {};
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
