#include "sources/connectors/elasticsearch/moment.h"

#include <algorithm>
#include <utility>

#include "sources/connectors/elasticsearch/catalog.h"
#include "sources/connectors/elasticsearch/reader.h"
#include "sources/database.h"

namespace aimass::connectors::elasticsearch {
namespace {

// Renewed by each search. Between the last page and the count a large dataset may be merged.
constexpr const char* kKeepAlive = "15m";

}  // namespace

bool MayBeTable(std::string_view name) {
  constexpr std::string_view kNever = "\\/?\"<>| #:%";
  return !name.empty() && name.size() <= 1000 && name.front() != '_' && name.front() != '-' &&
         name.front() != '+' && name.find_first_of(kNever) == std::string_view::npos;
}

Json Moment::Pit() const { return {{"id", PitId()}, {"keep_alive", kKeepAlive}}; }

std::string Moment::PitId() const {
  return pit_.With([](const std::string& pit) { return pit; });
}

void Moment::Renamed(std::string_view pit) {
  pit_.With([pit](std::string& known) {
    if (known != pit) known = pit;
  });
}

Moments::~Moments() {
  for (const auto& [table, moment] : open_) Close(moment->PitId());
}

Result<std::shared_ptr<Moment>> Moments::At(const std::string& table, const CancelToken& cancel) {
  const std::scoped_lock lock(mutex_);
  if (const auto found = open_.find(table); found != open_.end()) return found->second;
  ASSIGN_OR_RETURN(auto moment, Open(table, cancel));
  open_.emplace(table, moment);
  return moment;
}

// First as the mapping says; then documents tell where they hold lists.
Result<std::shared_ptr<Moment>> Moments::Open(const std::string& table, const CancelToken& cancel) {
  const std::string part = "/" + curl::EscapedPart(table);
  Json mappings;
  if (MayBeTable(table)) {
    auto answer = client_.Ask("GET", part + "/_mapping", nullptr, table, cancel);
    if (!answer && answer.error().code != ErrorCode::kNotFound)
      return std::unexpected(std::move(answer).error());
    if (answer) mappings = std::move(*answer);
  }
  if (!mappings.is_object() || mappings.empty()) {
    ASSIGN_OR_RETURN(const auto tables, TablesOf(client_, false));
    return NoTable(server_.cluster, table, tables);
  }
  ASSIGN_OR_RETURN(MappedFields fields, FieldsOf(mappings));
  const bool several = mappings.size() != 1 || mappings.begin().key() != table;
  ASSIGN_OR_RETURN(const std::string pit, OpenPit(table, cancel));
  const auto made = [&] { return std::make_shared<Moment>(pit, LayoutOf(fields, several)); };
  auto moment = made();
  auto lists = SampleLists(client_, server_, *moment, table, cancel);
  if (!lists) {
    Close(moment->PitId());
    return std::unexpected(std::move(lists).error());
  }
  if (lists->empty()) return moment;
  MarkLists(fields, *lists);
  auto marked = made();
  marked->Renamed(moment->PitId());
  return marked;
}

Result<std::string> Moments::OpenPit(const std::string& table, const CancelToken& cancel) {
  const std::string part = "/" + curl::EscapedPart(table);
  const std::string path = server_.opensearch
                               ? part +
                                     "/_search/point_in_time?allow_partial_pit_creation=false&"
                                     "keep_alive="
                               : part + "/_pit?keep_alive=";
  ASSIGN_OR_RETURN(const Json answer,
                   client_.Ask("POST", path + kKeepAlive, nullptr, table, cancel));
  RETURN_IF_ERROR(CheckWhole(answer));
  return GetString(answer, server_.opensearch ? "pit_id" : "id");
}

void Moments::Close(const std::string& pit) {
  if (server_.opensearch) {
    client_.Tell("DELETE", "/_search/point_in_time", {{"pit_id", Json::array({pit})}});
  } else {
    client_.Tell("DELETE", "/_pit", {{"id", pit}});
  }
}

}  // namespace aimass::connectors::elasticsearch
