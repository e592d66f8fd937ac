#include "sources/connectors/redis/catalog.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "base/percent.h"
#include "sources/connectors/redis/keys.h"
#include "sources/connectors/redis/stream.h"
#include "sources/fields.h"

namespace aimass::connectors::redis {
namespace {

using aimass::redis::Connection;
using aimass::redis::Reply;

constexpr std::int64_t kLookedAt = 20'000;  // keys
constexpr std::size_t kMaxTables = 1000;
constexpr std::size_t kFewKeys = 20;
constexpr std::size_t kAsked = 500;  // keys whose type is asked for at a time

// The keys that begin alike and hold the same.
struct Group {
  std::int64_t keys = 0;
  std::string first;
};
// Of what, whether it is one key, and what comes before ':' (empty: there is none).
using GroupKey = std::tuple<Shape, bool, std::string>;

class Proposals {
 public:
  explicit Proposals(Connection& connection) : connection_(connection) {}

  Result<std::vector<SourceTable>> Run() {
    ASSIGN_OR_RETURN(const Reply* const size, connection_.Ask({"DBSIZE"}));
    const std::int64_t all = size->root().integer();
    Spool keys;
    const Place every{.shape = Shape::kHash, .pattern = "*", .typed = false};
    RETURN_IF_ERROR(EachKey(connection_, every, {}, [&](std::string_view key) -> Result<bool> {
      RETURN_IF_ERROR(keys.Add(key));
      return keys.added() < kLookedAt;
    }));
    std::vector<std::string> names;
    for (bool more = true; more;) {
      ASSIGN_OR_RETURN(more, keys.Next());
      if (more) names.emplace_back(keys.id());
      if (names.size() < kAsked && more) continue;
      RETURN_IF_ERROR(AskTypes(names));
      names.clear();
    }
    if (groups_.empty() && !refused_.empty()) return connection_.FailureOf(refused_);
    const double per_seen =
        seen_ == 0 ? 0.0 : std::max(1.0, static_cast<double>(all) / static_cast<double>(seen_));
    std::vector<SourceTable> tables;
    for (const auto& [key, group] : groups_) {
      const auto& [shape, alone, prefix] = key;
      const auto rows =
          static_cast<std::int64_t>(static_cast<double>(group.keys) * (alone ? 1.0 : per_seen));
      const bool rows_are_keys = shape == Shape::kString || shape == Shape::kHash;
      std::string pattern = alone            ? Escaped(group.first)
                            : prefix.empty() ? "*"
                                             : Escaped(prefix) + ":*";
      if (shape == Shape::kStream) pattern = group.first;
      tables.push_back({.name = NameOf(shape, pattern),
                        .view = false,
                        .comment = {},
                        .rows = rows_are_keys ? std::optional(rows) : std::nullopt});
    }
    std::ranges::sort(tables, {}, &SourceTable::name);
    const auto same = std::ranges::unique(tables, {}, &SourceTable::name);
    tables.erase(same.begin(), same.end());
    if (tables.size() > kMaxTables) tables.resize(kMaxTables);
    return tables;
  }

 private:
  Status AskTypes(const std::vector<std::string>& names) {
    for (const std::string& name : names) connection_.Send({"TYPE", name});
    RETURN_IF_ERROR(connection_.Flush({}));
    for (const std::string& name : names) {
      ASSIGN_OR_RETURN(const Reply* const reply, connection_.Receive({}));
      const auto shape = ShapeOf(reply->root().text());
      ++seen_;
      if (reply->root().kind() == Reply::Kind::kError) refused_ = reply->root().text();
      // Gone by now, a type of a module, a key that this user may not look at.
      if (!shape || !IsUtf8(name)) continue;
      const std::size_t colon = *shape == Shape::kStream ? std::string::npos : name.find(':');
      std::string prefix = colon == std::string::npos ? std::string() : name.substr(0, colon);
      // A few keys without ':' are tables of their own, and so is every stream.
      const bool alone =
          colon >= name.size() && (*shape == Shape::kStream || alone_[*shape]++ < kFewKeys);
      if (alone) prefix = name;
      Group& group = groups_[{*shape, alone, std::move(prefix)}];
      if (group.keys++ == 0) group.first = name;
    }
    return {};
  }

  Connection& connection_;
  std::map<GroupKey, Group> groups_;
  std::map<Shape, std::size_t> alone_;
  std::int64_t seen_ = 0;
  std::string refused_;
};

// Reads a little of a table, as a collection would.
Status TryToRead(Connection& connection, const Place& place) {
  std::string key;
  RETURN_IF_ERROR(EachKey(connection, place, {}, [&](std::string_view found) -> Result<bool> {
    key = found;
    return false;
  }));
  if (key.empty()) return {};
  Result<const Reply*> answer = nullptr;
  switch (place.shape) {
    case Shape::kString:
      answer = connection.Ask({"STRLEN", key});
      if (answer) answer = connection.Ask({"GETRANGE", key, "0", "0"});
      break;
    case Shape::kHash:
    case Shape::kFields:
      answer = connection.Ask({"HSCAN", key, "0", "COUNT", "1"});
      break;
    case Shape::kList:
      answer = connection.Ask({"LRANGE", key, "0", "0"});
      break;
    case Shape::kSet:
      answer = connection.Ask({"SSCAN", key, "0", "COUNT", "1"});
      break;
    case Shape::kZset:
      answer = connection.Ask({"ZSCAN", key, "0", "COUNT", "1"});
      break;
    case Shape::kStream:
      answer = connection.Ask({"XINFO", "STREAM", key});
      if (answer) answer = connection.Ask({"XRANGE", key, "-", "+", "COUNT", "1"});
      break;
  }
  if (answer) return {};
  return std::unexpected(std::move(answer).error());
}

}  // namespace

Result<std::vector<SourceTable>> ProposeTables(Connection& connection) {
  return Proposals(connection).Run();
}

Result<Place> Resolve(Connection& connection, const std::string& table) {
  ASSIGN_OR_RETURN(Place place, PlaceOf(table));
  if (place.typed) return place;
  std::string key;
  RETURN_IF_ERROR(EachKey(connection, place, {}, [&](std::string_view found) -> Result<bool> {
    key = found;
    return false;
  }));
  if (key.empty()) {
    return WithHint(
        Fail(ErrorCode::kNotFound, "no key is like '{}'", table),
        Msg("where there may be none, say what they hold: '{}'", NameOf(Shape::kHash, table)));
  }
  ASSIGN_OR_RETURN(const Reply* const type, connection.Ask({"TYPE", key}));
  ASSIGN_OR_RETURN(place.shape, ShapeOf(type->root().text()));
  if (place.shape != Shape::kStream) return place;
  if (place.Key().empty()) {
    return WithHint(Fail(ErrorCode::kUnprocessable, "'{}' may be several streams", table),
                    Msg("each is a table of its own: '{}'", NameOf(Shape::kStream, key)));
  }
  return Place{.shape = Shape::kStream, .pattern = place.Key(), .typed = true};
}

Result<std::vector<Check>> CheckRights(Connection& connection, const std::string& database) {
  std::vector<Check> checks;
  const auto refused = [&checks](const Error& error) {
    checks.push_back({.ok = false, .message = error.message, .hint = error.hint});
  };
  const auto tables = ProposeTables(connection);
  if (!tables) {
    if (tables.error().code != ErrorCode::kPermissionDenied) return std::unexpected(tables.error());
    refused(tables.error());
    return checks;
  }
  std::map<Shape, bool> tried;
  std::size_t readable = 0;
  for (const SourceTable& table : *tables) {
    ASSIGN_OR_RETURN(const Place place, PlaceOf(table.name));
    if (const auto found = tried.find(place.shape); found != tried.end()) {
      readable += found->second ? 1 : 0;
      continue;
    }
    const Status read = TryToRead(connection, place);
    if (!read && read.error().code == ErrorCode::kUnavailable) return std::unexpected(read.error());
    tried[place.shape] = read.has_value();
    readable += read ? 1 : 0;
    if (!read) refused(read.error());
  }
  if (readable > 0) {
    checks.push_back(
        {.ok = true,
         .message = Msg("{} tables of the database '{}' may be read", readable, database),
         .hint = {}});
  } else if (checks.empty()) {
    checks.push_back({.ok = false,
                      .message = Msg("the database '{}' holds no keys", database),
                      .hint = Msg("is it the right one? set database to its number")});
  }
  return checks;
}

}  // namespace aimass::connectors::redis
