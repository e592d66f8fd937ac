// aimass datasets …: add, import, derive, runs, list, show, versions, preview, rejected, export,
// refresh, rename, delete; schedule.cc has schedule.
#include <fmt/format.h>
#include <unistd.h>

#include "base/file.h"
#include "main/cli/job_wait.h"
#include "main/cli/nouns.h"
#include "main/cli/output.h"
#include "main/cli/schedule.h"
#include "main/cli/upload.h"

namespace aimass::cli {
namespace {

constexpr std::string_view kDatasets = "/api/v1/datasets";

std::string PathOf(std::string_view name, std::string_view rest = "") {
  return std::string(kDatasets) + "/" + Encode(name) + std::string(rest);
}

struct Named {
  std::string name;
  std::optional<std::int64_t> version;
  std::optional<std::int64_t> limit;
  bool no_wait = false;
};

// After an import, a derivation or a refresh: what came in.
Status ShowResult(Context& context, const std::string& name, const Json& job) {
  if (context.json()) {
    context.Print(job);
    return {};
  }
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  ASSIGN_OR_RETURN(const Json dataset, server->Get(PathOf(name)));
  context.Say(Msg("Dataset {}, version {}: {} rows, {} columns", TextOf(dataset, "name"),
                  TextOf(dataset, "version"), Thousands(IntegerOf(dataset, "rows")),
                  MemberOf(dataset, "columns").size()));
  const std::int64_t rejected = IntegerOf(dataset, "rejected_rows");
  if (rejected > 0) {
    context.Say(Msg("{} rows could not be read. See why: aimass datasets rejected {}",
                    Thousands(rejected), name));
  }
  return {};
}

// Starts the job that writes the dataset, and tells what came in.
Status MakeDataset(Context& context, const std::string& name, const std::string& path,
                   const Json& body, bool no_wait) {
  ASSIGN_OR_RETURN(const auto job, RunJob(context, path, body, no_wait));
  return job ? ShowResult(context, name, *job) : Status{};
}

// --- import
// ---------------------------------------------------------------------------------------------------------

struct ImportOptions {
  std::string name;
  std::string place;
  std::optional<std::string> format, delimiter, quote, encoding, sheet, decimal, header, on_error;
  std::vector<std::string> settings, types;
  bool append = false;
  bool replace = false;
  bool no_wait = false;
};

// --option and --type, as members of the request.
Status PutPairs(Context& context, const std::vector<std::string>& settings,
                const std::vector<std::string>& types, Json& body) {
  for (const std::string& pair : settings) {
    const std::size_t equals = pair.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return context.WrongUsage(
          Fail(ErrorCode::kInvalidArgument, "--option expects NAME=VALUE, found '{}'", pair));
    }
    body["options"][pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  for (const std::string& pair : types) {
    const std::size_t equals = pair.rfind('=');  // a name may have one, a type has none
    if (equals == 0 || equals == std::string::npos) {
      return Fail(ErrorCode::kInvalidArgument, "--type expects COLUMN=TYPE, found '{}'", pair);
    }
    body["types"][pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return {};
}

Status Import(Context& context, const ImportOptions& given) {
  if (given.append && given.replace) {
    return context.WrongUsage(
        Fail(ErrorCode::kInvalidArgument, "--append and --replace exclude each other"));
  }
  ASSIGN_OR_RETURN(Json body, ImportRequest(context, given.name, given.place));
  if (given.append) body["mode"] = "append";
  if (given.replace) body["mode"] = "replace";
  Json options = Json::object();
  const auto put = [&options](const char* name, const std::optional<std::string>& value) {
    if (value) options[name] = *value;
  };
  put("delimiter", given.delimiter);
  put("quote", given.quote);
  put("encoding", given.encoding);
  put("sheet", given.sheet);
  put("decimal", given.decimal);
  put("header", given.header);
  if (!options.empty()) body["options"] = options;
  RETURN_IF_ERROR(PutPairs(context, given.settings, given.types, body));
  if (given.on_error) body["on_error"] = *given.on_error;
  if (given.format) body["format"] = *given.format;
  return MakeDataset(context, given.name, std::string(kDatasets), body, given.no_wait);
}

void AddImport(Verb& noun) {
  auto given = std::make_shared<ImportOptions>();
  Verb verb =
      noun.Add("import", Msg("Make a dataset from a file, a folder, standard input or an address"));
  verb.Details(Msg("Reads CSV (any delimiter and encoding), JSON, NDJSON, Parquet and Excel, also "
                   "packed with gzip, "
                   "zstd, xz or zip. Format, encoding, delimiter and types are found by "
                   "themselves; every row is "
                   "checked, and what cannot be read is kept with its line and reason."))
      .Required("NAME", given->name, Msg("name of the dataset"))
      .Required("PLACE", given->place,
                Msg("file, folder, http(s) address, or - for standard input"))
      .Option("--format", "FORMAT", given->format,
              Msg("csv, json, parquet or excel; else found out"))
      .Option("--delimiter", "CHAR", given->delimiter,
              Msg("what separates columns of a CSV file; tab for a tab"))
      .Option("--quote", "CHAR", given->quote, Msg("the quotation mark of a CSV file"))
      .Option("--encoding", "NAME", given->encoding,
              Msg("utf-8, utf-16 or gb18030; else found out"))
      .Option("--header", "yes|no", given->header,
              Msg("whether the first line of a CSV file has the names"))
      .Choices({"yes", "no", "auto"})
      .Option("--decimal", "CHAR", given->decimal, Msg("the decimal mark: . or ,"))
      .Option("--sheet", "NAME", given->sheet, Msg("which sheet of an Excel file; else the first"))
      .Option("--type", "COLUMN=TYPE", given->types,
              Msg("the type of a column of CSV or Excel: bigint, double, text, boolean, date, "
                  "timestamp; repeatable"))
      .Option("--on-error", "HOW", given->on_error,
              Msg("values that do not have the type of their column: widen makes the column text "
                  "and warns, reject sets their rows aside, null leaves them empty"))
      .Choices({"widen", "reject", "null"})
      .Option("--option", "NAME=VALUE", given->settings,
              Msg("any other setting of the format; repeatable"))
      .Flag("--append", given->append, Msg("add the rows to the dataset that is there"))
      .Flag("--replace", given->replace, Msg("replace its rows; older versions stay readable"))
      .Example("aimass datasets import sales sales.csv", Msg("a file; everything is found out"))
      .Example("aimass datasets import sales new-sales.csv.gz --append",
               Msg("more rows, as a new version"))
      .Example("aimass datasets import prices prices.xlsx --sheet 2026",
               Msg("one sheet of a workbook"))
      .Example("aimass datasets import sales sales.csv --type amount=double --on-error reject",
               Msg("numbers; rows with anything else are set aside"))
      .Example("zcat log.gz | aimass datasets import log - --format json",
               Msg("from another program"))
      .Example("aimass datasets import rates https://example.com/rates.csv", Msg("from an address"))
      .Run([given](Context& context) { return Import(context, *given); });
  AddNoWait(verb, given->no_wait);
}

// --- add, runs
// ---------------------------------------------------------------------------------------------------------

struct AddOptions {
  std::string name, source;
  std::optional<std::string> table, query, mode, cursor, format, on_error;
  std::vector<std::string> key, settings, types;
  std::optional<std::int64_t> overlap;
  ScheduleOptions schedule;
  bool allow_empty = false;
  bool no_wait = false;
};

Status AddFromSource(Context& context, const AddOptions& given) {
  if (given.table.has_value() == given.query.has_value()) {
    return context.WrongUsage(Fail(ErrorCode::kInvalidArgument, "give either --table or --query"));
  }
  Json body = {{"name", given.name}, {"source", given.source}};
  if (given.table) body["table"] = *given.table;
  if (given.query) body["query"] = *given.query;
  if (given.mode) body["mode"] = *given.mode;
  if (given.cursor) body["cursor"] = *given.cursor;
  if (!given.key.empty()) body["key"] = given.key;
  if (given.overlap) body["overlap"] = *given.overlap;
  if (given.allow_empty) body["allow_empty"] = true;
  PutSchedule(given.schedule, body);
  if (given.format) body["format"] = *given.format;
  if (given.on_error) body["on_error"] = *given.on_error;
  RETURN_IF_ERROR(PutPairs(context, given.settings, given.types, body));
  return MakeDataset(context, given.name, std::string(kDatasets), body, given.no_wait);
}

Status Runs(Context& context, const Named& given) {
  return GetAndShow(context, PathOf(given.name, "/runs"), [&](const Json& answer) {
    Table table({{context.Text(Msg("When"))},
                 {context.Text(Msg("State"))},
                 {context.Text(Msg("Read")), Table::Align::kRight},
                 {context.Text(Msg("Written")), Table::Align::kRight},
                 {context.Text(Msg("Rejected")), Table::Align::kRight},
                 {context.Text(Msg("Equals the source"))},
                 {context.Text(Msg("Version")), Table::Align::kRight}});
    for (const Json& item : MemberOf(answer, "items")) {
      const Json& equal = MemberOf(item, "reconciled");
      table.Add(
          {LocalTime(TextOf(item, "finished_at")), context.Translated(TextOf(item, "state")),
           Thousands(IntegerOf(item, "rows_read")), Thousands(IntegerOf(item, "rows_written")),
           Thousands(IntegerOf(item, "rejected_rows")),
           equal.is_boolean() ? context.Text(equal.get<bool>() ? Msg("yes") : Msg("no")) : "–",
           TextOf(item, "version")});
    }
    context.Say(table);
    for (const Json& item : MemberOf(answer, "items")) {
      if (MemberOf(item, "error").is_object())
        context.Say(fmt::format("{}: {}", LocalTime(TextOf(item, "finished_at")),
                                TextOf(item["error"], "detail")));
    }
  });
}

void AddCollected(Verb& noun) {
  auto given = std::make_shared<AddOptions>();
  Verb verb =
      noun.Add("add", Msg("Collect a dataset from a source, and compare it with the source"));
  verb.Details(Msg("Reads the table or the query as it is at one moment, then reads it anew and "
                   "compares: rows, sums and a checksum of every row. What differs is named, and "
                   "nothing is published. `aimass datasets refresh` collects it again."))
      .Required("NAME", given->name, Msg("name of the dataset"))
      .Option("--source", "SOURCE", given->source, Msg("name of the source"))
      .Must()
      .Option("--table", "TABLE", given->table,
              Msg("a table or view of the source; of files a pattern: orders/*.csv"))
      .Option("--query", "SELECT", given->query, Msg("or a query in the source's own language"))
      .Option(
          "--mode", "MODE", given->mode,
          Msg("full; incremental: after the first run only rows (or files) that came or changed "
              "since; or changes: what the source's own log says"))
      .Choices({"full", "incremental", "changes"})
      .Option("--cursor", "COLUMN", given->cursor,
              Msg("a column that grows with every change of a row, for mode incremental"))
      .Option(
          "--key", "COLUMN", given->key,
          Msg("rows with the same are the same row; may be repeated; the table's key otherwise"))
      .Option("--overlap", "N", given->overlap,
              Msg("how far to go back for rows that came late: seconds, or what the column counts"))
      .Flag("--allow-empty", given->allow_empty, Msg("no rows are a success too"))
      .Option("--format", "FORMAT", given->format,
              Msg("of files: csv, json, parquet or excel; else found out"))
      .Option("--option", "NAME=VALUE", given->settings,
              Msg("of files: a setting of the format, or encoding; repeatable"))
      .Option("--type", "COLUMN=TYPE", given->types,
              Msg("the type of a column of CSV or Excel: bigint, double, text, boolean, date, "
                  "timestamp; repeatable"))
      .Option("--on-error", "HOW", given->on_error,
              Msg("values that do not have the type of their column: widen makes the column text "
                  "and warns, reject sets their rows aside, null leaves them empty"))
      .Choices({"widen", "reject", "null"})
      .Example("aimass datasets add orders --source erp --table orders", Msg("a whole table"))
      .Example(
          "aimass datasets add orders --source erp --table orders --mode incremental --cursor "
          "updated_at --key id",
          Msg("then only what changes"))
      .Example(
          "aimass datasets add orders --source erp --table orders --mode changes --schedule "
          "'every 10s'",
          Msg("deletions too, by the log of the database"))
      .Example("aimass datasets add orders --source erp --table orders --schedule '*/5 * * * *'",
               Msg("and again every five minutes"))
      .Example("aimass datasets add sales --source drop --table 'sales/*.csv' --mode incremental",
               Msg("files of a folder; then only new and changed ones"))
      .Run([given](Context& context) { return AddFromSource(context, *given); });
  AddScheduleOptions(verb, given->schedule);
  AddNoWait(verb, given->no_wait);
  auto runs = std::make_shared<Named>();
  noun.Add("runs", Msg("How its collections went, newest first"))
      .Required("NAME", runs->name, Msg("name of the dataset"))
      .Run([runs](Context& context) { return Runs(context, *runs); });
}

// --- derive
// ---------------------------------------------------------------------------------------------------------

struct DeriveOptions {
  std::string name;
  std::optional<std::string> sql, sql_file;
  bool replace = false;
  bool no_wait = false;
};

Status Derive(Context& context, const DeriveOptions& given) {
  if (given.sql.has_value() == given.sql_file.has_value()) {
    return context.WrongUsage(Fail(ErrorCode::kInvalidArgument, "give either --sql or --sql-file"));
  }
  std::string sql;
  if (given.sql) {
    sql = *given.sql;
  } else {
    ASSIGN_OR_RETURN(sql, ReadText(*given.sql_file));
  }
  Json body = {{"name", given.name}, {"sql", sql}};
  if (given.replace) body["mode"] = "replace";
  return MakeDataset(context, given.name, std::string(kDatasets), body, given.no_wait);
}

void AddDerive(Verb& noun) {
  auto given = std::make_shared<DeriveOptions>();
  Verb verb = noun.Add(
      "derive", Msg("Make a dataset by SQL over other datasets; it knows what it was made from"));
  verb.Required("NAME", given->name, Msg("name of the new dataset"))
      .Option("--sql", "SELECT", given->sql, Msg("the query"))
      .Option("--sql-file", "FILE", given->sql_file, Msg("a file with the query"))
      .Flag("--replace", given->replace, Msg("replace its rows; older versions stay readable"))
      .Example("aimass datasets derive big --sql 'SELECT * FROM sales WHERE amount > 1000'",
               Msg("a part"))
      .Example("aimass datasets derive customers --sql-file customers.sql",
               Msg("a query kept in a file"))
      .Run([given](Context& context) { return Derive(context, *given); });
  AddNoWait(verb, given->no_wait);

  struct RefreshOptions : Named {
    bool full = false;
  };
  auto again = std::make_shared<RefreshOptions>();
  Verb refresh =
      noun.Add("refresh", Msg("Read the source again, or run the SQL again: a new version"));
  refresh.Required("NAME", again->name, Msg("name of the dataset"))
      .Flag("--full", again->full, Msg("everything, also where only what is new would be read"))
      .Example("aimass datasets refresh customers", Msg("after sales got new rows"))
      .Run([again](Context& context) -> Status {
        Json body = Json::object();
        if (again->full) body["full"] = true;
        return MakeDataset(context, again->name, PathOf(again->name, "/refresh"), body,
                           again->no_wait);
      });
  AddNoWait(refresh, again->no_wait);
}

// --- look
// -----------------------------------------------------------------------------------------------------------

Status List(Context& context, const Named& given) {
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  ASSIGN_OR_RETURN(const Json answer,
                   ListAll(*server, std::string(kDatasets), given.limit.value_or(0)));
  if (context.json()) {
    context.Print(answer);
    return {};
  }
  if (MemberOf(answer, "items").empty()) {
    context.Say(Msg("No datasets yet. Make one: aimass datasets import NAME FILE"));
    return {};
  }
  Table table({{context.Text(Msg("Name"))},
               {context.Text(Msg("Version")), Table::Align::kRight},
               {context.Text(Msg("Rows")), Table::Align::kRight},
               {context.Text(Msg("Size")), Table::Align::kRight},
               {context.Text(Msg("Changed"))}});
  for (const Json& item : answer["items"]) {
    table.Add({TextOf(item, "name"), TextOf(item, "version"), Thousands(IntegerOf(item, "rows")),
               Bytes(IntegerOf(item, "bytes")), LocalTime(TextOf(item, "updated_at"))});
  }
  context.Say(table);
  return {};
}

std::string OriginOf(Context& context, const Json& dataset) {
  const Json& origin = MemberOf(dataset, "origin");
  if (const Json& sql = MemberOf(origin, "sql"); sql.is_string()) {
    return context.Text(Msg("SQL: {}", CellText(sql)));
  }
  const Json& source = MemberOf(origin, "source");
  if (TextOf(origin, "kind") == "source") {
    return context.Text(Msg("source {}: {}", TextOf(source, "name"),
                            TextOf(origin, origin.contains("table") ? "table" : "query")));
  }
  for (const char* key : {"path", "url", "name", "file_name", "upload"}) {
    if (const Json& place = MemberOf(source, key); place.is_string()) return CellText(place);
  }
  return TextOf(origin, "kind");
}

Status Show(Context& context, const Named& given) {
  std::string path = PathOf(given.name);
  if (given.version) path += "?version=" + std::to_string(*given.version);
  return GetAndShow(context, path, [&](const Json& dataset) {
    context.Say(Msg("Dataset {}, version {}: {} rows, {} columns", TextOf(dataset, "name"),
                    TextOf(dataset, "version"), Thousands(IntegerOf(dataset, "rows")),
                    MemberOf(dataset, "columns").size()));
    context.Say(Msg("From {}", OriginOf(context, dataset)));
    SaySchedule(context, dataset);
    if (IntegerOf(dataset, "rejected_rows") > 0) {
      context.Say(Msg("{} rows could not be read. See why: aimass datasets rejected {}",
                      Thousands(IntegerOf(dataset, "rejected_rows")), given.name));
    }
    Table table({{context.Text(Msg("Column"))}, {context.Text(Msg("Type"))}});
    for (const Json& column : MemberOf(dataset, "columns")) {
      table.Add({TextOf(column, "name"), TextOf(column, "type")});
    }
    context.Say(table);
  });
}

Status Versions(Context& context, const Named& given) {
  return GetAndShow(context, PathOf(given.name, "/versions"), [&](const Json& answer) {
    Table table({{context.Text(Msg("Version")), Table::Align::kRight},
                 {context.Text(Msg("Rows")), Table::Align::kRight},
                 {context.Text(Msg("Size")), Table::Align::kRight},
                 {context.Text(Msg("Made by"))},
                 {context.Text(Msg("When"))}});
    for (const Json& item : MemberOf(answer, "items")) {
      table.Add({TextOf(item, "version"), Thousands(IntegerOf(item, "rows")),
                 Bytes(IntegerOf(item, "bytes")), context.Translated(TextOf(item, "operation")),
                 LocalTime(TextOf(item, "created_at"))});
    }
    context.Say(table);
  });
}

Status Preview(Context& context, const Named& given) {
  std::string path = PathOf(given.name, "/rows?limit=" + std::to_string(given.limit.value_or(20)));
  if (given.version) path += "&version=" + std::to_string(*given.version);
  return GetAndShow(context, path, [&](const Json& answer) { SayRows(context, answer); });
}

Status Rejected(Context& context, const Named& given) {
  const std::string path =
      PathOf(given.name, "/rejected?limit=" + std::to_string(given.limit.value_or(50)));
  return GetAndShow(context, path, [&](const Json& answer) {
    if (MemberOf(answer, "items").empty()) {
      context.Say(Msg("Every row could be read."));
      return;
    }
    Table table({{context.Text(Msg("File"))},
                 {context.Text(Msg("Line")), Table::Align::kRight},
                 {context.Text(Msg("Reason"))},
                 {context.Text(Msg("Text"))}});
    for (const Json& item : answer["items"]) {
      table.Add({TextOf(item, "file"), TextOf(item, "line"), TextOf(item, "reason"),
                 TextOf(item, "text")});
    }
    context.Say(table);
  });
}

void AddLooks(Verb& noun) {
  auto all = std::make_shared<Named>();
  noun.Add("list", Msg("All datasets, newest first"))
      .Option("--limit", "N", all->limit, Msg("at most that many"))
      .Run([all](Context& context) { return List(context, *all); });
  const auto one = [&noun](std::string_view verb, const Message& summary, auto run) {
    auto given = std::make_shared<Named>();
    Verb added = noun.Add(verb, summary);
    added.Required("NAME", given->name, Msg("name of the dataset"))
        .Run([given, run](Context& context) { return run(context, *given); });
    return std::pair(added, given);
  };
  auto [show, shown] =
      one("show", Msg("One dataset: rows, columns with types, where it came from"), Show);
  show.Option("--version", "N", shown->version, Msg("an older version"))
      .Example("aimass datasets show sales", Msg("what is in it"));
  one("versions", Msg("Its versions, newest first; each can still be read"), Versions);
  auto [preview, previewed] = one("preview", Msg("Its first rows"), Preview);
  preview.Option("--limit", "N", previewed->limit, Msg("how many rows; 20 unless told"))
      .Option("--version", "N", previewed->version, Msg("an older version"))
      .Example("aimass datasets preview sales --limit 5 --version 0",
               Msg("five rows as they were first"));
  auto [rejected, listed] = one(
      "rejected", Msg("Rows of the last import that could not be read, with reasons"), Rejected);
  rejected.Option("--limit", "N", listed->limit, Msg("how many rows; 50 unless told"));
}

// --- export, rename, delete
// -------------------------------------------------------------------------------------------

struct ExportOptions {
  std::string name, out;
  std::optional<std::string> format;
  std::optional<std::int64_t> version;
};

Status Export(Context& context, const ExportOptions& given) {
  std::string format = given.format.value_or("");
  if (format.empty()) {
    ASSIGN_OR_RETURN(format, FormatOfFile(given.out));
  }
  RETURN_IF_ERROR(CheckTarget(given.out));
  if (format == "json") format = "ndjson";  // one document would not stream
  std::string path = PathOf(given.name, "/export?format=" + Encode(format));
  if (given.version) path += "&version=" + std::to_string(*given.version);
  return DownloadTo(context, path, given.out);
}

struct RenameOptions {
  std::string name, new_name;
};

struct DeleteOptions {
  std::string name;
  bool yes = false;
};

void AddChanges(Verb& noun) {
  auto exported = std::make_shared<ExportOptions>();
  noun.Add("export", Msg("Write its rows to a file"))
      .Required("NAME", exported->name, Msg("name of the dataset"))
      .Required("FILE", exported->out, Msg("where to; - for standard output"))
      .Option("--format", "FORMAT", exported->format,
              Msg("csv, ndjson, parquet or arrow; else by the file's name"))
      .Choices({"csv", "ndjson", "parquet", "arrow"})
      .Option("--version", "N", exported->version, Msg("an older version"))
      .Example("aimass datasets export sales sales.parquet", Msg("all rows, typed"))
      .Example("aimass datasets export sales - --format csv | head", Msg("into another program"))
      .Run([exported](Context& context) { return Export(context, *exported); });

  auto renamed = std::make_shared<RenameOptions>();
  noun.Add("rename", Msg("Give it another name"))
      .Required("NAME", renamed->name, Msg("name of the dataset"))
      .Required("NEW", renamed->new_name, Msg("the new name"))
      .Run([renamed](Context& context) -> Status {
        ASSIGN_OR_RETURN(Client* const server, context.Server());
        ASSIGN_OR_RETURN(const Json answer,
                         server->Patch(PathOf(renamed->name), Json{{"name", renamed->new_name}}));
        return ShowDone(context, answer,
                        Msg("Dataset {} is now {}", renamed->name, renamed->new_name));
      });

  auto deleted = std::make_shared<DeleteOptions>();
  noun.Add("delete", Msg("Delete it with all its versions and files"))
      .Required("NAME", deleted->name, Msg("name of the dataset"))
      .Flag("--yes", deleted->yes, Msg("do not ask"))
      .Run([deleted](Context& context) -> Status {
        RETURN_IF_ERROR(Confirm(context, deleted->yes,
                                Msg("Delete dataset {} with all its versions?", deleted->name)));
        ASSIGN_OR_RETURN(Client* const server, context.Server());
        ASSIGN_OR_RETURN(const Json answer, server->Delete(PathOf(deleted->name)));
        return ShowDone(context, answer, Msg("Dataset {} is deleted", deleted->name));
      });
}

}  // namespace

Result<Json> ImportRequest(Context& context, const std::string& name, const std::string& place) {
  ASSIGN_OR_RETURN(const Json source, SourceOf(context, place));
  return Json{{"name", name}, {"source", source}};
}

void AddDatasetsCommands(Verb& root) {
  Verb noun = root.Add("datasets", Msg("Bring data in, look at it, keep its versions"));
  noun.Group(Msg("From data to decisions:"));
  AddImport(noun);
  AddDerive(noun);
  AddCollected(noun);
  AddScheduleVerb(noun);
  AddLooks(noun);
  AddChanges(noun);
}

}  // namespace aimass::cli
