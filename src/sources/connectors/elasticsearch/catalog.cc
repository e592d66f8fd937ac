#include "sources/connectors/elasticsearch/catalog.h"

#include <algorithm>
#include <map>
#include <utility>

namespace aimass::connectors::elasticsearch {
namespace {

constexpr std::size_t kMaxTables = 10'000;
constexpr std::size_t kTried = 20;  // tables that a test of the source looks into
constexpr std::size_t kNamed = 5;

bool Holds(const Json& list, std::string_view word) {
  return list.is_array() && std::ranges::any_of(list, [word](const Json& one) {
           return one.is_string() && one.get_ref<const std::string&>() == word;
         });
}

// "→ orders-2026.01, orders-2026.02, …"
std::string Leads(const Json& indices) {
  std::string text;
  std::size_t count = 0;
  if (indices.is_string()) return "→ " + indices.get<std::string>();
  for (const Json& index : indices) {
    if (!index.is_string()) continue;
    text += text.empty() ? "→ " : ", ";
    if (++count > kNamed) return text + "…";
    text += index.get<std::string>();
  }
  return text;
}

using Counts = std::map<std::string, std::int64_t, std::less<>>;

// Documents by index; nothing where the server does not tell.
Counts CountsOf(Client& client) {
  const Json terms = {{"field", "_index"}, {"size", kMaxTables}};
  const Json body = {{"size", 0}, {"aggs", {{"count", {{"terms", terms}}}}}};
  const auto answer =
      client.Ask("POST", "/_search?ignore_unavailable=true&allow_no_indices=true", body, {}, {});
  Counts counts;
  if (!answer) return counts;
  const Json& found = MemberOf(MemberOf(*answer, "aggregations"), "count");
  for (const Json& bucket : MemberOf(found, "buckets")) {
    const Json& count = MemberOf(bucket, "doc_count");
    if (count.is_number_integer()) counts[TextAt(bucket, "key")] = count.get<std::int64_t>();
  }
  return counts;
}

Check SignedIn(Client& client, const Server& server) {
  const char* const path =
      server.opensearch ? "/_plugins/_security/authinfo" : "/_security/_authenticate";
  const auto answer = client.Ask("GET", path, nullptr, {}, {});
  const std::string user =
      answer ? TextAt(*answer, server.opensearch ? "user_name" : "username") : std::string();
  if (!user.empty()) return {.ok = true, .message = Msg("signed in as {}", user), .hint = {}};
  return {.ok = true, .message = Msg("it does not ask who reads it"), .hint = {}};
}

}  // namespace

Result<std::vector<SourceTable>> TablesOf(Client& client, bool counted) {
  ASSIGN_OR_RETURN(const Json answer,
                   client.Ask("GET", "/_resolve/index/*?expand_wildcards=open", nullptr, {}, {}));
  const Counts counts = counted ? CountsOf(client) : Counts();
  std::vector<SourceTable> tables;
  const auto add = [&](std::string name, bool view, std::string comment,
                       std::optional<std::int64_t> rows) {
    if (name.empty() || name.front() == '.') return;
    tables.push_back({.name = std::move(name),
                      .view = view,
                      .comment = std::move(comment),
                      .rows = counted ? rows : std::nullopt});
  };
  for (const Json& index : MemberOf(answer, "indices")) {
    const Json& attributes = MemberOf(index, "attributes");
    if (Holds(attributes, "hidden") || Holds(attributes, "system") || Holds(attributes, "closed"))
      continue;
    const std::string name = TextAt(index, "name");
    const auto found = counts.find(name);
    // Of an index without documents the server counts nothing.
    std::optional<std::int64_t> rows;
    if (!counts.empty()) rows = found == counts.end() ? 0 : found->second;
    add(name, false, {}, rows);
  }
  for (const Json& alias : MemberOf(answer, "aliases"))
    add(TextAt(alias, "name"), true, Leads(MemberOf(alias, "indices")), std::nullopt);
  for (const Json& stream : MemberOf(answer, "data_streams")) {
    const Json& backing = MemberOf(stream, "backing_indices");
    std::int64_t rows = 0;
    for (const Json& index : backing) {
      const auto found =
          index.is_string() ? counts.find(index.get_ref<const std::string&>()) : counts.end();
      if (found != counts.end()) rows += found->second;
    }
    add(TextAt(stream, "name"), false, TextAt(stream, "timestamp_field"),
        counts.empty() ? std::nullopt : std::optional(rows));
  }
  std::ranges::sort(tables, {}, &SourceTable::name);
  if (tables.size() > kMaxTables) tables.resize(kMaxTables);
  return tables;
}

Result<std::vector<Check>> CheckRights(Client& client, const Server& server) {
  std::vector<Check> checks;
  checks.push_back(SignedIn(client, server));
  const auto found = TablesOf(client, false);
  const auto denied = [](const Error& error) { return error.code == ErrorCode::kPermissionDenied; };
  if (!found && !denied(found.error())) return std::unexpected(found.error());
  const std::vector<SourceTable> tables = found.value_or(std::vector<SourceTable>());
  if (tables.empty()) {
    checks.push_back({.ok = false,
                      .message = Msg("no table of the database '{}' may be read", server.cluster),
                      .hint = Msg("let an administrator of the database run: {}", RoleFor({}))});
    return checks;
  }
  std::string names;
  for (std::size_t i = 0; i < tables.size() && i < kTried; ++i)
    names += (i == 0 ? "" : ",") + curl::EscapedPart(tables[i].name);
  const auto read = client.Ask("POST", "/" + names + "/_search", Json{{"size", 0}}, {}, {});
  if (!read && !denied(read.error())) return std::unexpected(read.error());
  if (read) {
    checks.push_back({.ok = true,
                      .message = Msg("{} tables of the database '{}' may be read", tables.size(),
                                     server.cluster),
                      .hint = {}});
  } else {
    checks.push_back({.ok = false, .message = read.error().message, .hint = read.error().hint});
  }
  return checks;
}

}  // namespace aimass::connectors::elasticsearch
