// MongoDB, and what speaks as it does. Tried with two emulators, as no package has the server.
#include "native/mongodb/mongodb.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "native/mongodb/bson.h"
#include "sources/connector.h"
#include "sources/connectors/mongodb/decode.h"
#include "sources/connectors/mongodb/layout.h"
#include "sources/connectors/mongodb/reader.h"
#include "sources/connectors/mongodb/request.h"
#include "sources/connectors/mongodb/witness.h"
#include "sources/database.h"
#include "table/json_rows.h"

namespace aimass::connectors::mongodb {
namespace {

using aimass::mongodb::BsonType;
using aimass::mongodb::Connection;
using aimass::mongodb::Cursor;
using aimass::mongodb::Options;
using aimass::mongodb::Tls;

constexpr int kSampledAtEnds = 500;  // the first documents and the last
constexpr int kSampledAmong = 1000;
constexpr int kSampledOfQuery = 1000;
constexpr std::size_t kSampledBytes = std::size_t{64} << 20;
constexpr std::size_t kTriedTables = 20;
constexpr std::size_t kCountedTables = 1000;

constexpr std::array kFields = {
    Field{.name = "host",
          .label = {"Host; of a replica set also several, with commas",
                    "主机；副本集可用逗号分隔多个"},
          .required = true},
    Field{.name = "port",
          .label = {"Port", "端口"},
          .kind = FieldKind::kInteger,
          .default_value = "27017",
          .min = 1,
          .max = 65535},
    Field{.name = "database", .label = {"Database", "数据库"}, .required = true},
    Field{.name = "user", .label = {"User", "用户"}},
    Field{.name = "password", .label = {"Password", "密码"}, .kind = FieldKind::kSecret},
    Field{.name = "auth_source",
          .label = {"Database that the user was made in", "创建该用户的数据库"},
          .default_value = "admin"},
    Field{.name = "auth_mechanism",
          .label = {"Way to sign in", "登录方式"},
          .kind = FieldKind::kChoice,
          .default_value = "auto",
          .choices = "auto SCRAM-SHA-256 SCRAM-SHA-1"},
    Field{.name = "replica_set",
          .label = {"Name of the replica set; empty: only this server",
                    "副本集名称；留空则只连接此服务器"}},
    Field{.name = "read_preference",
          .label = {"Which members of a replica set are read", "读取副本集的哪些成员"},
          .kind = FieldKind::kChoice,
          .default_value = "primary",
          .choices = "primary primaryPreferred secondary secondaryPreferred nearest"},
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

std::string Quoted(std::string_view text) {
  std::string json;
  AppendJsonText(json, text);
  return json;
}

// Whether the connection is of no use any more.
bool IsBroken(const Error& error) {
  return error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kTimeout ||
         error.code == ErrorCode::kCancelled;
}

class Database final : public SourceConnection {
 public:
  explicit Database(Connection connection) : connection_(std::move(connection)) {}

  [[nodiscard]] Result<std::vector<Check>> Test() override {
    std::vector<Check> checks;
    const auto note = [&checks](Message message, Message hint = {}) {
      checks.push_back({.ok = true, .message = std::move(message), .hint = std::move(hint)});
    };
    note(Msg("connected to {}", "MongoDB " + connection_.server_version()));
    if (connection_.sharded()) {
      note(Msg("it is a sharded cluster"));
    } else if (connection_.replica_set().empty()) {
      note(Msg("it belongs to no replica set"));
    } else {
      note(Msg("it belongs to the replica set '{}'", connection_.replica_set()));
    }
    if (connection_.encrypted()) {
      note(Msg("the connection is encrypted"));
    } else {
      note(Msg("the connection is not encrypted"),
           Msg("in a network that others use, set tls to on or verify"));
    }
    const Options& options = connection_.options();
    if (options.user.empty()) {
      note(Msg("nobody signed in: no user is set"));
    } else {
      note(Msg("signed in as {}", options.user));
    }
    RETURN_IF_ERROR(CheckTables(checks));
    return checks;
  }

  [[nodiscard]] Result<std::vector<SourceTable>> ListTables() override {
    ASSIGN_OR_RETURN(std::vector<Table> found, Tables());
    std::vector<SourceTable> tables;
    for (const Table& table : found) {
      const bool counted = !table.view && tables.size() < kCountedTables;
      tables.push_back({.name = table.name, .view = table.view, .comment = {}, .rows = {}});
      if (!counted) continue;
      ASSIGN_OR_RETURN(tables.back().rows, Estimate(table.name));
    }
    return tables;
  }

  [[nodiscard]] Result<TableDescription> Describe(const std::string& table) override {
    ASSIGN_OR_RETURN(const Known* const known, Look({.table = table}));
    TableDescription description{.name = table, .columns = {}, .key = {}, .rows = known->rows};
    if (known->has_id) description.key.emplace_back(kId);
    for (const LayoutColumn& column : known->layout.columns) {
      description.columns.push_back(
          {.column = column.info, .native_type = column.native_type, .comment = {}});
    }
    return description;
  }

  [[nodiscard]] Result<std::unique_ptr<BatchReader>> Read(const SourceRead& request) override {
    ASSIGN_OR_RETURN(const Asked asked, Begin(request));
    ASSIGN_OR_RETURN(Layout layout, Narrowed(asked.layout, request));
    ASSIGN_OR_RETURN(Cursor cursor, Open(request, asked, FindOptions(layout, request.limit)));
    return std::make_unique<DocumentReader>(std::move(cursor), std::move(layout), request, [this] {
      return witness_ ? witness_->Listen() : Status{};
    });
  }

  [[nodiscard]] Result<SourceTotals> Totals(const SourceRead& request) override {
    ASSIGN_OR_RETURN(const Asked asked, Begin(request));
    const std::string stages =
        Query{.collection = {}, .pipeline = asked.Stages(request.limit), .keeps_documents = true}
            .Then(R"({"$group": {"_id": null, "rows": {"$sum": 1}}})");
    ASSIGN_OR_RETURN(Cursor cursor, connection_.Aggregate(asked.query.collection, stages,
                                                          kAggregateOptions, request.cancel));
    ASSIGN_OR_RETURN(const auto counted, cursor.Next());
    SourceTotals totals;
    if (!counted) return totals;  // no document: no group
    const auto rows = aimass::mongodb::Find(*counted, "rows");
    if (!rows || (rows->type != BsonType::kInt32 && rows->type != BsonType::kInt64))
      return Fail(ErrorCode::kInternal, "the database counted nothing");
    totals.rows = rows->Whole();
    return totals;
  }

  // There is no moment that lasts as long as a collection does. What changes from now on is heard
  // of.
  [[nodiscard]] Result<bool> Freeze(const SourceConnection* /*beside*/) override {
    frozen_ = true;
    began_ = false;
    witness_.reset();
    return false;
  }

  [[nodiscard]] Result<SourceChanges> Changes() override {
    if (!witness_) return SourceChanges{};
    RETURN_IF_ERROR(witness_->Await());
    if (witness_->everything()) {
      return WithHint(
          Fail(ErrorCode::kUnprocessable,
               "too many documents changed while they were read, or the collection was dropped or "
               "renamed"),
          Msg("collect them when less is written"));
    }
    return SourceChanges{.any = witness_->any(), .touched = [this](const Json& key) {
                           const auto id = key.find(std::string(kId));
                           return id != key.end() && witness_->Changed(*id);
                         }};
  }

 private:
  static constexpr std::string_view kAggregateOptions =
      R"({"batchSize": 100, "allowDiskUse": true})";

  struct Table {
    std::string name;
    bool view = false;
    bool has_id = false;  // each document has one, and no two the same
  };
  // What a table or a query looks like.
  struct Known {
    Layout layout;
    bool has_id = false;
    std::optional<std::int64_t> rows;  // an estimate
  };
  // What a request means.
  struct Asked {
    Query query;  // of a table: its name, and no stage
    Layout layout;
    std::string filter;
    bool table = true;

    [[nodiscard]] std::string Stages(std::int64_t limit) const {
      Query all = query;
      if (filter != "{}") all.pipeline = all.Then("{\"$match\": " + filter + "}");
      if (limit > 0)
        all.pipeline = all.Then(fmt::format(R"({{"$limit": {{"$numberLong": "{}"}}}})", limit));
      return all.pipeline;
    }
  };

  // Collections that the user may see, without the server's own.
  Result<std::vector<Table>> Tables() {
    ASSIGN_OR_RETURN(Cursor cursor, connection_.Collections());
    std::vector<Table> tables;
    for (;;) {
      ASSIGN_OR_RETURN(const auto document, cursor.Next());
      if (!document) break;
      const auto name = aimass::mongodb::Find(*document, "name");
      const auto type = aimass::mongodb::Find(*document, "type");
      if (!name || name->bytes.starts_with("system.")) continue;
      const std::string_view kind = type ? type->bytes : "collection";
      tables.push_back({.name = std::string(name->bytes),
                        .view = kind == "view",
                        .has_id = kind == "collection"});
    }
    std::ranges::sort(tables, {}, &Table::name);
    return tables;
  }

  // By the collection's metadata; none where the user may not ask.
  Result<std::optional<std::int64_t>> Estimate(const std::string& table) {
    const auto reply = connection_.Run("{\"count\": " + Quoted(table) + "}");
    if (!reply && IsBroken(reply.error())) return std::unexpected(reply.error());
    const auto rows = reply ? aimass::mongodb::Find(*reply, "n") : std::nullopt;
    if (!rows) return std::optional<std::int64_t>();
    switch (rows->type) {
      case BsonType::kInt32:
      case BsonType::kInt64:
        return std::optional(rows->Whole());
      case BsonType::kDouble:
        return ExactWhole(rows->Double());
      default:
        return std::optional<std::int64_t>();
    }
  }

  Status CheckTables(std::vector<Check>& checks) {
    const std::string& database = connection_.options().database;
    const Message grant = Msg("let an administrator of the database run: {}",
                              aimass::mongodb::GrantOfRead(connection_.options()));
    const auto tables = Tables();
    if (!tables && IsBroken(tables.error())) return std::unexpected(tables.error());
    if (!tables) {
      const Error& error = tables.error();
      checks.push_back({.ok = false, .message = error.message, .hint = error.hint});
      return {};
    }
    if (tables->empty()) {
      checks.push_back({.ok = false,
                        .message = Msg("no table of the database '{}' may be read", database),
                        .hint = connection_.options().user.empty()
                                    ? Msg("check the name of the database")
                                    : grant});
      return {};
    }
    std::string refused;
    for (const Table& table : std::span(*tables).first(std::min(tables->size(), kTriedTables))) {
      ASSIGN_OR_RETURN(Cursor cursor, connection_.Find(table.name, "{}", R"({"limit": 1})"));
      const auto document = cursor.Next();
      if (document) continue;
      if (IsBroken(document.error())) return std::unexpected(document.error());
      refused += (refused.empty() ? "" : ", ") + table.name;
    }
    if (!refused.empty()) {
      checks.push_back({.ok = false,
                        .message = Msg("these tables of the database '{}' may not be read: {}",
                                       database, refused),
                        .hint = grant});
      return {};
    }
    checks.push_back(
        {.ok = true,
         .message = Msg("{} tables of the database '{}' may be read", tables->size(), database),
         .hint = {}});
    return CheckWitness(tables->front().name, checks);
  }

  Status CheckWitness(const std::string& table, std::vector<Check>& checks) {
    const auto witness = Witness::Begin(connection_, table);
    if (witness) return {};
    const Error& error = witness.error();
    if (IsBroken(error)) return std::unexpected(error);
    checks.push_back(
        {.ok = true,
         .message = Msg("it does not say which documents change while they are read: a run in "
                        "which some do fails"),
         .hint = error.hint.empty() ? error.message : error.hint});
    return {};
  }

  // What it looks like stays as it is while the connection lives.
  Result<const Known*> Look(const SourceRead& request) {
    const auto key = std::pair(request.table, request.query);
    if (const auto found = known_.find(key); found != known_.end()) return &found->second;
    Known known;
    Sample sample;
    if (request.query.empty()) {
      ASSIGN_OR_RETURN(const Table table, Find(request.table));
      known.has_id = table.has_id;
      if (!table.view) {
        ASSIGN_OR_RETURN(known.rows, Estimate(table.name));
      }
      RETURN_IF_ERROR(SampleTable(table, sample, request.cancel));
    } else {
      ASSIGN_OR_RETURN(const Query query, ParseQuery(request.query));
      ASSIGN_OR_RETURN(
          Cursor cursor,
          connection_.Aggregate(query.collection,
                                query.Then(fmt::format(R"({{"$limit": {}}})", kSampledOfQuery)),
                                kAggregateOptions, request.cancel));
      RETURN_IF_ERROR(AddTo(sample, cursor));
    }
    known.layout = LayoutOf(sample, known.has_id);
    return &known_.emplace(key, std::move(known)).first->second;
  }

  Result<Table> Find(const std::string& name) {
    ASSIGN_OR_RETURN(const std::vector<Table> tables, Tables());
    const auto found = std::ranges::find(tables, name, &Table::name);
    if (found != tables.end()) return *found;
    std::vector<SourceTable> known;
    for (const Table& table : tables) known.push_back({.name = table.name});
    return NoTable(connection_.options().database, name, known);
  }

  // The oldest documents, the newest, and some among them. Of a view only the first: to sort it or
  // to choose from it, the server would have to make all of it.
  Status SampleTable(const Table& table, Sample& sample, const CancelToken& cancel) {
    const auto orders = table.has_id
                            ? std::vector<std::string>{R"({"$natural": 1})", R"({"$natural": -1})"}
                            : std::vector<std::string>{"{}"};
    for (const std::string& order : orders) {
      const std::string options =
          fmt::format(R"({{"limit": {}, "batchSize": 100, "sort": {}}})", kSampledAtEnds, order);
      ASSIGN_OR_RETURN(Cursor cursor, connection_.Find(table.name, "{}", options, cancel));
      RETURN_IF_ERROR(AddTo(sample, cursor));
    }
    if (!table.has_id || sample.documents() < kSampledAtEnds) return {};
    const std::string among = fmt::format(R"([{{"$sample": {{"size": {}}}}}])", kSampledAmong);
    ASSIGN_OR_RETURN(Cursor cursor,
                     connection_.Aggregate(table.name, among, kAggregateOptions, cancel));
    return AddTo(sample, cursor);
  }

  static Status AddTo(Sample& sample, Cursor& cursor) {
    for (std::size_t bytes = 0; bytes < kSampledBytes;) {
      ASSIGN_OR_RETURN(const auto document, cursor.Next());
      if (!document) return {};
      RETURN_IF_ERROR(sample.Add(*document));
      bytes += document->size();
    }
    return {};
  }

  Result<Asked> Begin(const SourceRead& request) {
    Asked asked{.query = {.collection = request.table, .pipeline = "[]", .keeps_documents = true},
                .layout = {},
                .filter = {},
                .table = request.query.empty()};
    if (!asked.table) {
      ASSIGN_OR_RETURN(asked.query, ParseQuery(request.query));
    }
    if (request.as) {
      asked.layout = LayoutOf(*request.as);
    } else {
      ASSIGN_OR_RETURN(const Known* const known, Look(request));
      asked.layout = known->layout;
    }
    ASSIGN_OR_RETURN(asked.filter, FilterOf(request.range, asked.layout));
    if (frozen_ && asked.query.keeps_documents) RETURN_IF_ERROR(Watch(asked.query.collection));
    return asked;
  }

  Result<Cursor> Open(const SourceRead& request, const Asked& asked, const std::string& options) {
    if (asked.table)
      return connection_.Find(asked.query.collection, asked.filter, options, request.cancel);
    return connection_.Aggregate(asked.query.collection, asked.Stages(request.limit),
                                 kAggregateOptions, request.cancel);
  }

  // From before the first document is read.
  Status Watch(const std::string& collection) {
    if (began_) return {};
    began_ = true;
    auto witness = Witness::Begin(connection_, collection);
    if (witness) {
      witness_.emplace(std::move(*witness));
      return {};
    }
    if (IsBroken(witness.error())) return std::unexpected(std::move(witness).error());
    return {};  // then whatever differs counts
  }

  Connection connection_;
  std::map<std::pair<std::string, std::string>, Known> known_;  // by table and query
  bool frozen_ = false;
  bool began_ = false;  // to listen, or it cannot be
  std::optional<Witness> witness_;
};

Result<std::unique_ptr<SourceConnection>> Connect(const Settings& settings) {
  Options options{.host = settings.at("host"),
                  .port = static_cast<int>(IntegerOf(settings, "port")),
                  .user = settings.at("user"),
                  .password = settings.at("password"),
                  .database = settings.at("database"),
                  .auth_source = settings.at("auth_source"),
                  .auth_mechanism = settings.at("auth_mechanism"),
                  .replica_set = settings.at("replica_set"),
                  .read_preference = settings.at("read_preference"),
                  .tls = TlsOf(settings.at("tls")),
                  .ca_file = settings.at("ca_file")};
  if (options.auth_mechanism == "auto") options.auth_mechanism.clear();
  options.timeout_s = static_cast<int>(IntegerOf(settings, "timeout_s"));
  ASSIGN_OR_RETURN(Connection connection, Connection::Open(options));
  return std::make_unique<Database>(std::move(connection));
}

}  // namespace

void Register(ConnectorRegistry& registry) {
  registry.Add({.name = "mongodb",
                .label = {"MongoDB", "MongoDB"},
                .fields = kFields,
                .can = {.query = true, .incremental = true, .count = true, .moment = false},
                .connect = Connect});
}

}  // namespace aimass::connectors::mongodb
