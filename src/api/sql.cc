// SQL over the datasets of a workspace: JSON for people, an Arrow stream for programs.
#include "api/sql.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <utility>

#include "base/guarded.h"
#include "base/id.h"
#include "table/ipc.h"

namespace aimass {
namespace {

using http::Request;
using http::Response;

constexpr std::int64_t kDefaultRows = 1000;
constexpr std::int64_t kMaxJsonRows = 100'000;
constexpr std::int64_t kMaxArrowRows = std::int64_t{1} << 53;
constexpr double kMaxSeconds = 600;
constexpr std::size_t kMaxJsonBytes = 128 << 20;
constexpr std::size_t kMaxStreams = 32;  // each holds a process
constexpr std::size_t kMaxIdBytes = 64;

/// The queries that run now, so that they can be cancelled by their id.
class RunningQueries {
 public:
  /// Takes a query out when it ends.
  class Entry {
   public:
    Entry(std::shared_ptr<RunningQueries> owner, std::string key, bool streams)
        : owner_(std::move(owner)), key_(std::move(key)), streams_(streams) {}
    Entry(Entry&& other) noexcept = default;
    Entry& operator=(Entry&&) = delete;
    ~Entry() {
      if (!owner_) return;
      owner_->state_.With([&](State& state) {
        state.tokens.erase(key_);
        if (streams_) --state.streams;
      });
    }

   private:
    std::shared_ptr<RunningQueries> owner_;  // empty after a move
    std::string key_;
    bool streams_;
  };

  /// Errors   kConflict where a query of that id runs in the workspace; kResourceExhausted over
  /// kMaxStreams.
  static Result<Entry> Add(const std::shared_ptr<RunningQueries>& self, const Caller& caller,
                           const std::string& id, bool streams, const CancelToken& token) {
    std::string key = Key(caller, id);
    RETURN_IF_ERROR(self->state_.With([&](State& state) -> Status {
      if (streams && state.streams >= kMaxStreams) {
        return Fail(ErrorCode::kResourceExhausted,
                    "{} result streams are open already; try again shortly", kMaxStreams);
      }
      if (!state.tokens.emplace(key, token).second) {
        return Fail(ErrorCode::kConflict, "a query with id '{}' is running", id);
      }
      if (streams) ++state.streams;
      return {};
    }));
    return Entry(self, std::move(key), streams);
  }

  Status Cancel(const Caller& caller, const std::string& id) {
    return state_.With([&](State& state) -> Status {
      const auto found = state.tokens.find(Key(caller, id));
      if (found == state.tokens.end()) {
        return Fail(ErrorCode::kNotFound, "no query with id '{}' is running", id);
      }
      found->second.Cancel();
      return {};
    });
  }

 private:
  struct State {
    std::map<std::string, CancelToken> tokens;
    std::size_t streams = 0;
  };

  static std::string Key(const Caller& caller, const std::string& id) {
    return caller.workspace + "/" + id;
  }

  Guarded<State> state_;
};

/// What the handlers share.
struct SqlApi {
  const DatasetCatalog& catalog;
  SqlWorkers& workers;
  Pool& sql;
  Pool& io;
  std::shared_ptr<RunningQueries> running = std::make_shared<RunningQueries>();
};

struct Query {
  std::string sql;
  std::int64_t limit = kDefaultRows;
  std::int64_t timeout_ms = 0;
  std::string id;
  bool arrow = false;
};

bool WantsArrow(const Request& request) {
  return request.Header("accept").find(kIpcStreamMediaType) != std::string_view::npos;
}

Result<std::string> IdOf(const Json& body) {
  ASSIGN_OR_RETURN(std::string id, GetString(body, "id", ""));
  if (!body.contains("id") || body["id"].is_null()) return NewId();
  const bool plain = std::ranges::all_of(id, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
  if (id.empty() || id.size() > kMaxIdBytes || !plain) {
    return Fail(ErrorCode::kUnprocessable, "'id' must be 1 to {} letters, digits, '-', '_' or '.'",
                kMaxIdBytes);
  }
  return id;
}

Result<Query> QueryOf(const SqlApi& api, const Request& request) {
  ASSIGN_OR_RETURN(const Json body, request.JsonBody());
  if (!body.is_object()) return Fail(ErrorCode::kInvalidArgument, "the body must be a JSON object");
  RETURN_IF_ERROR(RejectUnknown(body, {"query", "limit", "timeout_s", "id"}));
  Query query{.arrow = WantsArrow(request)};
  ASSIGN_OR_RETURN(query.sql, GetString(body, "query"));
  const std::int64_t max_rows = query.arrow ? kMaxArrowRows : kMaxJsonRows;
  ASSIGN_OR_RETURN(query.limit,
                   GetInteger(body, "limit", query.arrow ? kMaxArrowRows : kDefaultRows));
  if (query.limit < 1 || query.limit > max_rows) {
    return WithHint(Fail(ErrorCode::kUnprocessable, "'limit' must be between 1 and {}, got {}",
                         max_rows, query.limit),
                    Msg("with Accept: {} there is no limit", kIpcStreamMediaType));
  }
  const double default_s =
      query.arrow ? kMaxSeconds : static_cast<double>(api.workers.limits().time_ms) / 1000.0;
  ASSIGN_OR_RETURN(const double seconds, GetNumber(body, "timeout_s", default_s));
  if (!(seconds > 0.0) || (seconds > kMaxSeconds && seconds != default_s)) {
    return Fail(ErrorCode::kUnprocessable, "'timeout_s' must be above 0 and at most {}, got {}",
                kMaxSeconds, seconds);
  }
  query.timeout_ms = std::max<std::int64_t>(1, std::llround(seconds * 1000.0));
  ASSIGN_OR_RETURN(query.id, IdOf(body));
  return query;
}

/// Starts the query. It may name the datasets of its caller's workspace.
Result<std::unique_ptr<SqlWorkers::Answer>> Ask(const SqlApi& api, const Caller& caller,
                                                const Query& query, const CancelToken& cancel) {
  return api.workers.Ask(caller.For("sql"),
                         {.sql = query.sql,
                          .format = query.arrow ? SqlFormat::kArrow : SqlFormat::kJson,
                          .max_rows = query.limit,
                          .timeout_ms = query.timeout_ms,
                          .cancel = cancel},
                         [&](const TableReference& table) {
                           return api.catalog.Snapshot(caller, table.dataset, table.version);
                         });
}

Result<std::string> JsonAnswer(SqlWorkers::Answer& answer) {
  std::string body;
  for (;;) {
    ASSIGN_OR_RETURN(const std::optional<std::string> piece, answer.Next());
    if (!piece) return body;
    body += *piece;
    if (body.size() > kMaxJsonBytes) {
      return WithHint(Fail(ErrorCode::kUnprocessable, "the answer is larger than {} MB of JSON",
                           kMaxJsonBytes >> 20),
                      Msg("ask for fewer rows, or for Accept: {}", kIpcStreamMediaType));
    }
  }
}

/// A result on its way out as Arrow; closing the connection destroys it, which ends the query.
struct ArrowStream {
  RunningQueries::Entry entry;
  std::unique_ptr<SqlWorkers::Answer> answer;

  /// The next bytes; empty after the end.
  Result<std::string> NextPiece() {
    ASSIGN_OR_RETURN(std::optional<std::string> piece, answer->Next());
    return std::move(piece).value_or(std::string());
  }
};

/// Queries run on `sql`; where its queue is full, a stream that was promised goes on on `io`.
Task<Result<std::string>> NextPiece(std::shared_ptr<ArrowStream> stream, Pool& sql, Pool& io) {
  bool ran = false;
  const auto work = [&] {
    ran = true;
    return stream->NextPiece();
  };
  Result<std::string> piece = co_await RunOn(sql, work);
  if (!ran) piece = co_await RunOn(io, work);
  co_return piece;
}

// POST /api/v1/sql
Task<Result<Response>> PostSql(std::shared_ptr<SqlApi> api, const Request& request) {
  CO_ASSIGN_OR_RETURN(const Query query, QueryOf(*api, request));
  // Cancelled by its id or by the client's leaving, whichever comes first.
  const CancelToken cancel = request.gone;
  CO_ASSIGN_OR_RETURN(
      RunningQueries::Entry entry,
      RunningQueries::Add(api->running, request.caller, query.id, query.arrow, cancel));
  Response response;
  response.headers.emplace_back("Vary", "Accept");
  response.headers.emplace_back("X-Query-Id", query.id);
  if (!query.arrow) {
    CO_ASSIGN_OR_RETURN(response.body, co_await RunOn(api->sql, [&]() -> Result<std::string> {
                          ASSIGN_OR_RETURN(const auto answer,
                                           Ask(*api, request.caller, query, cancel));
                          return JsonAnswer(*answer);
                        }));
    co_return response;
  }
  // Ending a query can take a moment, which the I/O thread that closes the connection does not
  // have.
  const std::shared_ptr<ArrowStream> stream(
      std::make_unique<ArrowStream>(std::move(entry), nullptr).release(), [api](ArrowStream* done) {
        std::unique_ptr<ArrowStream> owned(done);
        (void)api->io.Submit([owned = std::move(owned)] {});
      });
  // The first rows come with the head, so that an error in them still has its status.
  CO_ASSIGN_OR_RETURN(response.body, co_await RunOn(api->sql, [&]() -> Result<std::string> {
                        ASSIGN_OR_RETURN(stream->answer, Ask(*api, request.caller, query, cancel));
                        return stream->NextPiece();
                      }));
  response.content_type = kIpcStreamMediaType;
  response.async_stream = std::make_shared<http::AsyncBodyStream>(
      [stream, api] { return NextPiece(stream, api->sql, api->io); });
  co_return response;
}

// POST /api/v1/sql/{id}/cancel
Task<Result<Response>> PostCancel(std::shared_ptr<SqlApi> api, const Request& request) {
  const std::string& id = request.params.at("id");
  CO_RETURN_IF_ERROR(api->running->Cancel(request.caller, id));
  co_return Response::Of({{"id", id}, {"state", "cancelled"}});
}

}  // namespace

void BindSqlApi(const DatasetCatalog& catalog, SqlWorkers& workers, Pool& pool, Pool& io,
                http::Router& router) {
  const auto api = std::make_shared<SqlApi>(catalog, workers, pool, io);
  router.Post("/api/v1/sql", [api](const Request& request) { return PostSql(api, request); });
  router.Post("/api/v1/sql/{id}/cancel",
              [api](const Request& request) { return PostCancel(api, request); });
}

}  // namespace aimass
