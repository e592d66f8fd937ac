// Redis, and what speaks as it does: Valkey. Tried with 7.0.
#include "native/redis/redis.h"

#include <array>
#include <charconv>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "sources/connector.h"
#include "sources/connectors/redis/catalog.h"
#include "sources/connectors/redis/keys.h"
#include "sources/connectors/redis/stream.h"
#include "sources/connectors/redis/witness.h"
#include "sources/database.h"

namespace aimass::connectors::redis {
namespace {

using aimass::redis::Connection;
using aimass::redis::Options;
using aimass::redis::Reply;
using aimass::redis::Tls;

constexpr std::string_view kPosition = "position";
constexpr EntryId kFirstEntry{.ms = 0, .number = 0};

constexpr std::array kFields = {
    Field{.name = "host", .label = {"Host", "主机"}, .required = true},
    Field{.name = "port",
          .label = {"Port", "端口"},
          .kind = FieldKind::kInteger,
          .default_value = "6379",
          .min = 1,
          .max = 65535},
    Field{.name = "user", .label = {"User (ACL)", "用户（ACL）"}},
    Field{.name = "password", .label = {"Password", "密码"}, .kind = FieldKind::kSecret},
    Field{.name = "database",
          .label = {"Number of the database", "数据库编号"},
          .kind = FieldKind::kInteger,
          .default_value = "0",
          .min = 0,
          .max = 1'000'000},
    Field{.name = "tls",
          .label = {"Encryption", "加密"},
          .kind = FieldKind::kChoice,
          .default_value = "off",
          .choices = "off on verify"},
    Field{.name = "ca_file", .label = {"Certificate authority (file)", "证书颁发机构（文件）"}},
    Field{.name = "timeout_s",
          .label = {"Longest wait for an answer (seconds)", "等待回答的最长时间（秒）"},
          .kind = FieldKind::kInteger,
          .default_value = "60",
          .min = 1,
          .max = 3600},
};

Tls TlsOf(std::string_view name) {
  if (name == "on") return Tls::kOn;
  return name == "verify" ? Tls::kVerify : Tls::kOff;
}

class Database final : public SourceConnection {
 public:
  Database(Connection connection, Options options)
      : connection_(std::move(connection)), options_(std::move(options)) {}

  [[nodiscard]] Result<std::vector<Check>> Test() override {
    std::vector<Check> checks;
    checks.push_back({.ok = true,
                      .message = Msg("connected to {}", "Redis " + connection_.server_version()),
                      .hint = {}});
    checks.push_back({.ok = true,
                      .message = connection_.encrypted() ? Msg("the connection is encrypted")
                                                         : Msg("the connection is not encrypted"),
                      .hint = connection_.encrypted()
                                  ? Message{}
                                  : Msg("in a network that others use, set tls to on or verify")});
    checks.push_back(
        {.ok = true,
         .message = Msg("signed in as {}", options_.user.empty() ? "default" : options_.user),
         .hint = {}});
    ASSIGN_OR_RETURN(std::vector<Check> rights,
                     CheckRights(connection_, std::to_string(options_.database)));
    for (Check& check : rights) checks.push_back(std::move(check));
    if (const auto witness = Witness::Begin(options_, {}); !witness) {
      const Error& error = witness.error();
      checks.push_back(
          {.ok = true,
           .message = Msg("it does not say which keys change while they are read: a run in which "
                          "some do fails"),
           .hint = error.hint.empty() ? error.message : error.hint});
    }
    return checks;
  }

  [[nodiscard]] Result<std::vector<SourceTable>> ListTables() override {
    return ProposeTables(connection_);
  }

  [[nodiscard]] Result<TableDescription> Describe(const std::string& table) override {
    ASSIGN_OR_RETURN(const Known* const known, Look(table));
    TableDescription description{
        .name = table, .columns = {}, .key = known->layout.KeyColumns(), .rows = known->rows};
    for (const LayoutColumn& column : known->layout.columns) {
      description.columns.push_back(
          {.column = column.info, .native_type = Layout::NativeType(column), .comment = {}});
    }
    return description;
  }

  [[nodiscard]] Result<std::unique_ptr<BatchReader>> Read(const SourceRead& request) override {
    ASSIGN_OR_RETURN(Layout layout, Begin(request));
    if (layout.place.shape != Shape::kStream) {
      return ReadKeys(connection_, std::move(layout), request,
                      [this] { return witness_ ? witness_->Listen() : Status{}; });
    }
    ASSIGN_OR_RETURN(const StreamState state, StreamAt(layout.place.Key(), request.cancel));
    if (request.range && request.range->nulls) {  // no entry is without
      return ReadStream(connection_, std::move(layout), request, state.last.Following(),
                        kFirstEntry);
    }
    const EntryId from = FromOf(request);
    RETURN_IF_ERROR(CheckNothingWasRemoved(layout.place.Key(), request, from, state));
    return ReadStream(connection_, std::move(layout), request, from, state.last);
  }

  [[nodiscard]] Result<SourceTotals> Totals(const SourceRead& request) override {
    ASSIGN_OR_RETURN(const Layout layout, Begin(request));
    SourceTotals totals;
    if (layout.place.shape != Shape::kStream) {
      ASSIGN_OR_RETURN(totals.rows, CountRows(connection_, layout.place, request.cancel));
      return totals;
    }
    const std::string key = layout.place.Key();
    ASSIGN_OR_RETURN(const StreamState state, StreamAt(key, request.cancel));
    totals.rows = state.length;
    totals.ever = state.ever;
    if (FromOf(request) == kFirstEntry) return totals;
    ASSIGN_OR_RETURN(totals.rows,
                     CountEntries(connection_, key, FromOf(request), state.last, request.cancel));
    return totals;
  }

  // There is no moment for keys. What changes from now on is heard of.
  [[nodiscard]] Result<bool> Freeze(const SourceConnection* /*beside*/) override {
    frozen_ = true;
    began_ = false;
    witness_.reset();
    streams_.clear();
    return false;
  }

  [[nodiscard]] Result<SourceChanges> Changes() override {
    if (!stream_.empty()) return StreamChanges();
    if (!witness_) return SourceChanges{};
    RETURN_IF_ERROR(witness_->Await());
    if (witness_->everything()) {
      return WithHint(
          Fail(ErrorCode::kUnprocessable,
               "too many keys changed while they were read, or the database was emptied"),
          Msg("collect them when less is written"));
    }
    return SourceChanges{.any = witness_->any(), .touched = [this](const Json& key) {
                           const auto name = key.find("key");
                           return name != key.end() && name->is_string() &&
                                  witness_->Changed(name->get_ref<const std::string&>());
                         }};
  }

  [[nodiscard]] bool OnlyGrows(const SourceRead& request) const override {
    const auto found = known_.find(request.table);
    return found != known_.end() && found->second.layout.place.shape == Shape::kStream;
  }

 private:
  struct Known {
    Layout layout;
    std::optional<std::int64_t> rows;
  };

  // What a table looks like stays as it is while the connection lives.
  Result<const Known*> Look(const std::string& table) {
    if (const auto found = known_.find(table); found != known_.end()) return &found->second;
    ASSIGN_OR_RETURN(const Place place, Resolve(connection_, table));
    Known known;
    Sample sample;
    if (place.shape == Shape::kStream) {
      ASSIGN_OR_RETURN(const StreamState state, StateOf(connection_, place.Key(), {}));
      known.rows = state.length;
      ASSIGN_OR_RETURN(sample, SampleStream(connection_, place.Key()));
    } else {
      ASSIGN_OR_RETURN(sample, SampleKeys(connection_, place));
    }
    known.layout = LayoutOf(place, sample, connection_.AtLeast(7, 0));
    return &known_.emplace(table, std::move(known)).first->second;
  }

  // The columns of a request that may be answered.
  Result<Layout> Begin(const SourceRead& request) {
    ASSIGN_OR_RETURN(const Known* const known, Look(request.table));
    const Place& place = known->layout.place;
    if (request.range && (place.shape != Shape::kStream || request.range->column != kPosition)) {
      return WithHint(Fail(ErrorCode::kUnprocessable, "'{}' is not collected by '{}'",
                           request.table, request.range->column),
                      place.shape == Shape::kStream
                          ? Msg("streams are collected by their '{}'", kPosition)
                          : Msg("keys do not say when they changed: collect them in full"));
    }
    stream_ = place.shape == Shape::kStream ? place.Key() : std::string();
    if (frozen_ && stream_.empty()) RETURN_IF_ERROR(Watch(place));
    return Narrowed(known->layout, request);
  }

  // From before the first key is read.
  Status Watch(const Place& place) {
    if (began_) return {};
    began_ = true;
    auto witness = Witness::Begin(options_, place.Prefix());
    if (witness) {
      witness_.emplace(std::move(*witness));
      return {};
    }
    const ErrorCode code = witness.error().code;
    if (code == ErrorCode::kUnavailable || code == ErrorCode::kTimeout)
      return std::unexpected(std::move(witness).error());
    return {};  // then whatever differs counts
  }

  // A stream as it was when it was first looked at since Freeze().
  Result<StreamState> StreamAt(const std::string& key, const CancelToken& cancel) {
    if (const auto found = streams_.find(key); found != streams_.end()) return found->second;
    ASSIGN_OR_RETURN(const StreamState state, StateOf(connection_, key, cancel));
    if (frozen_) streams_.emplace(key, state);
    return state;
  }

  [[nodiscard]] static EntryId FromOf(const SourceRead& request) {
    if (!request.range || !request.range->from) return kFirstEntry;
    return EntryId::AtPosition(*request.range->from);
  }

  // From version 7 on the server counts what a stream ever got (SourceTotals::ever). Before, what
  // is removed shows only by the entry that was read last being gone.
  [[nodiscard]] static Status CheckNothingWasRemoved(const std::string& key,
                                                     const SourceRead& request, EntryId from,
                                                     const StreamState& state) {
    const bool more = state.last >= from;
    if (state.ever || !request.range || !request.range->from || !more) return {};
    if (state.first && *state.first < from) return {};
    return WithHint(
        Fail(ErrorCode::kUnprocessable,
             "entries of the stream '{}' may have been removed before they were collected", key),
        Msg("refresh the dataset with full, then collect it more often or keep more: MAXLEN"));
  }

  // A stream's first entries may be removed at any time; all else of it stays as it is.
  Result<SourceChanges> StreamChanges() {
    const auto before = streams_.find(stream_);
    if (before == streams_.end()) return SourceChanges{};
    ASSIGN_OR_RETURN(const StreamState now, StateOf(connection_, stream_, {}));
    if (now.first == before->second.first) return SourceChanges{};
    const EntryId first = now.first.value_or(now.last.Following());
    return SourceChanges{.any = true, .touched = [first](const Json& key) {
                           const Json position = key.value(std::string(kPosition), Json());
                           std::int64_t value = -1;
                           if (position.is_number_integer()) value = position.get<std::int64_t>();
                           if (position.is_string()) {
                             const auto& text = position.get_ref<const std::string&>();
                             std::from_chars(text.data(), text.data() + text.size(), value);
                           }
                           return value >= 0 && EntryId::AtPosition(value) < first;
                         }};
  }

  Connection connection_;
  Options options_;
  std::map<std::string, Known> known_;
  bool frozen_ = false;
  bool began_ = false;  // to listen, or it cannot be
  std::optional<Witness> witness_;
  std::map<std::string, StreamState> streams_;
  std::string stream_;  // that was asked for last; empty: keys
};

Result<std::unique_ptr<SourceConnection>> Connect(const Settings& settings) {
  Options options{.host = settings.at("host"),
                  .port = static_cast<int>(IntegerOf(settings, "port")),
                  .user = settings.at("user"),
                  .password = settings.at("password"),
                  .database = static_cast<int>(IntegerOf(settings, "database")),
                  .tls = TlsOf(settings.at("tls")),
                  .ca_file = settings.at("ca_file")};
  options.timeout_s = static_cast<int>(IntegerOf(settings, "timeout_s"));
  ASSIGN_OR_RETURN(Connection connection, Connection::Open(options));
  return std::make_unique<Database>(std::move(connection), std::move(options));
}

}  // namespace

void Register(ConnectorRegistry& registry) {
  registry.Add({.name = "redis",
                .label = {"Redis", "Redis"},
                .fields = kFields,
                .can = {.incremental = true, .count = true, .moment = false},
                .connect = Connect});
}

}  // namespace aimass::connectors::redis
