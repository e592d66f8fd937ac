#include "sources/connectors/elasticsearch/sink.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "base/excerpt.h"
#include "sources/connectors/elasticsearch/bulk.h"
#include "sources/connectors/elasticsearch/moment.h"
#include "sources/connectors/elasticsearch/pages.h"
#include "sources/connectors/elasticsearch/reader.h"
#include "sources/connectors/elasticsearch/target.h"
#include "table/json_rows.h"

namespace aimass::connectors::elasticsearch {
namespace {

constexpr std::size_t kPageHits = 5000;
constexpr std::size_t kShownBytes = 100;
constexpr std::string_view kMoving = "moving";
constexpr std::string_view kDone = "done";

std::unexpected<Error> NotById() {
  return WithHint(
      Fail(ErrorCode::kUnprocessable, "documents are told apart by _id, and by no other key"),
      Msg("name the column _id in SQL: SELECT id AS _id, …"));
}

std::string PathOf(std::string_view index) { return "/" + curl::EscapedPart(index); }

std::string DeliveryPath(std::string_view id) {
  return PathOf(kDeliveries) + "/_doc/" + curl::EscapedPart(id);
}

// "orders-aimass-01j…": names of indices have no capital letters. Never that of the target, which a
// delivery of the same id may have put there.
std::string StageOf(const Target& target, std::string_view id) {
  const std::string base = target.index.substr(0, target.index.find(kStageMark));
  std::string name = fmt::format("{}{}{}", base, kStageMark, id);
  std::ranges::transform(name, name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return name == target.index ? name + "-2" : name;
}

// Of a delivery: kMoving, kDone; empty: nothing is known of it.
Result<std::string> StateOf(Client& client, const std::string& id) {
  const auto answer = client.Ask("GET", DeliveryPath(id), nullptr, kDeliveries, {});
  if (!answer && answer.error().code == ErrorCode::kNotFound) return std::string();
  if (!answer) return std::unexpected(answer.error());
  return TextAt(MemberOf(*answer, "_source"), "state");
}

class Writer final : public SinkWriter {
 public:
  Writer(Client& client, const Server& server, SinkRequest request, Target target, Layout layout)
      : client_(client),
        server_(server),
        request_(std::move(request)),
        target_(std::move(target)),
        stage_(StageOf(target_, request_.id)),
        staged_(client_, stage_, Bulk::Action::kIndex, request_.cancel) {
    for (const ColumnInfo& column : request_.schema.columns)
      columns_.columns.push_back(*layout.Find(column.name));
    columns_.objects = std::move(layout.objects);
    id_column_ = request_.schema.Find("_id");
  }
  ~Writer() override {
    if (!kept_) client_.Tell("DELETE", PathOf(stage_), nullptr);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  Status Begin() {
    // Of an attempt that was killed.
    const auto removed = Ask("DELETE", PathOf(stage_) + "?ignore_unavailable=true", nullptr);
    if (!removed && removed.error().code != ErrorCode::kNotFound)
      return std::unexpected(removed.error());
    Json settings = target_.settings;
    settings["hidden"] = true;
    if (request_.mode != SendMode::kReplace) settings["number_of_replicas"] = 0;
    const Json index = {{"settings", {{"index", std::move(settings)}}},
                        {"mappings", target_.mappings}};
    return Do("PUT", PathOf(stage_), index);
  }

  Status Add(const Batch& batch) override {
    std::string document;
    for (std::size_t row = 0; row < batch.num_rows(); ++row) {
      if (row % 256 == 0) RETURN_IF_ERROR(request_.cancel.Check());
      ++added_;
      if (id_column_ && batch.column(*id_column_).IsNull(row))
        return Fail(ErrorCode::kUnprocessable, "row {} has no _id", added_);
      document.clear();
      RETURN_IF_ERROR(AppendDocument(document, batch, row));
      RETURN_IF_ERROR(staged_.Add(IdOf(batch, row), document));
    }
    return {};
  }

  Result<std::unique_ptr<BatchReader>> Added() override {
    ASSIGN_OR_RETURN(auto moment, Staged());
    SourceRead read;
    read.table = stage_;
    read.cancel = request_.cancel;
    return ReadDocuments(client_, server_, std::move(moment), columns_,
                         {{"match_all", Json::object()}}, stage_, read);
  }

  Status Commit() override {
    if (request_.mode == SendMode::kReplace) return Replace();
    if (request_.mode == SendMode::kUpsert) return Move(Bulk::Action::kIndex);
    return Append();
  }

 private:
  Status Append() {
    ASSIGN_OR_RETURN(const std::string state, StateOf(client_, request_.id));
    // An earlier attempt looked for them before it began to move.
    if (state.empty() && id_column_) RETURN_IF_ERROR(CheckNew());
    RETURN_IF_ERROR(Note(kMoving));
    RETURN_IF_ERROR(Move(Bulk::Action::kCreate));
    return Note(kDone);
  }

  // At once for everybody who reads, of all names that the old index had.
  Status Replace() {
    RETURN_IF_ERROR(staged_.Flush());
    RETURN_IF_ERROR(Do("POST", PathOf(stage_) + "/_refresh", nullptr));
    RETURN_IF_ERROR(Do("PUT", PathOf(stage_) + "/_settings", {{"index", {{"hidden", false}}}}));
    Json actions = Json::array({{{"remove_index", {{"index", target_.index}}}}});
    const auto name = [&](const std::string& alias, Json how) {
      how["index"] = stage_;
      how["alias"] = alias;
      actions.push_back({{"add", std::move(how)}});
    };
    if (target_.index == request_.table) name(request_.table, Json::object());
    if (target_.aliases.is_object()) {
      for (const auto& [alias, how] : target_.aliases.items()) name(alias, how);
    }
    kept_ = true;  // from here on it may be the index, whatever is heard of it
    Status done = Do("POST", "/_aliases", {{"actions", std::move(actions)}});
    if (done) return done;
    const auto now = TargetOf(client_, request_.table);
    if (now && *now && (*now)->index == stage_) return {};
    if (now) kept_ = false;
    return done;
  }

  Status Move(Bulk::Action action) {
    Bulk bulk(client_, target_.index, action, request_.cancel);
    RETURN_IF_ERROR(
        EachStaged([&bulk](const Row& row) { return bulk.Add(row.id(), row.document()); }));
    RETURN_IF_ERROR(bulk.Flush());
    return Do("POST", PathOf(target_.index) + "/_refresh", nullptr);
  }

  Status CheckNew() {
    Json ids = Json::array();
    const auto look = [&]() -> Status {
      if (ids.empty()) return {};
      ASSIGN_OR_RETURN(const Json answer,
                       Ask("POST", PathOf(target_.index) + "/_mget?_source=false",
                           {{"ids", std::exchange(ids, Json::array())}}));
      for (const Json& one : MemberOf(answer, "docs")) {
        if (MemberOf(one, "found") != true) continue;
        return WithHint(Fail(ErrorCode::kUnprocessable, "a document with the _id '{}' is there",
                             MemberOf(one, "_id").get<std::string>()),
                        Msg("mode upsert puts rows in the place of those with the same key"));
      }
      return {};
    };
    RETURN_IF_ERROR(EachStaged([&](const Row& row) -> Status {
      ids.push_back(row.id());
      return ids.size() < kPageHits ? Status() : look();
    }));
    return look();
  }

  // What was added, as it is now.
  Result<std::shared_ptr<Moment>> Staged() {
    RETURN_IF_ERROR(staged_.Flush());
    RETURN_IF_ERROR(Do("POST", PathOf(stage_) + "/_refresh", nullptr));
    moments_ = std::make_unique<Moments>(client_.options(), server_);
    return moments_->At(stage_, request_.cancel);
  }

  Status EachStaged(const std::function<Status(const Row&)>& use) {
    ASSIGN_OR_RETURN(const auto moment, Staged());
    Pages pages(client_, server_, *moment,
                {.filter = {{"match_all", Json::object()}},
                 .wanted = {{"_source", true}},
                 .table = stage_,
                 .cancel = request_.cancel},
                moment->layout());
    const auto take = [&] { return use(pages.row()); };
    for (bool more = true; more;) {
      RETURN_IF_ERROR(request_.cancel.Check());
      ASSIGN_OR_RETURN(more, pages.Next(kPageHits, take));
    }
    return {};
  }

  [[nodiscard]] std::string IdOf(const Batch& batch, std::size_t row) const {
    if (id_column_) return std::string(batch.column(*id_column_).Bytes(row));
    return fmt::format("{}-{}", request_.id, added_);
  }

  Status AppendDocument(std::string& out, const Batch& batch, std::size_t row) const {
    out += '{';
    for (std::size_t i = 0; i < columns_.columns.size(); ++i) {
      const ColumnView& column = batch.column(i);
      if (i == id_column_ || column.IsNull(row)) continue;
      const LayoutColumn& place = columns_.columns[i];
      if (out.size() > 1) out += ',';
      AppendJsonText(out, place.path);
      out += ':';
      if (place.field.form != Form::kJson) {
        AppendJsonValue(out, column, row);
        continue;
      }
      const auto json = ParseJson(column.Bytes(row));
      if (!json) {
        return Fail(ErrorCode::kUnprocessable, "column '{}': '{}' is no JSON", place.info.name,
                    Excerpt(column.Bytes(row), kShownBytes));
      }
      out += json->dump();
    }
    out += '}';
    return {};
  }

  Status Note(std::string_view state) {
    return Do("PUT", DeliveryPath(request_.id) + "?refresh=true", {{"state", state}});
  }

  Result<Json> Ask(std::string_view method, const std::string& path, const Json& body) {
    return client_.Ask(method, path, body, request_.table, request_.cancel);
  }
  Status Do(std::string_view method, const std::string& path, const Json& body) {
    ASSIGN_OR_RETURN(const Json answer, Ask(method, path, body));
    return {};
  }

  Client& client_;
  const Server& server_;
  SinkRequest request_;
  Target target_;
  std::string stage_;
  Layout columns_;  // of the request, in its order
  std::optional<std::size_t> id_column_;
  Bulk staged_;
  std::unique_ptr<Moments> moments_;
  std::int64_t added_ = 0;  // rows
  bool kept_ = false;       // the stage has become the index
};

class Sink final : public SinkConnection {
 public:
  Sink(Client client, Server server) : client_(std::move(client)), server_(std::move(server)) {}

  Result<std::optional<SinkTable>> Describe(const std::string& table) override {
    ASSIGN_OR_RETURN(const auto target, TargetOf(client_, table));
    if (!target) return std::optional<SinkTable>();
    ASSIGN_OR_RETURN(const Layout layout, LayoutOf(*target));
    SinkTable described{.columns = {}, .key = {"_id"}};
    for (const LayoutColumn& column : layout.columns) {
      if (!TakesValues(column)) continue;
      described.columns.push_back(
          {.column = column.info, .verbatim = column.field.form != Form::kJson});
    }
    return std::optional(std::move(described));
  }

  Status Create(const std::string& table, const Schema& schema,
                const std::vector<std::string>& key) override {
    if (!key.empty() && !IsId(key)) return NotById();
    ASSIGN_OR_RETURN(Json mapping, MappingFor(schema));
    ASSIGN_OR_RETURN(const Json made, client_.Ask("PUT", PathOf(table),
                                                  {{"mappings", std::move(mapping)}}, table, {}));
    return {};
  }

  Result<bool> Delivered(const std::string& id) override {
    ASSIGN_OR_RETURN(const std::string state, StateOf(client_, id));
    return state == kDone;
  }

  Result<std::unique_ptr<SinkWriter>> Write(const SinkRequest& request) override {
    if (request.mode == SendMode::kUpsert && !IsId(request.key)) return NotById();
    ASSIGN_OR_RETURN(auto target, TargetOf(client_, request.table));
    if (!target)
      return Fail(ErrorCode::kNotFound, "the database has no such thing: {}", request.table);
    ASSIGN_OR_RETURN(Layout layout, LayoutOf(*target));
    if (request.mode == SendMode::kAppend) RETURN_IF_ERROR(MakeDeliveries(request.table));
    auto writer =
        std::make_unique<Writer>(client_, server_, request, std::move(*target), std::move(layout));
    RETURN_IF_ERROR(writer->Begin());
    return writer;
  }

 private:
  static bool IsId(const std::vector<std::string>& key) {
    return key.size() == 1 && key.front() == "_id";
  }

  // `table`: what rights are missing for.
  Status MakeDeliveries(const std::string& table) {
    const std::string path = PathOf(kDeliveries);
    const auto there = client_.Ask("GET", path, nullptr, table, {});
    if (there) return {};
    if (there.error().code != ErrorCode::kNotFound) return std::unexpected(there.error());
    const Json index = {{"settings", {{"index", {{"hidden", true}, {"number_of_shards", 1}}}}}};
    const auto made = client_.Ask("PUT", path, index, table, {});
    // Somebody else may have been first.
    if (made || client_.Ask("GET", path, nullptr, table, {})) return {};
    return std::unexpected(made.error());
  }

  Client client_;
  Server server_;
};

}  // namespace

std::unique_ptr<SinkConnection> SinkOf(Client client, Server server) {
  return std::make_unique<Sink>(std::move(client), std::move(server));
}

}  // namespace aimass::connectors::elasticsearch
