// MariaDB Connector/C 3.3.
#include "native/mariadb/mariadb.h"

#include <errmsg.h>
#include <mysqld_error.h>
#include <sys/socket.h>

#include <filesystem>
#include <mutex>

#include "native/connection_failure.h"
#include "native/mariadb/state.h"

namespace aimass::mariadb {
namespace {

constexpr unsigned int kBinaryCharset = 63;
constexpr unsigned int kMaxUtf8 = 4;

FieldType TypeOf(const MYSQL_FIELD& field) {
  const bool binary = field.charsetnr == kBinaryCharset;
  switch (field.type) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_YEAR:
      return FieldType::kInteger;
    case MYSQL_TYPE_DECIMAL:
    case MYSQL_TYPE_NEWDECIMAL:
      return FieldType::kDecimal;
    case MYSQL_TYPE_DOUBLE:
      return FieldType::kDouble;
    case MYSQL_TYPE_FLOAT:
      return FieldType::kFloat;
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_NEWDATE:
      return FieldType::kDate;
    case MYSQL_TYPE_TIME:
      return FieldType::kTime;
    case MYSQL_TYPE_DATETIME:
      return FieldType::kDateTime;
    case MYSQL_TYPE_TIMESTAMP:
      return FieldType::kTimestamp;
    case MYSQL_TYPE_BIT:
      return FieldType::kBit;
    case MYSQL_TYPE_JSON:
      return FieldType::kText;
    case MYSQL_TYPE_GEOMETRY:
      return FieldType::kBinary;
    default:
      return binary ? FieldType::kBinary : FieldType::kText;
  }
}

int BytesOf(const MYSQL_FIELD& field) {
  switch (field.type) {
    case MYSQL_TYPE_TINY:
      return 1;
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_YEAR:
      return 2;
    case MYSQL_TYPE_INT24:
      return 3;
    case MYSQL_TYPE_LONG:
      return 4;
    default:
      return 8;
  }
}

FieldInfo InfoOf(const MYSQL_FIELD& field) {
  FieldInfo info{.name = std::string(field.name, field.name_length),
                 .type = TypeOf(field),
                 .bytes = BytesOf(field),
                 .is_unsigned = (field.flags & UNSIGNED_FLAG) != 0 && field.type != MYSQL_TYPE_YEAR,
                 .precision = static_cast<int>(field.length),
                 .scale = static_cast<int>(field.decimals),
                 .nullable = (field.flags & NOT_NULL_FLAG) == 0};
  if (info.type == FieldType::kDecimal) {  // the length counts the sign and the point
    info.precision -= (info.is_unsigned ? 0 : 1) + (info.scale > 0 ? 1 : 0);
  }
  return info;
}

std::vector<FieldInfo> InfosOf(MYSQL_RES* result) {
  std::vector<FieldInfo> infos;
  const MYSQL_FIELD* const fields = mysql_fetch_fields(result);
  for (unsigned int i = 0; i < mysql_num_fields(result); ++i) infos.push_back(InfoOf(fields[i]));
  return infos;
}

void StartLibrary() {
  static std::once_flag once;
  std::call_once(once, [] { mysql_library_init(0, nullptr, nullptr); });
}

// The ways to sign in that a server may ask for are libraries of their own. A package brings them
// along; elsewhere they lie where the library expects them.
std::string PluginFolder() {
  std::error_code error;
  const auto binary = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto folder = binary.parent_path() / "lib" / "mariadb-plugins";
  return !error && std::filesystem::is_directory(folder, error) ? folder.string() : std::string();
}

template <typename T>
void Set(MYSQL* mysql, mysql_option option, const T& value) {
  mysql_optionsv(mysql, option, &value);
}

void SetOptions(MYSQL* mysql, const Options& options, bool tls) {
  Set(mysql, MYSQL_OPT_CONNECT_TIMEOUT, static_cast<unsigned int>(options.connect_timeout_s));
  Set(mysql, MYSQL_OPT_READ_TIMEOUT, static_cast<unsigned int>(options.read_timeout_s));
  Set(mysql, MYSQL_OPT_WRITE_TIMEOUT, static_cast<unsigned int>(options.read_timeout_s));
  Set(mysql, MYSQL_OPT_PROTOCOL, static_cast<unsigned int>(MYSQL_PROTOCOL_TCP));
  Set(mysql, MYSQL_OPT_LOCAL_INFILE, 0U);
  mysql_optionsv(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  if (const std::string folder = PluginFolder(); !folder.empty())
    mysql_optionsv(mysql, MYSQL_PLUGIN_DIR, folder.c_str());
  // Nothing that would send the password as it is.
  mysql_optionsv(mysql, MARIADB_OPT_RESTRICTED_AUTH,
                 "mysql_native_password,client_ed25519,caching_sha2_password,sha256_password");
  Set(mysql, MYSQL_OPT_SSL_ENFORCE, static_cast<my_bool>(tls));
  Set(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, static_cast<my_bool>(options.tls == Tls::kVerify));
  if (!options.ca_file.empty()) mysql_optionsv(mysql, MYSQL_OPT_SSL_CA, options.ca_file.c_str());
}

}  // namespace

using UsedResult = std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)>;

// Of the answers that are held whole: lists of tables and columns, counts.
constexpr std::size_t kMostSelectedBytes = std::size_t{64} << 20;

struct Answer::Rows {
  explicit Rows(MYSQL_RES* r) : result(r) {}
  ~Rows() { mysql_free_result(result); }
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  MYSQL_RES* result;
  MYSQL_ROW row = nullptr;
  unsigned long* lengths = nullptr;  // NOLINT(google-runtime-int): the library's type
  bool ended = false;
};

Result<Connection> Connection::Open(const Options& options) {
  StartLibrary();
  std::shared_ptr<State> state;
  for (bool tls = options.tls != Tls::kOff;; tls = false) {
    state = std::make_shared<State>();
    if (state->mysql == nullptr)
      return Fail(ErrorCode::kResourceExhausted, "no memory for a connection");
    state->user = options.user;
    SetOptions(state->mysql, options, tls);
    const char* const database = options.database.empty() ? nullptr : options.database.c_str();
    if (mysql_real_connect(state->mysql, options.host.c_str(), options.user.c_str(),
                           options.password.c_str(), database,
                           static_cast<unsigned int>(options.port), nullptr, 0) != nullptr) {
      break;
    }
    const auto number = static_cast<int>(mysql_errno(state->mysql));
    const std::string words = mysql_error(state->mysql);
    if (number == CR_SSL_CONNECTION_ERROR) {
      if (tls && options.tls == Tls::kAuto) continue;
      return Unencrypted(options.host, options.port, words);
    }
    if (number == ER_ACCESS_DENIED_ERROR || number == ER_DBACCESS_DENIED_ERROR ||
        number == ER_BAD_DB_ERROR || number == ER_CON_COUNT_ERROR) {
      return Failure(state->mysql, options.user);
    }
    return Unreachable(options.host, options.port, words);
  }
  Connection connection(std::move(state));
  // The library goes on without encryption where the server offers none.
  if ((options.tls == Tls::kOn || options.tls == Tls::kVerify) && !connection.encrypted())
    return Unencrypted(options.host, options.port, "the server does not offer it");
  // A batch that is being written to disk must not look like a reader that went away.
  for (const std::string_view sql :
       {"SET SESSION time_zone = '+00:00', net_write_timeout = 600, group_concat_max_len = 1048576",
        options.read_only ? "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
                          : "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'"}) {
    RETURN_IF_ERROR(connection.Execute(sql));
  }
  return connection;
}

Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

Status Connection::Execute(std::string_view sql) {
  ASSIGN_OR_RETURN([[maybe_unused]] const auto rows, Select(sql));
  return {};
}

Result<Answer> Connection::Query(std::string_view sql) {
  MYSQL* const mysql = state_->mysql;
  if (mysql_real_query(mysql, sql.data(), sql.size()) != 0) return Failure(mysql, state_->user);
  MYSQL_RES* const result = mysql_use_result(mysql);
  if (result == nullptr) {
    if (mysql_errno(mysql) != 0) return Failure(mysql, state_->user);
    return Fail(ErrorCode::kUnprocessable, "the statement gives no rows: write a SELECT");
  }
  auto rows = std::make_unique<Answer::Rows>(result);
  return Answer(state_, std::move(rows), InfosOf(result));
}

Result<std::vector<FieldInfo>> Connection::Fields(std::string_view sql) {
  std::vector<FieldInfo> fields;
  ASSIGN_OR_RETURN([[maybe_unused]] const auto rows, Select(sql, &fields));
  if (fields.empty())
    return Fail(ErrorCode::kUnprocessable, "the statement gives no rows: write a SELECT");
  return fields;
}

// Row by row, so that a server that never stops answering cannot fill our memory.
Result<std::vector<Connection::Row>> Connection::Select(std::string_view sql,
                                                        std::vector<FieldInfo>* fields) {
  MYSQL* const mysql = state_->mysql;
  if (mysql_real_query(mysql, sql.data(), sql.size()) != 0) return Failure(mysql, state_->user);
  const UsedResult result(mysql_use_result(mysql), &mysql_free_result);
  std::vector<Row> rows;
  if (result == nullptr) {
    if (mysql_errno(mysql) != 0) return Failure(mysql, state_->user);
    return rows;
  }
  if (fields != nullptr) *fields = InfosOf(result.get());
  const unsigned int width = mysql_num_fields(result.get());
  std::size_t bytes = 0;
  while (const MYSQL_ROW found = mysql_fetch_row(result.get())) {
    const auto* const lengths = mysql_fetch_lengths(result.get());
    Row row;
    for (unsigned int i = 0; i < width; ++i) {
      row.push_back(found[i] == nullptr ? std::nullopt
                                        : std::optional(std::string(found[i], lengths[i])));
      bytes += sizeof(Row::value_type) + lengths[i];
    }
    if (bytes > kMostSelectedBytes) {
      // Else freeing the result would read the rest of it.
      shutdown(mysql_get_socket(mysql), SHUT_RDWR);
      return Fail(ErrorCode::kUnprocessable,
                  "the database answered a short question with more than {} bytes",
                  kMostSelectedBytes);
    }
    rows.push_back(std::move(row));
  }
  if (mysql_errno(mysql) != 0) return Failure(mysql, state_->user);
  return rows;
}

std::string Connection::Quoted(std::string_view text) const {
  std::string out(text.size() * 2 + 1, '\0');
  out.resize(mysql_real_escape_string(state_->mysql, out.data(), text.data(), text.size()));
  return "'" + out + "'";
}

std::string Connection::server_version() const { return mysql_get_server_info(state_->mysql); }

bool Connection::encrypted() const { return mysql_get_ssl_cipher(state_->mysql) != nullptr; }

Answer::Answer(std::shared_ptr<Connection::State> state, std::unique_ptr<Rows> rows,
               std::vector<FieldInfo> fields)
    : state_(std::move(state)), rows_(std::move(rows)), fields_(std::move(fields)) {}
Answer::Answer(Answer&&) noexcept = default;
Answer& Answer::operator=(Answer&&) noexcept = default;

Answer::~Answer() {
  if (rows_ != nullptr && !rows_->ended) mariadb_cancel(state_->mysql);
}

Result<bool> Answer::Next() {
  rows_->row = mysql_fetch_row(rows_->result);
  if (rows_->row != nullptr) {
    rows_->lengths = mysql_fetch_lengths(rows_->result);
    return true;
  }
  rows_->ended = true;
  if (mysql_errno(state_->mysql) != 0) return Failure(state_->mysql, state_->user);
  return false;
}

std::string_view Answer::Value(std::size_t column) const {
  return {rows_->row[column], rows_->row[column] == nullptr ? 0 : rows_->lengths[column]};
}

std::string QuotedName(std::string_view name) {
  std::string out = "`";
  for (const char c : name) {
    if (c == '`') out += '`';
    out += c;
  }
  return out + "`";
}

}  // namespace aimass::mariadb
