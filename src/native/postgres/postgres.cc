// libpq 15.
#include "native/postgres/postgres.h"

#include <poll.h>
#include <postgresql/libpq-fe.h>

#include <array>
#include <chrono>
#include <filesystem>

#include "native/postgres/failure.h"

namespace aimass::postgres {
namespace {

using Clock = std::chrono::steady_clock;
using PgResult = std::unique_ptr<PGresult, decltype(&PQclear)>;

constexpr int kLookMs = 250;  // how often a wait looks whether it was cancelled
constexpr int kSoonerMs = 100;

// What a certificate is checked with where no file is named: libpq 15 cannot ask OpenSSL itself.
std::string SystemAuthorities() {
  for (const char* place : {"/etc/ssl/certs/ca-certificates.crt",
                            "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"}) {
    std::error_code error;
    if (std::filesystem::exists(place, error)) return place;
  }
  return {};
}

const char* SslMode(Tls tls) {
  switch (tls) {
    case Tls::kOff:
      return "disable";
    case Tls::kAuto:
      return "prefer";
    case Tls::kOn:
      return "require";
    case Tls::kVerify:
      return "verify-full";
  }
  return "verify-full";
}

PGconn* Start(const Options& options) {
  const std::string port = std::to_string(options.port);
  const std::string tcp_timeout = std::to_string(options.timeout_s * 1000);
  const std::string authorities = options.tls != Tls::kVerify ? std::string()
                                  : options.ca_file.empty()   ? SystemAuthorities()
                                                              : options.ca_file;
  const std::array<std::pair<const char*, const char*>, 12> settings = {{
      {"host", options.host.c_str()},
      {"port", port.c_str()},
      {"user", options.user.c_str()},
      {"password", options.password.c_str()},
      // The account that runs us may have passwords of its own; they are not for this server.
      {"passfile", "/nonexistent/pgpass"},
      {"dbname", options.database.c_str()},
      {"sslmode", SslMode(options.tls)},
      {"sslrootcert", authorities.c_str()},
      {"gssencmode", "disable"},
      {"client_encoding", "UTF8"},
      {"tcp_user_timeout", tcp_timeout.c_str()},
      {"application_name", "aimass"},
  }};
  std::array<const char*, settings.size() + 1> names{};
  std::array<const char*, settings.size() + 1> values{};
  for (std::size_t i = 0; i < settings.size(); ++i) {
    names[i] = settings[i].first;
    values[i] = settings[i].second;
  }
  return PQconnectStartParams(names.data(), values.data(), 0);
}

}  // namespace

struct Connection::State {
  explicit State(const Options& o) : options(o), connection(Start(o)) {}
  ~State() { PQfinish(connection); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // Waits for the socket; false once `deadline` has passed.
  Result<bool> Await(std::int16_t events, Clock::time_point deadline,
                     const CancelToken& cancel) const {
    for (;;) {
      RETURN_IF_ERROR(cancel.Check());
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
      if (left <= 0) return false;
      pollfd one{.fd = PQsocket(connection), .events = events, .revents = 0};
      if (one.fd < 0)
        return Fail(ErrorCode::kUnavailable, "the connection to the database broke: {}", "closed");
      if (poll(&one, 1, static_cast<int>(std::min<std::int64_t>(left, kLookMs))) > 0) return true;
    }
  }

  // Waits until the server has sent something. Closing the connection is what tells a server to
  // stop: a cancel request of libpq would wait for it without any limit.
  Status AwaitAnswer(const CancelToken& cancel) {
    // A second more than the server's own limit, whose words say more.
    const auto deadline = Clock::now() + std::chrono::seconds(options.timeout_s + 1);
    for (;;) {
      const int unsent = PQflush(connection);
      if (unsent < 0) return Broken();
      auto ready = Await(static_cast<std::int16_t>(unsent > 0 ? POLLIN | POLLOUT : POLLIN),
                         deadline, cancel);
      if (!ready || !*ready) {
        PQfinish(std::exchange(connection, nullptr));
        if (!ready) return std::unexpected(std::move(ready).error());
        return Fail(ErrorCode::kTimeout, "the database did not answer within {} s",
                    options.timeout_s);
      }
      if (PQconsumeInput(connection) == 0) return Broken();
      if (unsent == 0) return {};
    }
  }

  Status AwaitResult(const CancelToken& cancel) {
    RETURN_IF_ERROR(Alive());
    while (PQisBusy(connection) != 0) RETURN_IF_ERROR(AwaitAnswer(cancel));
    return {};
  }

  [[nodiscard]] Status Alive() const {
    if (connection != nullptr) return {};
    return Fail(ErrorCode::kUnavailable, "the connection to the database broke: {}", "closed");
  }

  [[nodiscard]] std::unexpected<Error> Broken() const {
    return BrokenConnection(PQerrorMessage(connection));
  }

  [[nodiscard]] std::unexpected<Error> Failed(const PGresult* result) const {
    return FailureOf(result, PQerrorMessage(connection), options.user);
  }

  // Waits until more can be sent: while the server takes nothing, it may have something to say.
  Status AwaitRoom(const CancelToken& cancel) {
    const auto deadline = Clock::now() + std::chrono::seconds(options.timeout_s);
    auto ready = Await(POLLIN | POLLOUT, deadline, cancel);
    if (ready && *ready) {
      if (PQconsumeInput(connection) == 0 || PQflush(connection) < 0) return Broken();
      return {};
    }
    PQfinish(std::exchange(connection, nullptr));
    if (!ready) return std::unexpected(std::move(ready).error());
    return Fail(ErrorCode::kTimeout, "the database did not answer within {} s", options.timeout_s);
  }

  // The one result of a statement that was sent.
  Result<PgResult> Answer(const CancelToken& cancel) {
    PgResult first(nullptr, &PQclear);
    for (;;) {
      RETURN_IF_ERROR(AwaitResult(cancel));
      PgResult result(PQgetResult(connection), &PQclear);
      if (result == nullptr) break;
      const ExecStatusType status = PQresultStatus(result.get());
      if (first == nullptr) first = std::move(result);
      if (status == PGRES_COPY_OUT || status == PGRES_COPY_IN) break;
    }
    if (first == nullptr) return Broken();
    const ExecStatusType status = PQresultStatus(first.get());
    if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) return Failed(first.get());
    return first;
  }

  Result<PgResult> Run(std::string_view sql, const CancelToken& cancel) {
    RETURN_IF_ERROR(Alive());
    const std::string text(sql);
    if (PQsendQueryParams(connection, text.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0) == 0)
      return Broken();
    return Answer(cancel);
  }

  // The whole of a long table takes as long as it takes; there each wait for rows is limited.
  Status LimitStatements(bool limited) {
    ASSIGN_OR_RETURN(
        [[maybe_unused]] const PgResult result,
        Run(fmt::format("SET statement_timeout = {}", limited ? options.timeout_s * 1000 : 0), {}));
    return {};
  }

  Options options;
  PGconn* connection;
};

struct CopyStream::Message {
  ~Message() { PQfreemem(bytes); }
  Message() = default;
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  char* bytes = nullptr;
  bool ended = false;
};

Result<Connection> Connection::Open(const Options& options) {
  if (options.host.starts_with('/') || options.host.starts_with('@'))
    return Fail(ErrorCode::kUnprocessable, "'{}' is no name or address of a host", options.host);
  auto state = std::make_shared<State>(options);
  PGconn* const connection = state->connection;
  if (connection == nullptr)
    return Fail(ErrorCode::kResourceExhausted, "no memory for a connection");
  // The only way to the SQLSTATE of a refused connection, whatever language the server speaks.
  PQsetErrorVerbosity(connection, PQERRORS_VERBOSE);
  const auto deadline = Clock::now() + std::chrono::seconds(options.connect_timeout_s);
  auto step = PQstatus(connection) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (step != PGRES_POLLING_OK) {
    if (step == PGRES_POLLING_FAILED) return ConnectFailure(options, PQerrorMessage(connection));
    ASSIGN_OR_RETURN(
        const bool ready,
        state->Await(step == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline, CancelToken()));
    if (!ready) return ConnectFailure(options, "no answer within the time limit");
    step = PQconnectPoll(connection);
  }
  PQsetErrorVerbosity(connection, PQERRORS_DEFAULT);
  PQsetNoticeProcessor(connection, [](void*, const char*) {}, nullptr);  // not to our stderr
  PQsetnonblocking(connection, 1);
  Connection made(std::move(state));
  // The pause while a batch is written to disk must not look like a client that went away.
  for (const std::string_view sql :
       {options.read_only ? "SET default_transaction_read_only = on"
                          : "SET default_transaction_read_only = off",
        "SET timezone = 'UTC'", "SET datestyle = 'ISO, YMD'", "SET intervalstyle = 'postgres'",
        "SET extra_float_digits = 3", "SET bytea_output = 'hex'",
        "SET idle_in_transaction_session_timeout = 0"}) {
    RETURN_IF_ERROR(made.Execute(sql));
  }
  RETURN_IF_ERROR(made.state_->LimitStatements(true));
  // Sooner than the statement's own limit: then the server says that it was a lock.
  RETURN_IF_ERROR(
      made.Execute(fmt::format("SET lock_timeout = {}", options.timeout_s * 1000 - kSoonerMs)));
  // From version 14 on, a server looks whether somebody still waits for its answer.
  if (PQserverVersion(connection) >= 140000)
    RETURN_IF_ERROR(made.Execute("SET client_connection_check_interval = '5s'"));
  return made;
}

Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

Status Connection::Execute(std::string_view sql) {
  ASSIGN_OR_RETURN([[maybe_unused]] const PgResult result, state_->Run(sql, {}));
  return {};
}

Result<std::vector<Connection::Row>> Connection::Select(std::string_view sql, CancelToken cancel) {
  ASSIGN_OR_RETURN(const PgResult result, state_->Run(sql, cancel));
  std::vector<Row> rows;
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    Row values;
    for (int column = 0; column < PQnfields(result.get()); ++column) {
      if (PQgetisnull(result.get(), row, column) != 0) {
        values.emplace_back();
      } else {
        values.emplace_back(std::in_place, PQgetvalue(result.get(), row, column),
                            PQgetlength(result.get(), row, column));
      }
    }
    rows.push_back(std::move(values));
  }
  return rows;
}

Result<std::vector<FieldInfo>> Connection::Fields(std::string_view sql) {
  RETURN_IF_ERROR(state_->Alive());
  const std::string text(sql);
  if (PQsendPrepare(state_->connection, "", text.c_str(), 0, nullptr) == 0) return state_->Broken();
  ASSIGN_OR_RETURN([[maybe_unused]] const PgResult prepared, state_->Answer({}));
  if (PQsendDescribePrepared(state_->connection, "") == 0) return state_->Broken();
  ASSIGN_OR_RETURN(const PgResult described, state_->Answer({}));
  std::vector<FieldInfo> fields;
  for (int i = 0; i < PQnfields(described.get()); ++i) {
    fields.push_back({.name = PQfname(described.get(), i),
                      .type = PQftype(described.get(), i),
                      .modifier = PQfmod(described.get(), i)});
  }
  return fields;
}

Result<CopyStream> Connection::CopyOut(std::string_view sql, CancelToken cancel) {
  RETURN_IF_ERROR(state_->LimitStatements(false));
  ASSIGN_OR_RETURN(const PgResult result, state_->Run(sql, cancel));
  if (PQresultStatus(result.get()) != PGRES_COPY_OUT)
    return Fail(ErrorCode::kInternal, "the database sends no rows for a COPY");
  return CopyStream(state_, std::move(cancel));
}

Result<CopyInput> Connection::CopyIn(std::string_view sql, CancelToken cancel) {
  RETURN_IF_ERROR(state_->LimitStatements(false));
  ASSIGN_OR_RETURN(const PgResult result, state_->Run(sql, cancel));
  if (PQresultStatus(result.get()) != PGRES_COPY_IN)
    return Fail(ErrorCode::kInternal, "the database takes no rows for a COPY");
  return CopyInput(state_, std::move(cancel));
}

bool Connection::alive() const {
  return state_->connection != nullptr && PQstatus(state_->connection) == CONNECTION_OK;
}

Connection::Transaction Connection::transaction() const {
  switch (PQtransactionStatus(state_->connection)) {
    case PQTRANS_IDLE:
      return Transaction::kNone;
    case PQTRANS_INERROR:
      return Transaction::kFailed;
    default:
      return Transaction::kOpen;
  }
}

std::string Connection::Quoted(std::string_view text) const {
  // By our own hand: the library's function gives up on texts that are not UTF-8.
  std::string out = text.find('\\') == std::string_view::npos ? "'" : " E'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += c;
    if (c != '\0') out += c;
  }
  return out + "'";
}

std::string Connection::server_version() const {
  const char* const version = PQparameterStatus(state_->connection, "server_version");
  return version == nullptr ? std::string() : version;
}

bool Connection::encrypted() const { return PQsslInUse(state_->connection) != 0; }

CopyStream::CopyStream(std::shared_ptr<Connection::State> state, CancelToken cancel)
    : state_(std::move(state)), cancel_(std::move(cancel)), message_(std::make_unique<Message>()) {}
CopyStream::CopyStream(CopyStream&&) noexcept = default;
CopyStream& CopyStream::operator=(CopyStream&&) noexcept = default;

CopyStream::~CopyStream() {
  if (message_ != nullptr && !message_->ended) PQfinish(std::exchange(state_->connection, nullptr));
}

Result<std::optional<std::string_view>> CopyStream::Next() {
  PQfreemem(std::exchange(message_->bytes, nullptr));
  if (message_->ended) return std::nullopt;
  for (;;) {
    RETURN_IF_ERROR(state_->Alive());
    const int length = PQgetCopyData(state_->connection, &message_->bytes, 1);
    if (length > 0) return std::string_view(message_->bytes, static_cast<std::size_t>(length));
    if (length == -2) return state_->Broken();
    if (length == -1) break;
    RETURN_IF_ERROR(state_->AwaitAnswer(cancel_));
  }
  message_->ended = true;
  ASSIGN_OR_RETURN([[maybe_unused]] const PgResult last, state_->Answer(cancel_));
  RETURN_IF_ERROR(state_->LimitStatements(true));
  return std::nullopt;
}

CopyInput::CopyInput(std::shared_ptr<Connection::State> state, CancelToken cancel)
    : state_(std::move(state)), cancel_(std::move(cancel)) {}
CopyInput::CopyInput(CopyInput&&) noexcept = default;
CopyInput& CopyInput::operator=(CopyInput&&) noexcept = default;

CopyInput::~CopyInput() {
  if (state_ != nullptr) PQfinish(std::exchange(state_->connection, nullptr));
}

Status CopyInput::Write(std::string_view bytes) {
  constexpr std::size_t kMost = std::size_t{1} << 20;  // of one message
  while (!bytes.empty()) {
    RETURN_IF_ERROR(cancel_.Check());
    RETURN_IF_ERROR(state_->Alive());
    const std::string_view piece = bytes.substr(0, kMost);
    const int sent =
        PQputCopyData(state_->connection, piece.data(), static_cast<int>(piece.size()));
    if (sent < 0) return state_->Broken();
    if (sent > 0) {
      bytes.remove_prefix(piece.size());
    } else {
      RETURN_IF_ERROR(state_->AwaitRoom(cancel_));
    }
  }
  // What the library holds for us stays small.
  while (PQflush(state_->connection) > 0) RETURN_IF_ERROR(state_->AwaitRoom(cancel_));
  return {};
}

Status CopyInput::End() {
  RETURN_IF_ERROR(state_->Alive());
  for (;;) {
    const int ended = PQputCopyEnd(state_->connection, nullptr);
    if (ended < 0) return state_->Broken();
    if (ended > 0) break;
    RETURN_IF_ERROR(state_->AwaitRoom(cancel_));
  }
  const auto state = std::exchange(state_, nullptr);
  ASSIGN_OR_RETURN([[maybe_unused]] const PgResult last, state->Answer(cancel_));
  return state->LimitStatements(true);
}

std::string QuotedName(std::string_view name) {
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

}  // namespace aimass::postgres
