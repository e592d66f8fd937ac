// aimass sql: a query over the workspace's datasets.
#include <unistd.h>

#include <cmath>

#include "base/clock.h"
#include "base/id.h"
#include "main/cli/nouns.h"
#include "main/cli/output.h"

namespace aimass::cli {
namespace {

struct SqlOptions {
  std::string query;
  std::optional<std::string> file, format, out, timeout;
  std::optional<std::int64_t> limit;
};

constexpr std::int64_t kTableRows = 100;  // more than that nobody reads on a screen
constexpr std::int64_t kDefaultRows = 10'000;

// RFC 4180; texts that need it are quoted, and null is nothing.
std::string CsvCell(const Json& value) {
  if (value.is_null()) return "";
  const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  if (value.is_string() && text.empty()) return "\"\"";
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

Status Put(NewFile* file, std::string_view text) {
  if (file != nullptr) return file->Write(text);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return {};
}

Status PutCsv(const Json& answer, NewFile* file) {
  const auto line = [&](const Json& cells, const char* key) {
    std::string text;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) text += ',';
      text += CsvCell(key == nullptr ? cells[i] : MemberOf(cells[i], key));
    }
    return text + "\n";
  };
  RETURN_IF_ERROR(Put(file, line(MemberOf(answer, "columns"), "name")));
  for (const Json& row : MemberOf(answer, "rows")) RETURN_IF_ERROR(Put(file, line(row, nullptr)));
  return {};
}

Status PutNdjson(const Json& answer, NewFile* file) {
  std::vector<std::string> names;
  for (const Json& column : MemberOf(answer, "columns"))
    names.push_back(Json(TextOf(column, "name")).dump());
  for (const Json& row : MemberOf(answer, "rows")) {
    std::string text = "{";
    for (std::size_t i = 0; i < names.size() && i < row.size(); ++i) {
      text += (i > 0 ? "," : "") + names[i] + ":" +
              row[i].dump(-1, ' ', false, Json::error_handler_t::replace);
    }
    RETURN_IF_ERROR(Put(file, text + "}\n"));
  }
  return {};
}

Result<std::string> QueryOf(Context& context, const SqlOptions& given) {
  std::string query;
  if (given.file && !given.query.empty()) {
    return context.WrongUsage(
        Fail(ErrorCode::kInvalidArgument,
             "give the query either as an argument or with --file, not both"));
  }
  const bool from_input = !given.file && (given.query.empty() || given.query == "-");
  if (given.file) {
    ASSIGN_OR_RETURN(query, ReadText(*given.file));
  } else if (!from_input) {
    query = given.query;
  } else if (given.query == "-" || isatty(STDIN_FILENO) == 0) {
    ASSIGN_OR_RETURN(query, ReadText("-"));
  }
  if (query.find_first_not_of(" \t\r\n;") == std::string::npos) {
    return context.WrongUsage(
        WithHint(Fail(ErrorCode::kInvalidArgument, "expected a query, found none"),
                 Msg("for example: {}", "aimass sql 'SELECT 1'")));
  }
  return query;
}

// Ctrl-C ends the query at the server too, not only our waiting for it.
template <typename T>
Result<T> OrCancelled(Client& server, const Json& body, Result<T> result) {
  if (!result && Interrupted()) {
    ClearInterrupt();
    [[maybe_unused]] const auto told =
        server.Post("/api/v1/sql/" + body["id"].get<std::string>() + "/cancel");
  }
  return result;
}

// With --json, a program is told where the rows are.
Status Finished(Context& context, const SqlOptions& given, NewFile* file) {
  if (file == nullptr) return {};
  RETURN_IF_ERROR(file->Finish());
  if (context.json()) context.Print(Json{{"file", *given.out}});
  return {};
}

Status Sql(Context& context, const SqlOptions& given) {
  ASSIGN_OR_RETURN(const std::string query, QueryOf(context, given));
  if (context.json() && given.format) {
    return context.WrongUsage(
        Fail(ErrorCode::kInvalidArgument, "--json and --format exclude each other"));
  }
  std::string format = given.format.value_or("table");
  const bool to_file = given.out && *given.out != "-";
  if (!given.format && to_file) {
    ASSIGN_OR_RETURN(format, FormatOfFile(*given.out));
  } else if (context.json()) {
    format = "json";
  }
  if (to_file && (format == "table" || format == "parquet")) {
    return context.WrongUsage(WithHint(
        Fail(ErrorCode::kInvalidArgument, "--out writes csv, json, ndjson or arrow; found '{}'",
             given.format.value_or(*given.out)),
        Msg("for Parquet: aimass datasets derive NAME --sql …, then aimass datasets "
            "export NAME FILE")));
  }
  if (given.out) RETURN_IF_ERROR(CheckTarget(*given.out));
  Json body = {{"query", query}, {"id", NewId()}};
  if (given.limit || format != "arrow") {
    body["limit"] = given.limit.value_or(format == "table" ? kTableRows : kDefaultRows);
  }
  if (given.timeout) {
    const auto ms = ParseDurationMs(*given.timeout);
    if (!ms) {
      return context.WrongUsage(Fail(ErrorCode::kInvalidArgument,
                                     "--timeout expects a duration such as 60s or 10m, found '{}'",
                                     *given.timeout));
    }
    body["timeout_s"] = static_cast<double>(*ms) / 1000.0;
  }
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  std::unique_ptr<NewFile> file;
  if (to_file) file = std::make_unique<NewFile>(*given.out);

  if (format == "arrow") {
    if (file == nullptr && isatty(STDOUT_FILENO) != 0) {
      return context.WrongUsage(WithHint(
          Fail(ErrorCode::kInvalidArgument, "Arrow is binary and is not written to a terminal"),
          Msg("name a file with --out, or pipe it into a program")));
    }
    Client::Request request{.method = "POST", .path = "/api/v1/sql", .body = body.dump()};
    request.headers.emplace_back("Accept", "application/vnd.apache.arrow.stream");
    request.sink = [&](std::string_view piece) { return Put(file.get(), piece); };
    RETURN_IF_ERROR(OrCancelled(*server, body, server->Send(request)));
    return Finished(context, given, file.get());
  }
  ASSIGN_OR_RETURN(const Json answer,
                   OrCancelled(*server, body, server->Post("/api/v1/sql", body)));
  if (format == "json") {
    if (file == nullptr) {
      context.Print(answer);
    } else {
      RETURN_IF_ERROR(Put(file.get(), answer.dump() + "\n"));
    }
  } else if (format == "csv") {
    RETURN_IF_ERROR(PutCsv(answer, file.get()));
  } else if (format == "ndjson") {
    RETURN_IF_ERROR(PutNdjson(answer, file.get()));
  } else {
    SayRows(context, answer);
  }
  if (format != "table" && format != "json" && MemberOf(answer, "truncated") == Json(true)) {
    context.Note(Msg("There are more rows; --limit N shows more of them."));
  }
  return Finished(context, given, file.get());
}

}  // namespace

void AddSqlCommand(Verb& root) {
  auto given = std::make_shared<SqlOptions>();
  root.Add("sql", Msg("Ask the datasets in SQL"))
      .Group(Msg("From data to decisions:"))
      .Details(Msg("The tables are the datasets of the workspace. The query is the argument, a "
                   "file, or what "
                   "comes through a pipe."))
      .Optional("QUERY", given->query, Msg("a SELECT; - for standard input"))
      .Option("-f,--file", "FILE", given->file, Msg("read the query from a file"))
      .Option("--format", "FORMAT", given->format, Msg("table, csv, json, ndjson or arrow"))
      .Choices({"table", "csv", "json", "ndjson", "arrow"})
      .Option("--limit", "N", given->limit,
              Msg("at most that many rows; 100 for a table, all for arrow, else 10000"))
      .Option("--timeout", "TIME", given->timeout,
              Msg("give up after that time: 10m; else the server's limit"))
      .Option("--out", "FILE", given->out, Msg("write to a file instead of standard output"))
      .Example("aimass sql 'SELECT city, count(*) FROM customers GROUP BY city'", Msg("a question"))
      .Example("aimass sql -f report.sql --format csv > report.csv",
               Msg("a query from a file, into a file"))
      .Example("echo 'FROM sales LIMIT 5' | aimass sql --json",
               Msg("through a pipe, for a program"))
      .Run([given](Context& context) { return Sql(context, *given); });
}

}  // namespace aimass::cli
