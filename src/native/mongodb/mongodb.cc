// libmongoc 1.23.
#include "native/mongodb/mongodb.h"

#include <mongoc/mongoc.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "native/mongodb/bson.h"
#include "native/mongodb/failure.h"
#include "native/mongodb/library.h"
#include "native/mongodb/stream.h"

namespace aimass::mongodb {
namespace {

constexpr int kMsPerSecond = 1000;
constexpr std::string_view kWatchOptions = R"({"maxAwaitTimeMS": 100})";
// Nothing of what the documents hold.
constexpr std::string_view kWatchPipeline =
    R"({"pipeline": [{"$project": {"operationType": 1, "documentKey": 1}}]})";

template <typename T, void (*Free)(T*)>
struct Freed {
  void operator()(T* object) const { Free(object); }
};
using Uri = std::unique_ptr<mongoc_uri_t, Freed<mongoc_uri_t, mongoc_uri_destroy>>;
using Client = std::unique_ptr<mongoc_client_t, Freed<mongoc_client_t, mongoc_client_destroy>>;
using Database =
    std::unique_ptr<mongoc_database_t, Freed<mongoc_database_t, mongoc_database_destroy>>;
using Collection =
    std::unique_ptr<mongoc_collection_t, Freed<mongoc_collection_t, mongoc_collection_destroy>>;
using RawCursor = std::unique_ptr<mongoc_cursor_t, Freed<mongoc_cursor_t, mongoc_cursor_destroy>>;
using RawChangeStream =
    std::unique_ptr<mongoc_change_stream_t,
                    Freed<mongoc_change_stream_t, mongoc_change_stream_destroy>>;
using ReadPreference =
    std::unique_ptr<mongoc_read_prefs_t, Freed<mongoc_read_prefs_t, mongoc_read_prefs_destroy>>;

// A document of ours as libmongoc takes it.
class Argument {
 public:
  explicit Argument(std::string bytes) : bytes_(std::move(bytes)) {
    bson_init_static(&bson_, reinterpret_cast<const std::uint8_t*>(bytes_.data()), bytes_.size());
  }
  Argument(const Argument&) = delete;
  Argument& operator=(const Argument&) = delete;
  [[nodiscard]] const bson_t* get() const { return &bson_; }

 private:
  std::string bytes_;
  bson_t bson_{};
};

std::string_view BytesOf(const bson_t& document) {
  return {reinterpret_cast<const char*>(bson_get_data(&document)), document.len};
}

mongoc_read_mode_t ModeOf(std::string_view word) {
  if (word == "primaryPreferred") return MONGOC_READ_PRIMARY_PREFERRED;
  if (word == "secondary") return MONGOC_READ_SECONDARY;
  if (word == "secondaryPreferred") return MONGOC_READ_SECONDARY_PREFERRED;
  return word == "nearest" ? MONGOC_READ_NEAREST : MONGOC_READ_PRIMARY;
}

bool IsHost(std::string_view text) {
  static constexpr std::string_view kSigns = ".-_:[]%";
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter || (c >= '0' && c <= '9') || kSigns.contains(c);
  });
}

// "a:27018", "a", "::1", "[::1]:27018"
Result<std::string> HostAndPort(std::string_view text, int port) {
  const auto wrong = Fail(ErrorCode::kInvalidArgument, "'{}' is no name or address of a host",
                          text.substr(0, 100));
  if (!IsHost(text)) return wrong;
  const auto colons = std::ranges::count(text, ':');
  if (colons > 1 && !text.starts_with('[')) return fmt::format("[{}]:{}", text, port);
  const std::size_t bracket = text.find(']');
  const std::size_t colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon == std::string_view::npos) return fmt::format("{}:{}", text, port);
  int own = 0;
  const char* const end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data() + colon + 1, end, own);
  if (error != std::errc() || last != end || own < 1 || own > 65535) return wrong;
  return std::string(text);
}

Result<Uri> UriOf(const Options& options) {
  ASSIGN_OR_RETURN(const std::string hosts, Hosts(options));
  bson_error_t error{};
  Uri uri(mongoc_uri_new_with_error(("mongodb://" + hosts + "/").c_str(), &error));
  if (uri == nullptr)
    return Fail(ErrorCode::kInvalidArgument, "'{}' is no name or address of a host", options.host);
  const int connect_ms = options.connect_timeout_s * kMsPerSecond;
  mongoc_uri_set_option_as_int32(uri.get(), MONGOC_URI_CONNECTTIMEOUTMS, connect_ms);
  mongoc_uri_set_option_as_int32(uri.get(), MONGOC_URI_SERVERSELECTIONTIMEOUTMS, connect_ms);
  mongoc_uri_set_option_as_int32(uri.get(), MONGOC_URI_SOCKETTIMEOUTMS,
                                 options.timeout_s * kMsPerSecond);
  // Whoever collects begins anew where something breaks.
  mongoc_uri_set_option_as_bool(uri.get(), MONGOC_URI_RETRYREADS, false);
  if (options.replica_set.empty()) {
    mongoc_uri_set_option_as_bool(uri.get(), MONGOC_URI_DIRECTCONNECTION, true);
  } else {
    mongoc_uri_set_option_as_utf8(uri.get(), MONGOC_URI_REPLICASET, options.replica_set.c_str());
  }
  const ReadPreference preference(mongoc_read_prefs_new(ModeOf(options.read_preference)));
  mongoc_uri_set_read_prefs_t(uri.get(), preference.get());
  if (options.user.empty()) return uri;
  const bool named = mongoc_uri_set_username(uri.get(), options.user.c_str()) &&
                     mongoc_uri_set_password(uri.get(), options.password.c_str()) &&
                     mongoc_uri_set_auth_source(uri.get(), options.auth_source.c_str()) &&
                     (options.auth_mechanism.empty() ||
                      mongoc_uri_set_auth_mechanism(uri.get(), options.auth_mechanism.c_str()));
  if (!named)
    return Fail(ErrorCode::kInvalidArgument, "user, password and auth_source must be UTF-8 texts");
  return uri;
}

}  // namespace

struct Connection::State {
  explicit State(const Options& o)
      : options(o),
        wire{.options = {.host = o.host,
                         .port = o.port,
                         .tls = o.tls,
                         .ca_file = o.ca_file,
                         .connect_timeout_s = o.connect_timeout_s,
                         .timeout_s = o.timeout_s},
             .cancel = {},
             .failure = {},
             .encrypted = false} {}

  void Begin(const CancelToken& cancel) {
    wire.cancel = cancel;
    wire.failure.reset();
  }

  // What went wrong, by our socket where it was that.
  [[nodiscard]] std::unexpected<Error> Failure(const bson_error_t& error) const {
    if (error.domain == MONGOC_ERROR_SERVER)
      return FailureOf(static_cast<int>(error.code), error.message, options);
    if (wire.failure) return std::unexpected(*wire.failure);
    const bool sign_in =
        error.domain == MONGOC_ERROR_SCRAM || error.domain == MONGOC_ERROR_SASL ||
        (error.domain == MONGOC_ERROR_CLIENT && error.code == MONGOC_ERROR_CLIENT_AUTHENTICATE);
    if (sign_in) return NotLetIn(error.message, options);
    if (error.domain == MONGOC_ERROR_SERVER_SELECTION) return NoServer(error.message);
    if (error.domain == MONGOC_ERROR_STREAM || error.domain == MONGOC_ERROR_BSON)
      return BrokenConnection(error.message);
    return Fail(ErrorCode::kUnprocessable, "the database says: {}", error.message);
  }

  // Some answered, but none as it was asked for.
  [[nodiscard]] std::unexpected<Error> NoServer(std::string_view words) const {
    if (options.replica_set.empty()) return Unreachable(options.host, options.port, words);
    return WithHint(
        Fail(ErrorCode::kUnavailable, "no member of the replica set '{}' can be read: {}",
             options.replica_set, words),
        Msg("check replica_set and read_preference"));
  }

  [[nodiscard]] Collection CollectionOf(const std::string& name) const {
    return Collection(
        mongoc_client_get_collection(client.get(), options.database.c_str(), name.c_str()));
  }

  Options options;
  Wire wire;
  Client client;
  std::string version;
  std::string replica_set;
  bool sharded = false;
};

struct Cursor::Handle {
  Collection collection;
  RawCursor cursor;
  bool ended = false;  // libmongoc takes it for an error to ask once more
};

struct ChangeStream::Handle {
  Collection collection;
  RawChangeStream stream;
};

Result<std::string> Hosts(const Options& options) {
  std::string hosts;
  std::size_t count = 0;
  for (std::string_view left = options.host; !left.empty(); ++count) {
    const std::size_t comma = left.find(',');
    std::string_view one = left.substr(0, comma);
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    ASSIGN_OR_RETURN(const std::string host, HostAndPort(one, options.port));
    hosts += (hosts.empty() ? "" : ",") + host;
    left.remove_prefix(comma == std::string_view::npos ? left.size() : comma + 1);
  }
  if (count > 1 && options.replica_set.empty()) {
    return WithHint(Fail(ErrorCode::kInvalidArgument, "several hosts are those of a replica set"),
                    Msg("set replica_set to its name"));
  }
  if (hosts.empty())
    return Fail(ErrorCode::kInvalidArgument, "'{}' is no name or address of a host", "");
  return hosts;
}

Connection::Connection(std::shared_ptr<State> state) : state_(std::move(state)) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

Result<Connection> Connection::Open(const Options& options) {
  StartLibrary();
  ASSIGN_OR_RETURN(const Uri uri, UriOf(options));
  Connection made(std::make_shared<State>(options));
  State& state = *made.state_;
  bson_error_t error{};
  state.client.reset(mongoc_client_new_from_uri_with_error(uri.get(), &error));
  if (state.client == nullptr) return state.Failure(error);
  mongoc_client_set_error_api(state.client.get(), MONGOC_ERROR_API_VERSION_2);
  mongoc_client_set_appname(state.client.get(), "aimass");
  mongoc_client_set_stream_initiator(state.client.get(), OpenStream, &state.wire);
  Status learnt = made.LearnServer();
  if (learnt) return made;
  const bool cut = learnt.error().code == ErrorCode::kUnavailable;
  if (cut && options.tls == Tls::kOff && learnt.error().hint.empty())
    learnt.error().hint = Msg("if it is a port for encrypted connections, set tls to on or verify");
  return std::unexpected(std::move(learnt).error());
}

Status Connection::LearnServer() {
  RETURN_IF_ERROR(Run(R"({"ping": 1})", "admin"));
  ASSIGN_OR_RETURN(const std::string build, Run(R"({"buildInfo": 1})", "admin"));
  if (const auto version = mongodb::Find(build, "version")) state_->version = version->bytes;
  std::size_t count = 0;
  mongoc_server_description_t** const servers =
      mongoc_client_get_server_descriptions(state_->client.get(), &count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view hello = BytesOf(*mongoc_server_description_hello_response(servers[i]));
    if (const auto name = mongodb::Find(hello, "setName")) state_->replica_set = name->bytes;
    const auto kind = mongodb::Find(hello, "msg");
    if (kind && kind->bytes == "isdbgrid") state_->sharded = true;
  }
  mongoc_server_descriptions_destroy_all(servers, count);
  return {};
}

Result<std::string> Connection::Run(std::string_view command, std::string_view database,
                                    const CancelToken& cancel) {
  ASSIGN_OR_RETURN(std::string bytes, BsonFromJson(command));
  const Argument asked(std::move(bytes));
  const std::string place(database.empty() ? std::string_view(state_->options.database) : database);
  state_->Begin(cancel);
  bson_t reply;
  bson_error_t error{};
  const bool done = mongoc_client_read_command_with_opts(
      state_->client.get(), place.c_str(), asked.get(), nullptr, nullptr, &reply, &error);
  std::string answer(BytesOf(reply));
  bson_destroy(&reply);
  if (!done) return state_->Failure(error);
  return answer;
}

Result<Cursor> Connection::Find(const std::string& collection, std::string_view filter,
                                std::string_view options, const CancelToken& cancel) {
  ASSIGN_OR_RETURN(std::string filter_bytes, BsonFromJson(filter));
  ASSIGN_OR_RETURN(std::string option_bytes, BsonFromJson(options));
  const Argument which(std::move(filter_bytes));
  const Argument how(std::move(option_bytes));
  auto handle = std::make_unique<Cursor::Handle>();
  handle->collection = state_->CollectionOf(collection);
  handle->cursor.reset(
      mongoc_collection_find_with_opts(handle->collection.get(), which.get(), how.get(), nullptr));
  return Cursor(state_, std::move(handle), cancel);
}

Result<Cursor> Connection::Aggregate(const std::string& collection, std::string_view pipeline,
                                     std::string_view options, const CancelToken& cancel) {
  ASSIGN_OR_RETURN(std::string stage_bytes,
                   BsonFromJson("{\"pipeline\": " + std::string(pipeline) + "}"));
  ASSIGN_OR_RETURN(std::string option_bytes, BsonFromJson(options));
  const Argument stages(std::move(stage_bytes));
  const Argument how(std::move(option_bytes));
  auto handle = std::make_unique<Cursor::Handle>();
  handle->collection = state_->CollectionOf(collection);
  state_->Begin(cancel);
  handle->cursor.reset(mongoc_collection_aggregate(handle->collection.get(), MONGOC_QUERY_NONE,
                                                   stages.get(), how.get(), nullptr));
  return Cursor(state_, std::move(handle), cancel);
}

Result<Cursor> Connection::Collections() {
  ASSIGN_OR_RETURN(std::string bytes,
                   BsonFromJson(R"({"nameOnly": true, "authorizedCollections": true})"));
  const Argument how(std::move(bytes));
  const Database database(
      mongoc_client_get_database(state_->client.get(), state_->options.database.c_str()));
  auto handle = std::make_unique<Cursor::Handle>();
  state_->Begin({});
  handle->cursor.reset(mongoc_database_find_collections_with_opts(database.get(), how.get()));
  return Cursor(state_, std::move(handle), {});
}

Result<ChangeStream> Connection::Watch(const std::string& collection) {
  ASSIGN_OR_RETURN(std::string stage_bytes, BsonFromJson(kWatchPipeline));
  ASSIGN_OR_RETURN(std::string option_bytes, BsonFromJson(kWatchOptions));
  const Argument stages(std::move(stage_bytes));
  const Argument how(std::move(option_bytes));
  auto handle = std::make_unique<ChangeStream::Handle>();
  handle->collection = state_->CollectionOf(collection);
  state_->Begin({});
  handle->stream.reset(mongoc_collection_watch(handle->collection.get(), stages.get(), how.get()));
  bson_error_t error{};
  const bson_t* reply = nullptr;
  if (mongoc_change_stream_error_document(handle->stream.get(), &error, &reply))
    return state_->Failure(error);
  return ChangeStream(state_, std::move(handle));
}

const Options& Connection::options() const { return state_->options; }
const std::string& Connection::server_version() const { return state_->version; }
const std::string& Connection::replica_set() const { return state_->replica_set; }
bool Connection::sharded() const { return state_->sharded; }
bool Connection::encrypted() const { return state_->wire.encrypted; }

Cursor::Cursor(std::shared_ptr<Connection::State> state, std::unique_ptr<Handle> handle,
               CancelToken cancel)
    : state_(std::move(state)), handle_(std::move(handle)), cancel_(std::move(cancel)) {}
Cursor::Cursor(Cursor&&) noexcept = default;
Cursor& Cursor::operator=(Cursor&&) noexcept = default;
Cursor::~Cursor() = default;

Result<std::optional<std::string_view>> Cursor::Next() {
  if (handle_->ended) return std::nullopt;
  state_->Begin(cancel_);
  const bson_t* document = nullptr;
  if (mongoc_cursor_next(handle_->cursor.get(), &document)) return BytesOf(*document);
  bson_error_t error{};
  if (mongoc_cursor_error(handle_->cursor.get(), &error)) return state_->Failure(error);
  handle_->ended = true;
  return std::nullopt;
}

void Cursor::SetBatch(std::uint32_t documents) {
  mongoc_cursor_set_batch_size(handle_->cursor.get(), documents);
}

ChangeStream::ChangeStream(std::shared_ptr<Connection::State> state, std::unique_ptr<Handle> handle)
    : state_(std::move(state)), handle_(std::move(handle)) {}
ChangeStream::ChangeStream(ChangeStream&&) noexcept = default;
ChangeStream& ChangeStream::operator=(ChangeStream&&) noexcept = default;
ChangeStream::~ChangeStream() = default;

Result<std::optional<std::string_view>> ChangeStream::Next() {
  state_->Begin({});
  const bson_t* document = nullptr;
  if (mongoc_change_stream_next(handle_->stream.get(), &document)) return BytesOf(*document);
  bson_error_t error{};
  const bson_t* reply = nullptr;
  if (mongoc_change_stream_error_document(handle_->stream.get(), &error, &reply))
    return state_->Failure(error);
  return std::nullopt;
}

}  // namespace aimass::mongodb
