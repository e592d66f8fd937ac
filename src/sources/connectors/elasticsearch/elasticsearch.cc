// Elasticsearch and OpenSearch, over HTTP. Tried with Elasticsearch 8.19.
#include <array>
#include <memory>
#include <utility>

#include "sources/connector.h"
#include "sources/connectors/elasticsearch/catalog.h"
#include "sources/connectors/elasticsearch/client.h"
#include "sources/connectors/elasticsearch/moment.h"
#include "sources/connectors/elasticsearch/reader.h"
#include "sources/connectors/elasticsearch/request.h"
#include "sources/connectors/elasticsearch/sink.h"

namespace aimass::connectors::elasticsearch {
namespace {

constexpr std::array kFields = {
    Field{.name = "address",
          .label = {"Address, http(s)://host:9200; of several nodes with commas",
                    "地址，http(s)://主机:9200；多个节点用逗号分隔"},
          .required = true},
    Field{.name = "user", .label = {"User", "用户"}},
    Field{.name = "password", .label = {"Password", "密码"}, .kind = FieldKind::kSecret},
    Field{.name = "api_key",
          .label = {"API key (instead of user and password)", "API 密钥（代替用户和密码）"},
          .kind = FieldKind::kSecret},
    Field{.name = "tls",
          .label = {"Certificate of https", "https 的证书"},
          .kind = FieldKind::kChoice,
          .default_value = "verify",
          .choices = "verify on"},
    Field{.name = "ca_file", .label = {"Certificate authority (file)", "证书颁发机构（文件）"}},
    Field{.name = "timeout_s",
          .label = {"Longest wait for an answer (seconds)", "等待回答的最长时间（秒）"},
          .kind = FieldKind::kInteger,
          .default_value = "60",
          .min = 1,
          .max = 3600},
    Field{.name = "writable",
          .label = {"Rows may be sent there", "允许写入"},
          .kind = FieldKind::kBool,
          .default_value = "false"},
};

class Database final : public SourceConnection {
 public:
  Database(Client client, Server server)
      : client_(std::move(client)), server_(std::move(server)), moments_(NewMoments()) {}

  [[nodiscard]] Result<std::vector<Check>> Test() override {
    std::vector<Check> checks;
    checks.push_back({.ok = true, .message = Msg("connected to {}", server_.Name()), .hint = {}});
    const bool encrypted = client_.encrypted();
    checks.push_back({.ok = true,
                      .message = encrypted ? Msg("the connection is encrypted")
                                           : Msg("the connection is not encrypted"),
                      .hint = encrypted ? Message{}
                                        : Msg("in a network that others use, have the server use "
                                              "TLS, and write https://")});
    ASSIGN_OR_RETURN(std::vector<Check> rights, CheckRights(client_, server_));
    for (Check& check : rights) checks.push_back(std::move(check));
    return checks;
  }

  [[nodiscard]] Result<std::vector<SourceTable>> ListTables() override {
    return TablesOf(client_, true);
  }

  [[nodiscard]] Result<TableDescription> Describe(const std::string& table) override {
    SourceRead ids;
    ids.table = table;
    ids.columns = {"_id"};
    ASSIGN_OR_RETURN(const Asking asking, Ask(ids));
    ASSIGN_OR_RETURN(const SourceTotals totals, Count(asking, ids));
    const Layout& layout = asking.moment->layout();
    TableDescription description{
        .name = table, .columns = {}, .key = layout.KeyColumns(), .rows = totals.rows};
    for (const LayoutColumn& column : layout.columns) {
      description.columns.push_back(
          {.column = column.info, .native_type = column.field.native_type, .comment = {}});
    }
    return description;
  }

  [[nodiscard]] Result<std::unique_ptr<BatchReader>> Read(const SourceRead& request) override {
    ASSIGN_OR_RETURN(Asking asking, Ask(request));
    return ReadDocuments(client_, server_, std::move(asking.moment), std::move(asking.layout),
                         asking.filter, asking.table, request);
  }

  [[nodiscard]] Result<SourceTotals> Totals(const SourceRead& request) override {
    ASSIGN_OR_RETURN(const Asking asking, Ask(request));
    return Count(asking, request);
  }

  // A moment is of a table, and fixed when the first of the connections asks for it.
  [[nodiscard]] Result<bool> Freeze(const SourceConnection* beside) override {
    if (const auto* const other = dynamic_cast<const Database*>(beside)) {
      moments_ = other->moments_;
      return true;
    }
    moments_ = NewMoments();
    return false;
  }

 private:
  // What a request is about.
  struct Asking {
    std::string table;
    std::shared_ptr<Moment> moment;
    Layout layout;
    Json filter;
  };

  [[nodiscard]] std::shared_ptr<Moments> NewMoments() const {
    return std::make_shared<Moments>(client_.options(), server_);
  }

  Result<Asking> Ask(const SourceRead& request) {
    ASSIGN_OR_RETURN(const Query query, QueryOf(request));
    Asking asking{.table = query.table, .moment = nullptr, .layout = {}, .filter = {}};
    ASSIGN_OR_RETURN(asking.moment, moments_->At(query.table, request.cancel));
    const Layout& whole = asking.moment->layout();
    ASSIGN_OR_RETURN(asking.filter, FilterOf(query, request, whole));
    ASSIGN_OR_RETURN(asking.layout, Narrowed(whole, request));
    return asking;
  }

  Result<SourceTotals> Count(const Asking& asking, const SourceRead& request) {
    return TotalsOf(client_, *asking.moment, asking.layout, asking.filter, asking.table, request);
  }

  Client client_;
  Server server_;
  std::shared_ptr<Moments> moments_;
};

Result<Options> OptionsOf(const Settings& settings) {
  Options options{.addresses = {},
                  .user = settings.at("user"),
                  .password = settings.at("password"),
                  .api_key = settings.at("api_key"),
                  .verify = settings.at("tls") == "verify",
                  .ca_file = settings.at("ca_file")};
  options.timeout_s = static_cast<int>(IntegerOf(settings, "timeout_s"));
  if (!options.user.empty() && !options.api_key.empty()) {
    return Fail(ErrorCode::kUnprocessable,
                "a source signs in either with user and password or with an api_key");
  }
  ASSIGN_OR_RETURN(options.addresses, AddressesOf(settings.at("address")));
  return options;
}

Result<std::unique_ptr<SourceConnection>> Connect(const Settings& settings) {
  ASSIGN_OR_RETURN(Options options, OptionsOf(settings));
  Client client(std::move(options));
  ASSIGN_OR_RETURN(Server server, client.Greet());
  return std::make_unique<Database>(std::move(client), std::move(server));
}

Result<std::unique_ptr<SinkConnection>> ConnectSink(const Settings& settings) {
  ASSIGN_OR_RETURN(Options options, OptionsOf(settings));
  options.writes = true;
  Client client(std::move(options));
  ASSIGN_OR_RETURN(Server server, client.Greet());
  return SinkOf(std::move(client), std::move(server));
}

}  // namespace

void Register(ConnectorRegistry& registry) {
  registry.Add(
      {.name = "elasticsearch",
       .label = {"Elasticsearch and OpenSearch", "Elasticsearch 与 OpenSearch"},
       .fields = kFields,
       .can = {.query = true, .incremental = true, .count = true, .sums = true, .write = true},
       .connect = Connect,
       .connect_sink = ConnectSink});
}

}  // namespace aimass::connectors::elasticsearch
