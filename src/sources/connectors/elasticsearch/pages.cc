// simdjson 3.0.
#include "sources/connectors/elasticsearch/pages.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace aimass::connectors::elasticsearch {
namespace {

using simdjson::error_code;
using simdjson::ondemand::array;
using simdjson::ondemand::object;
using simdjson::ondemand::value;

// To read an answer takes about seven times its size.
constexpr std::size_t kPageBytes = std::size_t{4} << 20;      // that are aimed at
constexpr std::size_t kMaxPageBytes = std::size_t{32} << 20;  // or fewer hits are asked for
constexpr std::size_t kMaxHitBytes = std::size_t{128} << 20;  // servers take 100 MiB, unless told
constexpr std::size_t kMaxHits = 5000;  // servers give 10,000 unless they were told otherwise
constexpr std::size_t kGrowth = 4;
constexpr const char* kSearch = "/_search?allow_partial_search_results=false";

std::unexpected<Error> NoAnswer(std::string_view why) {
  return Fail(ErrorCode::kUnavailable, "what the database sent is no answer to a search: {}", why);
}

}  // namespace

Pages::Pages(Client& client, const Server& server, Moment& moment, Search search,
             const Layout& layout)
    : client_(client),
      moment_(moment),
      search_(std::move(search)),
      shard_doc_(server.HasShardDoc()),
      row_(layout) {}

Result<bool> Pages::Next(std::size_t max_hits, const std::function<Status()>& use) {
  asked_ = std::max(std::min(size_, max_hits), Least());
  ASSIGN_OR_RETURN(std::string text, Fetch());
  hits_ = fresh_ = 0;
  RETURN_IF_ERROR(ReadPage(text, use));
  bytes_ += text.size();
  Adapt(text.size());
  return fresh_ > 0;
}

Result<std::string> Pages::Fetch() {
  Json body = search_.wanted;
  body["query"] = search_.filter;
  body["track_total_hits"] = false;
  Json order = Json::object();
  order[shard_doc_ ? "_shard_doc" : "_seq_no"] = search_.backwards ? "desc" : "asc";
  body["sort"] = Json::array({std::move(order)});
  if (!after_.empty() && shard_doc_) {
    ASSIGN_OR_RETURN(body["search_after"], ParseJson(after_));
  } else if (!after_.empty()) {
    // Of several hits with the last number some may be on the next page: it begins with all of
    // them.
    std::int64_t number = 0;
    std::from_chars(after_.data(), after_.data() + after_.size(), number);
    body["search_after"] = Json::array({search_.backwards ? number + 1 : number - 1});
  }
  for (;;) {
    body["size"] = asked_;
    body["pit"] = moment_.Pit();
    auto text = client_.AskText("POST", kSearch, body.dump(), search_.table,
                                asked_ > 1 ? kMaxPageBytes : kMaxHitBytes, search_.cancel);
    if (text) return text;
    const ErrorCode code = text.error().code;
    const bool large = code == ErrorCode::kPayloadTooLarge || code == ErrorCode::kResourceExhausted;
    if (large && asked_ > Least()) {
      asked_ = std::max(asked_ / (2 * kGrowth), Least());
      size_ = asked_;
      continue;
    }
    if (code == ErrorCode::kResourceExhausted) text.error().code = ErrorCode::kUnavailable;
    return text;
  }
}

Status Pages::ReadPage(std::string& text, const std::function<Status()>& use) {
  text.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  simdjson::ondemand::document document;
  object answer;
  Status status;
  error_code error = parser_.iterate(text).get(document);
  if (!error) error = document.get_object().get(answer);
  if (!error) error = ReadAnswer(answer, use, &status);
  if (error) return NoAnswer(simdjson::error_message(error));
  return status;
}

error_code Pages::ReadAnswer(object answer, const std::function<Status()>& use, Status* status) {
  bool found = false;
  for (auto member : answer) {
    std::string_view name;
    if (const auto error = member.unescaped_key().get(name)) return error;
    value content;
    if (const auto error = member.value().get(content)) return error;
    if (name == "pit_id") {
      std::string_view pit;
      if (const auto error = content.get_string().get(pit)) return error;
      moment_.Renamed(pit);
    } else if (name == "timed_out" || name == "_shards") {
      std::string_view raw;
      if (const auto error = RawJson(content).get(raw)) return error;
      const auto said = ParseJson(raw);
      if (!said) return simdjson::INCORRECT_TYPE;
      *status = CheckWhole({{std::string(name), *said}});
    } else if (name == "hits") {
      found = true;
      object hits;
      if (const auto error = content.get_object().get(hits)) return error;
      if (const auto error = ReadHits(hits, use, status)) return error;
    }
    if (!*status) return simdjson::SUCCESS;
  }
  return found ? simdjson::SUCCESS : simdjson::NO_SUCH_FIELD;
}

error_code Pages::ReadHits(object hits, const std::function<Status()>& use, Status* status) {
  for (auto member : hits) {
    std::string_view name;
    if (const auto error = member.unescaped_key().get(name)) return error;
    if (name != "hits") continue;
    array list;
    if (const auto error = member.value().get_array().get(list)) return error;
    for (auto element : list) {
      object hit;
      if (const auto error = element.get_object().get(hit)) return error;
      row_.Start();
      if (const auto error = row_.Read(hit)) return error;
      *status = TakeHit(use);
      if (!*status) return simdjson::SUCCESS;
    }
  }
  return simdjson::SUCCESS;
}

Status Pages::TakeHit(const std::function<Status()>& use) {
  ++hits_;
  if (row_.sort().size() < 3) return NoAnswer("sort");
  if (!shard_doc_ && SeenBefore()) return {};
  ++fresh_;
  if (shard_doc_) after_ = row_.sort();
  return use();
}

// The sort is [17], or [17,4294967301] where the server adds an order of its own.
bool Pages::SeenBefore() {
  std::string_view number = row_.sort().substr(1);
  number = number.substr(0, number.find_first_of(",]"));
  if (number != after_) {
    after_ = number;
    same_.clear();
  }
  return !same_.insert(fmt::format("{}/{}", row_.index(), row_.id())).second;
}

void Pages::Adapt(std::size_t page_bytes) {
  if (hits_ == 0) return;
  const std::size_t fit = kPageBytes / std::max<std::size_t>(1, page_bytes / hits_);
  size_ = std::max<std::size_t>(1, std::min({asked_ * kGrowth, fit, kMaxHits}));
}

}  // namespace aimass::connectors::elasticsearch
