// aimass sources …: kinds, add, list, show, test, tables, table, write, set, rename, delete.
#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <iostream>

#include "base/file.h"
#include "main/cli/job_wait.h"
#include "main/cli/nouns.h"
#include "main/cli/output.h"

namespace aimass::cli {
namespace {

constexpr std::string_view kSources = "/api/v1/sources";

std::string PathOf(std::string_view name, std::string_view rest = "") {
  return std::string(kSources) + "/" + Encode(name) + std::string(rest);
}

// --- settings
// -------------------------------------------------------------------------------------------------------

struct GivenSettings {
  std::vector<std::string> settings;      // NAME=VALUE
  std::vector<std::string> secrets;       // NAME: asked for, or a line of standard input
  std::vector<std::string> secret_files;  // NAME=FILE
};

// A line that is not shown while it is typed.
Result<std::string> AskSecret(Context& context, const std::string& name) {
  const bool terminal = isatty(STDIN_FILENO) == 1;
  termios before{};
  if (terminal && tcgetattr(STDIN_FILENO, &before) == 0) {
    std::cerr << context.Text(Msg("{}: ", name)) << std::flush;
    termios quiet = before;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  }
  std::string line;
  const bool read = static_cast<bool>(std::getline(std::cin, line));
  if (terminal) {
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    std::cerr << '\n';
  }
  if (!read) {
    return Fail(ErrorCode::kInvalidArgument, "standard input ended before the secret '{}' came",
                name);
  }
  return line;
}

Result<std::pair<std::string, std::string>> PairOf(Context& context, std::string_view option,
                                                   const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos) {
    return context.WrongUsage(Fail(ErrorCode::kInvalidArgument, "{} expects NAME=VALUE, found '{}'",
                                   option, text.substr(0, equals)));
  }
  return std::pair(text.substr(0, equals), text.substr(equals + 1));
}

// Which settings of a kind are secret, as the server says.
Result<Json> FieldsOfKind(Context& context, const std::string& kind) {
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  ASSIGN_OR_RETURN(const Json answer, server->Get("/api/v1/connectors"));
  std::string names;
  for (const Json& connector : MemberOf(answer, "items")) {
    if (TextOf(connector, "name") == kind) return MemberOf(connector, "fields");
    names += (names.empty() ? "" : " ") + TextOf(connector, "name");
  }
  return context.WrongUsage(
      Fail(ErrorCode::kInvalidArgument, "no kind of source '{}'; there are: {}", kind, names));
}

Result<Json> SettingsOf(Context& context, const std::string& kind, const GivenSettings& given) {
  ASSIGN_OR_RETURN(const Json fields, FieldsOfKind(context, kind));
  Json settings = Json::object();
  for (const std::string& text : given.settings) {
    ASSIGN_OR_RETURN(const auto pair, PairOf(context, "--set", text));
    for (const Json& field : fields) {
      if (TextOf(field, "name") != pair.first || TextOf(field, "kind") != "secret") continue;
      return context.WrongUsage(WithHint(
          Fail(ErrorCode::kInvalidArgument,
               "'{}' does not belong on a command line, where others can read it", pair.first),
          Msg("use --secret {}, which asks for it, or --secret-file {}=FILE", pair.first,
              pair.first)));
    }
    settings[pair.first] = pair.second;
  }
  for (const std::string& text : given.secret_files) {
    ASSIGN_OR_RETURN(const auto pair, PairOf(context, "--secret-file", text));
    ASSIGN_OR_RETURN(std::string secret, ReadFile(pair.second, 65536));
    while (secret.ends_with('\n') || secret.ends_with('\r')) secret.pop_back();
    settings[pair.first] = secret;
  }
  for (const std::string& name : given.secrets) {
    ASSIGN_OR_RETURN(settings[name], AskSecret(context, name));
  }
  return settings;
}

void AddSettings(Verb& verb, GivenSettings& given) {
  verb.Option("--set", "NAME=VALUE", given.settings, Msg("a setting; repeatable"))
      .Option("--secret", "NAME", given.secrets,
              Msg("a secret setting: asked for, or a line of standard input; repeatable"))
      .Option("--secret-file", "NAME=FILE", given.secret_files,
              Msg("a secret setting from a file; repeatable"));
}

// --- look
// -----------------------------------------------------------------------------------------------------------

Status Kinds(Context& context) {
  return GetAndShow(context, "/api/v1/connectors", [&](const Json& answer) {
    for (const Json& connector : MemberOf(answer, "items")) {
      context.Say(fmt::format("{}: {}", TextOf(connector, "name"), TextOf(connector, "label")));
      Table table({{context.Text(Msg("Setting"))},
                   {context.Text(Msg("Needed"))},
                   {context.Text(Msg("Unless told"))},
                   {context.Text(Msg("What it is"))}});
      for (const Json& field : MemberOf(connector, "fields")) {
        const bool secret = TextOf(field, "kind") == "secret";
        std::string what = TextOf(field, "label");
        std::string choices;
        for (const Json& choice : MemberOf(field, "choices"))
          choices += (choices.empty() ? "" : ", ") + CellText(choice);
        if (!choices.empty()) what += fmt::format(" ({})", choices);
        if (secret) what += context.Text(Msg(" (secret)"));
        table.Add({TextOf(field, "name"),
                   context.Text(MemberOf(field, "required") == Json(true) ? Msg("yes") : Msg("no")),
                   TextOf(field, "default"), what});
      }
      context.Say(table);
    }
  });
}

Status List(Context& context) {
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  ASSIGN_OR_RETURN(const Json answer, ListAll(*server, std::string(kSources), 0));
  if (context.json()) {
    context.Print(answer);
    return {};
  }
  if (MemberOf(answer, "items").empty()) {
    context.Say(Msg("No sources yet. Add one: aimass sources add NAME --kind KIND --set …"));
    return {};
  }
  Table table({{context.Text(Msg("Name"))},
               {context.Text(Msg("Kind"))},
               {context.Text(Msg("Where"))},
               {context.Text(Msg("Changed"))}});
  for (const Json& item : answer["items"]) {
    const Json& settings = MemberOf(item, "settings");
    table.Add({TextOf(item, "name"), TextOf(item, "kind"), TextOf(settings, "host"),
               LocalTime(TextOf(item, "updated_at"))});
  }
  context.Say(table);
  return {};
}

Status Show(Context& context, const std::string& name) {
  return GetAndShow(context, PathOf(name), [&](const Json& source) {
    context.Say(Msg("Source {}, of kind {}", TextOf(source, "name"), TextOf(source, "kind")));
    Table table({{context.Text(Msg("Setting"))}, {context.Text(Msg("Value"))}});
    for (const auto& [setting, value] : MemberOf(source, "settings").items())
      table.Add({setting, CellText(value)});
    for (const Json& secret : MemberOf(source, "secrets"))
      table.Add({CellText(secret), context.Text(Msg("(kept encrypted)"))});
    context.Say(table);
  });
}

Status Test(Context& context, const std::string& name) {
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  ASSIGN_OR_RETURN(const Json answer, server->Post(PathOf(name, "/test"), Json::object()));
  if (MemberOf(answer, "ok") != Json(true)) context.exit_code = 1;
  if (context.json()) {
    context.Print(answer);
    return {};
  }
  for (const Json& check : MemberOf(answer, "checks")) {
    const bool ok = MemberOf(check, "ok") == Json(true);
    context.Say(fmt::format("{} {}", ok ? "✓" : "✗", TextOf(check, "message")));
    if (MemberOf(check, "hint").is_string())
      context.Say(fmt::format("  → {}", TextOf(check, "hint")));
  }
  return {};
}

Status Tables(Context& context, const std::string& name) {
  return GetAndShow(context, PathOf(name, "/tables"), [&](const Json& answer) {
    Table table({{context.Text(Msg("Table"))},
                 {context.Text(Msg("Kind"))},
                 {context.Text(Msg("Rows, about")), Table::Align::kRight},
                 {context.Text(Msg("Comment"))}});
    for (const Json& item : MemberOf(answer, "items")) {
      const Json& rows = MemberOf(item, "rows");
      table.Add({TextOf(item, "name"), context.Translated(TextOf(item, "kind")),
                 rows.is_number() ? Thousands(rows.get<std::int64_t>()) : "–",
                 TextOf(item, "comment")});
    }
    context.Say(table);
  });
}

struct OneTable {
  std::string source, table;
  std::optional<std::int64_t> limit;
};

Status ShowTable(Context& context, const OneTable& given) {
  const std::string path = PathOf(given.source, "/tables/" + Encode(given.table)) +
                           fmt::format("?limit={}", given.limit.value_or(5));
  return GetAndShow(context, path, [&](const Json& answer) {
    std::string key;
    for (const Json& column : MemberOf(answer, "key"))
      key += (key.empty() ? "" : ", ") + CellText(column);
    Table table({{context.Text(Msg("Column"))},
                 {context.Text(Msg("Type there"))},
                 {context.Text(Msg("Type here"))},
                 {context.Text(Msg("Comment"))}});
    for (const Json& column : MemberOf(answer, "columns")) {
      table.Add({TextOf(column, "name"), TextOf(column, "native_type"), TextOf(column, "type"),
                 TextOf(column, "comment")});
    }
    context.Say(table);
    context.Say(key.empty() ? Msg("It has no primary key.") : Msg("Primary key: {}", key));
    SayRows(context, answer);
  });
}

// --- write
// ----------------------------------------------------------------------------------------------------------

struct WriteOptions {
  std::string source, table, dataset;
  std::optional<std::string> mode;
  std::optional<std::int64_t> version;
  std::vector<std::string> key;
  bool no_wait = false;
};

Status Write(Context& context, const WriteOptions& given) {
  Json body{{"dataset", given.dataset}, {"table", given.table}};
  if (given.mode) body["mode"] = *given.mode;
  if (given.version) body["dataset_version"] = *given.version;
  if (!given.key.empty()) body["key"] = given.key;
  ASSIGN_OR_RETURN(const auto job,
                   RunJob(context, PathOf(given.source, "/write"), body, given.no_wait));
  if (!job) return {};
  const Json& output = MemberOf(*job, "output");
  return ShowDone(context, *job,
                  Msg("{} rows of {} are in table {} of {}", Thousands(IntegerOf(output, "rows")),
                      given.dataset, given.table, given.source));
}

void AddWrite(Verb& noun) {
  auto given = std::make_shared<WriteOptions>();
  Verb verb = noun.Add("write", Msg("Send the rows of a dataset into one of its tables"));
  verb.Details(Msg("All rows come into the table at once, or none does. Before that they are read "
                   "back and compared with what was sent. A table that is not there is made. The "
                   "source must allow it: aimass sources set NAME --set writable=true"))
      .Required("NAME", given->source, Msg("name of the source"))
      .Required("TABLE", given->table, Msg("name of the table"))
      .Option("--dataset", "DATASET", given->dataset, Msg("whose rows are sent"))
      .Must()
      .Option("--version", "N", given->version, Msg("a version of it; else the newest"))
      .Option(
          "--mode", "MODE", given->mode,
          Msg("append: beside the rows that are there, as if told nothing; upsert: in the place "
              "of those with the same key; replace: instead of all"))
      .Choices({"append", "upsert", "replace"})
      .Option("--key", "COLUMN", given->key,
              Msg("of upsert: rows with the same are the same row; may be repeated; the table's "
                  "primary key otherwise"))
      .Example("aimass sources write erp scores --dataset scores --mode upsert",
               Msg("what a model said of each customer, back where the shop reads it"))
      .Run([given](Context& context) { return Write(context, *given); });
  AddNoWait(verb, given->no_wait);
}

// --- change
// ---------------------------------------------------------------------------------------------------------

struct AddOptions {
  std::string name;
  std::string kind;
  GivenSettings settings;
};

Status Add(Context& context, const AddOptions& given) {
  ASSIGN_OR_RETURN(const Json settings, SettingsOf(context, given.kind, given.settings));
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  ASSIGN_OR_RETURN(
      const Json answer,
      server->Post(std::string(kSources),
                   Json{{"name", given.name}, {"kind", given.kind}, {"settings", settings}}));
  return ShowDone(
      context, answer,
      Msg("Source {} is added. Try it: aimass sources test {}", given.name, given.name));
}

Status Set(Context& context, const std::string& name, const GivenSettings& given) {
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  ASSIGN_OR_RETURN(const Json source, server->Get(PathOf(name)));
  ASSIGN_OR_RETURN(const Json settings, SettingsOf(context, TextOf(source, "kind"), given));
  if (settings.empty()) {
    return context.WrongUsage(
        Fail(ErrorCode::kInvalidArgument, "give --set, --secret or --secret-file"));
  }
  ASSIGN_OR_RETURN(const Json answer, server->Patch(PathOf(name), Json{{"settings", settings}}));
  return ShowDone(context, answer, Msg("Source {} is changed", name));
}

void AddChanges(Verb& noun) {
  auto added = std::make_shared<AddOptions>();
  Verb add = noun.Add("add", Msg("Say where data lives and how to get in"));
  add.Details(Msg("`aimass sources kinds` says which settings a kind has. Passwords are kept "
                  "encrypted, and never shown again."))
      .Required("NAME", added->name, Msg("name of the source"))
      .Option("--kind", "KIND", added->kind, Msg("what it is: mysql …"))
      .Must();
  AddSettings(add, added->settings);
  add.Example(
         "aimass sources add erp --kind mysql --set host=db.example.com --set user=reader --set "
         "database=shop --secret password",
         Msg("asks for the password"))
      .Run([added](Context& context) { return Add(context, *added); });

  auto changed = std::make_shared<AddOptions>();
  Verb set = noun.Add("set", Msg("Change settings; what is not given stays"));
  set.Required("NAME", changed->name, Msg("name of the source"));
  AddSettings(set, changed->settings);
  set.Example("aimass sources set erp --secret password", Msg("a new password"))
      .Run([changed](Context& context) { return Set(context, changed->name, changed->settings); });

  struct RenameOptions {
    std::string name, new_name;
  };
  auto renamed = std::make_shared<RenameOptions>();
  noun.Add("rename", Msg("Give it another name"))
      .Required("NAME", renamed->name, Msg("name of the source"))
      .Required("NEW", renamed->new_name, Msg("the new name"))
      .Run([renamed](Context& context) -> Status {
        ASSIGN_OR_RETURN(Client* const server, context.Server());
        ASSIGN_OR_RETURN(const Json answer,
                         server->Patch(PathOf(renamed->name), Json{{"name", renamed->new_name}}));
        return ShowDone(context, answer,
                        Msg("Source {} is now {}", renamed->name, renamed->new_name));
      });

  struct DeleteOptions {
    std::string name;
    bool yes = false;
  };
  auto deleted = std::make_shared<DeleteOptions>();
  noun.Add("delete", Msg("Forget it, with its passwords; datasets must not need it"))
      .Required("NAME", deleted->name, Msg("name of the source"))
      .Flag("--yes", deleted->yes, Msg("do not ask"))
      .Run([deleted](Context& context) -> Status {
        RETURN_IF_ERROR(Confirm(context, deleted->yes, Msg("Delete source {}?", deleted->name)));
        ASSIGN_OR_RETURN(Client* const server, context.Server());
        ASSIGN_OR_RETURN(const Json answer, server->Delete(PathOf(deleted->name)));
        return ShowDone(context, answer, Msg("Source {} is deleted", deleted->name));
      });
}

}  // namespace

void AddSourcesCommands(Verb& root) {
  Verb noun = root.Add("sources", Msg("Databases and other places that data is collected from"));
  noun.Group(Msg("From data to decisions:"));
  AddChanges(noun);
  noun.Add("kinds", Msg("Which kinds of sources there are, and their settings"))
      .Run([](Context& context) { return Kinds(context); });
  noun.Add("list", Msg("All sources, newest first")).Run([](Context& context) {
    return List(context);
  });
  const auto one = [&noun](std::string_view verb, const Message& summary, auto run) {
    auto name = std::make_shared<std::string>();
    noun.Add(verb, summary)
        .Required("NAME", *name, Msg("name of the source"))
        .Run([name, run](Context& context) { return run(context, *name); });
  };
  one("show", Msg("One source with its settings, without its secrets"), Show);
  one("test", Msg("Can it be reached, do user and password fit, what may be read"), Test);
  one("tables", Msg("Its tables and views"), Tables);
  auto table = std::make_shared<OneTable>();
  noun.Add("table", Msg("One table: columns, types, key, first rows"))
      .Required("NAME", table->source, Msg("name of the source"))
      .Required("TABLE", table->table, Msg("name of the table"))
      .Option("--limit", "N", table->limit, Msg("how many rows; 5 unless told"))
      .Run([table](Context& context) { return ShowTable(context, *table); });
  AddWrite(noun);
}

}  // namespace aimass::cli
