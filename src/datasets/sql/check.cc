#include "datasets/sql/check.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <utility>

#include "base/json.h"
#include "datasets/sql/function_lists.h"
#include "native/duckdb/errors.h"

namespace aimass {
namespace {

constexpr std::size_t kMaxSqlBytes = 256 << 10;
constexpr int kMaxDepth =
    3000;  // levels of the syntax tree; DuckDB's own limit on expressions is 1000

/// DuckDB compares names without regard to the case of A–Z only.
std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string Text(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool IsSet(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  return found != object.end() && !found->is_null() &&
         !(found->is_string() && found->get_ref<const std::string&>().empty());
}

template <std::size_t N>
bool IsAmong(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

// What DuckDB's parser can make of a SELECT and what is known to be harmless by itself. Anything
// else, also what a later DuckDB adds, is refused.
constexpr std::array<std::string_view, 18> kExpressions{"BETWEEN",     "CASE",
                                                        "CAST",        "COLLATE",
                                                        "COLUMN_REF",  "COMPARISON",
                                                        "CONJUNCTION", "CONSTANT",
                                                        "DEFAULT",     "FUNCTION",
                                                        "LAMBDA",      "LAMBDA_REF",
                                                        "OPERATOR",    "POSITIONAL_REFERENCE",
                                                        "STAR",        "SUBQUERY",
                                                        "WINDOW",      "TYPE"};
constexpr std::array<std::string_view, 3> kQueryNodes{"SELECT_NODE", "SET_OPERATION_NODE",
                                                      "RECURSIVE_CTE_NODE"};
constexpr std::array<std::string_view, 5> kTableNodes{"SUBQUERY", "JOIN", "EXPRESSION_LIST",
                                                      "PIVOT", "EMPTY"};
constexpr std::array<std::string_view, 8> kModifiers{
    "ORDER_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "DISTINCT_MODIFIER",
    "ASCENDING",      "DESCENDING",     "ORDER_DEFAULT",          "INVALID"};

/// The names that WITH has put between a query and the datasets, innermost last.
using Scope = std::vector<std::string>;

bool IsIn(const Scope& scope, std::string_view name) {
  return std::ranges::find(scope, Lower(name)) != scope.end();
}

class Walker {
 public:
  explicit Walker(const SqlFunctionRegistry* functions) : functions_(functions) {}

  Status Walk(const Json& node, const Scope& scope) {
    if (node.is_array()) {
      for (const Json& item : node) RETURN_IF_ERROR(Walk(item, scope));
      return {};
    }
    if (!node.is_object()) return {};
    if (const std::string kind = Text(node, "class"); !kind.empty())
      return WalkExpression(node, kind, scope);
    // A constant ({"type": {…}, "value": …}) holds no part of a query.
    if (const auto found = node.find("type"); found != node.end() && found->is_object()) return {};
    const std::string type = Text(node, "type");
    if (type.empty() || IsAmong(kModifiers, type) || IsAmong(kTableNodes, type)) {
      return WalkMembers(node, scope);
    }
    if (IsAmong(kQueryNodes, type)) return WalkQuery(node, type, scope);
    if (type == "BASE_TABLE") return WalkTable(node, scope);
    if (type == "TABLE_FUNCTION") return WalkTableFunction(node, scope);
    if (type == "SHOW_REF") return WalkShow(node, scope);
    return Fail(ErrorCode::kInvalidArgument, "this part of SQL may not be used here: {}", type);
  }

  [[nodiscard]] std::vector<TableReference> TakeTables() { return std::move(tables_); }

 private:
  Status WalkMembers(const Json& node, const Scope& scope) {
    for (const auto& [key, value] : node.items()) {
      RETURN_IF_ERROR(key == "cast_type" ? WalkType(value, scope) : Walk(value, scope));
    }
    return {};
  }

  /// Types have a "type" of their own kind; only expressions inside them matter.
  Status WalkType(const Json& node, const Scope& scope) {
    if (node.is_object() && node.contains("class")) return Walk(node, scope);
    if (!node.is_structured()) return {};
    for (const Json& item : node) RETURN_IF_ERROR(WalkType(item, scope));
    return {};
  }

  Status WalkExpression(const Json& node, const std::string& kind, const Scope& scope) {
    if (kind == "PARAMETER") {
      return Fail(ErrorCode::kInvalidArgument, "parameters such as ? and $1 have no value here");
    }
    if (!IsAmong(kExpressions, kind)) {
      return Fail(ErrorCode::kInvalidArgument, "this part of SQL may not be used here: {}", kind);
    }
    if (kind == "CONSTANT") return {};
    if (kind == "FUNCTION" || kind == "WINDOW")
      RETURN_IF_ERROR(CheckFunction(Text(node, "function_name")));
    return WalkMembers(node, scope);
  }

  Status CheckFunction(const std::string& written) {
    const std::string name = Lower(written);
    if (IsAllowedFunction(name)) return {};
    if (functions_ != nullptr && functions_->types().contains(name)) return {};
    if (IsDeniedFunction(name)) {
      return Fail(ErrorCode::kInvalidArgument,
                  "function '{}' may not be used here: it sees more than its arguments", written);
    }
    const std::vector<std::string_view> known = AllowedFunctions();
    auto failure = Fail(ErrorCode::kInvalidArgument, "no function '{}' may be used here", written);
    if (const std::string nearest = Nearest(name, known); !nearest.empty()) {
      return WithHint(std::move(failure), Msg("did you mean '{}'?", nearest));
    }
    return failure;
  }

  /// WITH names are seen by the ones after them and by the query itself, not by themselves.
  Status WalkQuery(const Json& node, const std::string& type, const Scope& outer) {
    Scope scope = outer;
    if (const auto map = node.find("cte_map"); map != node.end() && map->contains("map")) {
      for (const Json& entry : map->at("map")) {
        RETURN_IF_ERROR(Walk(entry.at("value"), scope));
        scope.push_back(Lower(Text(entry, "key")));
      }
    }
    for (const auto& [key, value] : node.items()) {
      if (key == "cte_map" || key == "type") continue;
      if (type == "RECURSIVE_CTE_NODE" && key == "right") {
        Scope recursive = scope;
        recursive.push_back(Lower(Text(node, "cte_name")));
        RETURN_IF_ERROR(Walk(value, recursive));
      } else {
        RETURN_IF_ERROR(Walk(value, scope));
      }
    }
    return {};
  }

  Status WalkTable(const Json& node, const Scope& scope) {
    const std::string name = Text(node, "table_name");
    for (const std::string_view qualifier : {"catalog_name", "schema_name"}) {
      if (!IsSet(node, qualifier)) continue;
      // recurring.x is how a recursive query with USING KEY reads its own table.
      const std::string word = Text(node, qualifier);
      if (qualifier == "schema_name" && Lower(word) == "recurring" && IsIn(scope, name)) {
        continue;
      }
      return WithHint(Fail(ErrorCode::kInvalidArgument,
                           "a table is the name of a dataset; found '{}.{}'", word, name),
                      Msg("a dataset whose name holds a dot is written in double quotes"));
    }
    if (IsSet(node, "at_clause")) {
      return WithHint(Fail(ErrorCode::kInvalidArgument, "AT may not be used here"),
                      Msg("version 3 of dataset orders is written \"orders@3\""));
    }
    RETURN_IF_ERROR(WalkMembers(node, scope));
    if (IsIn(scope, name)) return {};
    const std::string lower = Lower(name);
    const bool known = std::ranges::any_of(
        tables_, [&](const TableReference& table) { return Lower(table.table) == lower; });
    if (!known) tables_.push_back(ParseTableName(name));
    return {};
  }

  Status WalkTableFunction(const Json& node, const Scope& scope) {
    const auto function = node.find("function");
    const std::string written = function == node.end() ? "" : Text(*function, "function_name");
    if (!IsAllowedTableFunction(Lower(written))) {
      return Fail(ErrorCode::kInvalidArgument,
                  "table function '{}' may not be used here; there are: {}; data is read by the "
                  "dataset's name",
                  written, AllowedTableFunctions());
    }
    for (const auto& [key, value] : node.items()) {
      if (key == "function") {
        RETURN_IF_ERROR(WalkMembers(value, scope));
      } else if (key != "type") {
        RETURN_IF_ERROR(Walk(value, scope));
      }
    }
    return {};
  }

  Status WalkShow(const Json& node, const Scope& scope) {
    const auto query = node.find("query");
    if (query == node.end() || !query->is_object()) {
      return WithHint(Fail(ErrorCode::kInvalidArgument, "SHOW may not be used here"),
                      Msg("DESCRIBE orders shows the columns of dataset orders"));
    }
    return Walk(*query, scope);
  }

  const SqlFunctionRegistry* functions_;
  std::vector<TableReference> tables_;
};

/// The first word of a statement, for messages; comments before it are left out.
std::string FirstWord(std::string_view sql) {
  while (!sql.empty()) {
    if (sql.starts_with("--")) {
      const std::size_t end = sql.find('\n');
      sql.remove_prefix(end == std::string_view::npos ? sql.size() : end);
    } else if (sql.starts_with("/*")) {
      const std::size_t end = sql.find("*/", 2);
      sql.remove_prefix(end == std::string_view::npos ? sql.size() : end + 2);
    } else if (std::isalpha(static_cast<unsigned char>(sql.front())) != 0) {
      std::size_t length = 0;
      while (length < sql.size() && std::isalpha(static_cast<unsigned char>(sql[length])) != 0)
        ++length;
      std::string word(sql.substr(0, length));
      for (char& c : word) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      return word;
    } else {
      sql.remove_prefix(1);
    }
  }
  return {};
}

std::unexpected<Error> NotSelect(std::string_view sql) {
  const std::string word = FirstWord(sql);
  auto failure = Fail(ErrorCode::kInvalidArgument, "only SELECT may run here; found {}", word);
  if (word == "SELECT" || word == "FROM" || word == "WITH" || word == "PIVOT") {
    return WithHint(
        std::move(failure),
        Msg("PIVOT must name its values: SELECT * FROM (PIVOT orders ON month IN (1, 2) USING "
            "sum(amount))"));
  }
  return failure;
}

/// DuckDB's answer to SQL that does not parse.
std::unexpected<Error> ParseFailure(std::string_view sql, const Json& answer) {
  duckdb::Failure failure{.type = Text(answer, "error_type"),
                          .message = Text(answer, "error_message")};
  const std::string digits = Text(answer, "position");
  std::size_t position = 0;
  const char* const end = digits.data() + digits.size();
  if (std::from_chars(digits.data(), end, position).ec == std::errc()) failure.position = position;
  return std::unexpected(duckdb::ErrorOf(failure, sql));
}

/// DuckDB's parse of `sql` as JSON.
Result<Json> SyntaxTree(duckdb::Connection& connection, std::string_view sql) {
  if (sql.size() > kMaxSqlBytes) {
    return Fail(ErrorCode::kPayloadTooLarge, "the SQL has {} bytes; at most {} are read",
                sql.size(), kMaxSqlBytes);
  }
  // DuckDB would stop reading there, while we would not.
  if (sql.contains('\0')) return Fail(ErrorCode::kInvalidArgument, "the SQL holds a NUL character");
  ASSIGN_OR_RETURN(auto rows, connection.Query(fmt::format("SELECT json_serialize_sql({})::VARCHAR",
                                                           duckdb::QuoteText(sql))));
  ASSIGN_OR_RETURN(const std::optional<Batch> batch, rows->Next());
  if (!batch || batch->num_rows() != 1 || batch->column(0).IsNull(0)) {
    return Fail(ErrorCode::kInternal, "DuckDB failed: {}", "no syntax tree");
  }
  auto tree = ParseJson(batch->column(0).Bytes(0), kMaxDepth);
  if (tree) return tree;
  if (tree.error().message.format.starts_with("the JSON is nested")) {
    return Fail(ErrorCode::kInvalidArgument, "the SQL is nested too deeply");
  }
  // DuckDB writes a number beyond its range as a word that JSON does not have.
  return Fail(ErrorCode::kInvalidArgument, "a number in the SQL is out of range");
}

}  // namespace

TableReference ParseTableName(std::string_view table) {
  TableReference reference{
      .table = std::string(table), .dataset = std::string(table), .version = {}};
  const std::size_t at = table.rfind('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == table.size()) return reference;
  std::int64_t version = 0;
  const char* const end = table.data() + table.size();
  const auto [stop, error] = std::from_chars(table.data() + at + 1, end, version);
  if (error != std::errc() || stop != end || version < 0) return reference;
  reference.dataset = std::string(table.substr(0, at));
  reference.version = version;
  return reference;
}

Result<CheckedSql> CheckUserSql(duckdb::Connection& connection, std::string_view sql,
                                const SqlFunctionRegistry* functions) {
  ASSIGN_OR_RETURN(const Json tree, SyntaxTree(connection, sql));
  if (const auto failed = tree.find("error");
      failed != tree.end() && failed->is_boolean() && failed->get<bool>()) {
    if (Text(tree, "error_type") == "not implemented") return NotSelect(sql);
    return ParseFailure(sql, tree);
  }
  const auto statements = tree.find("statements");
  const std::size_t count = statements == tree.end() ? 0 : statements->size();
  if (count != 1)
    return Fail(ErrorCode::kInvalidArgument, "expected one SQL statement, found {}", count);

  Walker walker(functions);
  RETURN_IF_ERROR(walker.Walk(*statements, {}));
  return CheckedSql{.tables = walker.TakeTables()};
}

Result<duckdb::Connection> OpenSqlParser(std::int64_t memory_bytes) {
  ASSIGN_OR_RETURN(auto database,
                   duckdb::Database::Open({.threads = 1, .memory_bytes = memory_bytes}));
  return database.Connect();
}

}  // namespace aimass
