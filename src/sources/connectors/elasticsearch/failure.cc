#include "sources/connectors/elasticsearch/failure.h"

#include <array>

#include "base/excerpt.h"

namespace aimass::connectors::elasticsearch {
namespace {

constexpr std::size_t kShownBytes = 300;

struct Reason {
  std::string type;
  std::string words;
};

// The innermost that says something: of a search it stands with the shard that failed.
Reason ReasonOf(const Json& error) {
  if (error.is_string()) return {.type = {}, .words = error.get<std::string>()};
  for (const char* list : {"failed_shards", "root_cause", "failures"}) {
    const Json& causes = MemberOf(error, list);
    if (!causes.is_array() || causes.empty()) continue;
    const Json& nested = MemberOf(causes.front(), "reason");
    const Json& cause = nested.is_object() ? nested : causes.front();
    if (Reason reason{.type = TextAt(cause, "type"), .words = TextAt(cause, "reason")};
        !reason.words.empty()) {
      return reason;
    }
  }
  return {.type = TextAt(error, "type"), .words = TextAt(error, "reason")};
}

Reason ReasonOf(int status, std::string_view body) {
  Reason reason;
  if (const auto json = ParseJson(body)) reason = ReasonOf(MemberOf(*json, "error"));
  if (reason.words.empty())
    reason.words = body.empty() ? fmt::format("HTTP {}", status) : std::string(body);
  reason.words = Excerpt(reason.words, kShownBytes);
  return reason;
}

}  // namespace

const Json& MemberOf(const Json& json, std::string_view name) {
  static const Json kNone;
  if (!json.is_object()) return kNone;
  const auto found = json.find(name);
  return found == json.end() ? kNone : *found;
}

std::string TextAt(const Json& json, std::string_view name) {
  const Json& member = MemberOf(json, name);
  return member.is_string() ? member.get<std::string>() : std::string();
}

std::string RoleFor(std::string_view table, bool writes) {
  Json names = Json::array({table.empty() ? std::string_view("*") : table});
  Json privileges = Json::array({"read", "view_index_metadata"});
  if (writes) {
    if (!table.empty()) names.push_back(fmt::format("{}{}*", table, kStageMark));
    if (!table.empty()) names.push_back(kDeliveries);
    for (const char* more : {"write", "create_index", "manage"}) privileges.push_back(more);
  }
  const Json indices = {{"names", std::move(names)}, {"privileges", std::move(privileges)}};
  const Json role = {{"cluster", Json::array({"monitor"})}, {"indices", Json::array({indices})}};
  return "PUT /_security/role/aimass " + role.dump();
}

std::unexpected<Error> FailureOf(int status, std::string_view body, const Asked& asked) {
  const Reason reason = ReasonOf(status, body);
  if (status == 401) {
    return WithHint(
        asked.user.empty()
            ? Fail(ErrorCode::kUnauthenticated, "the database asks for a password, and none is set")
            : Fail(ErrorCode::kUnauthenticated, "the database does not let '{}' in: {}", asked.user,
                   reason.words),
        Msg("check user and password, or api_key"));
  }
  if (status == 403) {
    return WithHint(
        Fail(ErrorCode::kPermissionDenied, "the database refuses it: {}", reason.words),
        Msg("let an administrator of the database run: {}", RoleFor(asked.table, asked.writes)));
  }
  if (reason.type == "search_context_missing_exception") {
    return WithHint(Fail(ErrorCode::kUnavailable,
                         "the database no longer holds the moment that is "
                         "being read: {}",
                         reason.words),
                    Msg("a node was restarted, or too long nothing was asked for"));
  }
  if (reason.type == "circuit_breaking_exception")
    return Fail(ErrorCode::kResourceExhausted, "the database has no memory for it: {}",
                reason.words);
  if (status == 404 || reason.type == "invalid_index_name_exception")
    return Fail(ErrorCode::kNotFound, "the database has no such thing: {}", reason.words);
  if (status == 429 || status == 502 || status == 503 || status == 504)
    return Fail(ErrorCode::kUnavailable, "the database is not ready: {}", reason.words);
  return Fail(ErrorCode::kUnprocessable, "the database says: {}", reason.words);
}

Status CheckWhole(const Json& answer) {
  if (MemberOf(answer, "timed_out") == true)
    return Fail(ErrorCode::kUnavailable, "the database did not search everything in time");
  const Json& shards = MemberOf(answer, "_shards");
  const Json& failed = MemberOf(shards, "failed");
  if (!failed.is_number_integer() || failed == 0) return {};
  return Fail(ErrorCode::kUnavailable, "{} shards of the database failed: {}",
              failed.get<std::int64_t>(), ReasonOf(shards).words);
}

}  // namespace aimass::connectors::elasticsearch
