// aimass serve, config, doctor, backup, restore, version.
#include <algorithm>
#include <filesystem>

#include "base/config.h"
#include "base/version.h"
#include "main/cli/job_wait.h"
#include "main/cli/nouns.h"
#include "main/cli/output.h"
#include "main/maintenance.h"
#include "main/serve.h"

namespace aimass::cli {
namespace {

struct ConfigOptions {
  std::map<std::string, std::string> flags;  // by setting name; empty: not given
  std::optional<std::string> file;
};

// One option per setting, drawn from the table in base/config.cc; --data is a common option
// already.
void AddSettings(Verb& verb, ConfigOptions& given) {
  verb.Option("--config", "FILE", given.file,
              Msg("configuration file; else ./aimass.yaml where it exists"));
  for (const Field& field : Config::Fields()) {
    if (field.name == "data") continue;
    std::string& value = given.flags[std::string(field.name)];
    std::string help(field.label.In(verb.language()));
    if (!field.default_value.empty()) help += fmt::format(" [{}]", field.default_value);
    const std::string shown = field.kind == FieldKind::kChoice    ? std::string(field.choices)
                              : field.kind == FieldKind::kInteger ? "N"
                                                                  : "TEXT";
    verb.Option(Config::FlagOf(field.name), field.name == "listen" ? "HOST:PORT" : shown, value,
                Message("{}", help));
  }
}

Result<Config> LoadConfig(const Context& context, const ConfigOptions& given) {
  std::map<std::string, std::string> flags;
  for (const auto& [name, value] : given.flags) {
    if (!value.empty()) flags[name] = value;
  }
  if (!context.common.data.empty()) flags["data"] = context.common.data;
  const std::string file = given.file.value_or(DefaultConfigFile());
  ASSIGN_OR_RETURN(Config config,
                   Config::Load(flags, Config::Environment(), file, given.file.has_value()));
  // Nobody said where: the folder that every other verb works on.
  for (const Config::Value& value : config.values()) {
    if (value.field->name != "data" || value.source != "default") continue;
    flags["data"] = DataFolderOf("");
    return Config::Load(flags, Config::Environment(), file, given.file.has_value());
  }
  return config;
}

Status ShowConfig(Context& context, const ConfigOptions& given) {
  ASSIGN_OR_RETURN(const Config config, LoadConfig(context, given));
  const auto shown = [](const Config::Value& value) -> std::string {
    return value.field->kind == FieldKind::kSecret && !value.value.empty() ? "******" : value.value;
  };
  if (context.json()) {
    Json items = Json::array();
    for (const Config::Value& value : config.values()) {
      items.push_back({{"name", value.field->name},
                       {"value", shown(value)},
                       {"source", value.source},
                       {"flag", Config::FlagOf(value.field->name)},
                       {"variable", Config::VariableOf(value.field->name)},
                       {"default", value.field->default_value},
                       {"label", value.field->label.In(context.language())}});
    }
    context.Print(Json{{"items", items}});
    return {};
  }
  Table table({{context.Text(Msg("Setting"))},
               {context.Text(Msg("Value"))},
               {context.Text(Msg("From"))},
               {context.Text(Msg("Meaning"))}});
  for (const Config::Value& value : config.values()) {
    table.Add({std::string(value.field->name), shown(value), context.Translated(value.source),
               std::string(value.field->label.In(context.language()))});
  }
  context.Say(table);
  return {};
}

// A person at a terminal is told in a sentence, beside the log; programs read the log.
Status RunServer(Context& context, const Config& config) {
  if (auto listen = ParseListen(config.Text("listen")); !listen) {
    return context.WrongUsage(std::unexpected(listen.error()));
  }
  const bool person = TerminalWidth(2).has_value();
  const auto ready = [&](const std::string& address) {
    if (!person) return;
    context.Note(Msg("AI Mass serves {} at {}. What it can do: {}/docs   End it: Ctrl-C",
                     config.Text("data"), address, address));
  };
  const Status served = Serve(config, ready);
  if (served || person || context.json() || !config.Text("log.file").empty()) return served;
  context.exit_code = 1;  // said in the log, which is standard error here
  return {};
}

void AddServe(Verb& root) {
  auto served = std::make_shared<ConfigOptions>();
  Verb serve = root.Add("serve", Msg("Run the server"));
  serve.Group(Msg("Look after it:"))
      .Local()
      .Details(Msg("Listens on 127.0.0.1 only, unless told otherwise. The first start writes "
                   "DATA/admin.key, the key "
                   "of whoever owns the folder. Ctrl-C ends it once running requests are answered; "
                   "jobs go on at the "
                   "next start."));
  AddSettings(serve, *served);
  serve.Example("aimass serve --data my-data", Msg("on 127.0.0.1:8080"))
      .Example("aimass serve --data my-data --listen 0.0.0.0:8080", Msg("for the whole network"))
      .Run([served](Context& context) -> Status {
        const auto config = LoadConfig(context, *served);
        if (!config) return context.WrongUsage(std::unexpected(config.error()));
        return RunServer(context, *config);
      });

  auto asked = std::make_shared<ConfigOptions>();
  Verb config = root.Add("config", Msg("Every setting, its value, and where that comes from"));
  config.Group(Msg("Look after it:"))
      .Local()
      .Details(Msg("Flags of `aimass serve` win over variables AIMASS_…, these over aimass.yaml, "
                   "that over defaults."));
  AddSettings(config, *asked);
  config.Example("AIMASS_SQL_TIME_S=300 aimass config", Msg("what a variable changes"))
      .Run([asked](Context& context) -> Status {
        auto shown = ShowConfig(context, *asked);
        if (!shown) return context.WrongUsage(std::unexpected(shown.error()));
        return {};
      });
}

// --- doctor, backup, restore
// ----------------------------------------------------------------------------------------

struct DoctorOptions {
  bool clean = false;
  bool deep = false;
};

void SayFindings(Context& context, const Json& report) {
  for (const Json& finding : MemberOf(report, "findings")) {
    const std::string severity = TextOf(finding, "severity");
    const Colour colour = severity == "error"     ? Colour::kRed
                          : severity == "warning" ? Colour::kYellow
                                                  : Colour::kGreen;
    const char* const mark = severity == "error" ? "✗" : severity == "warning" ? "!" : "✓";
    context.Say(fmt::format("{} {}", Paint(colour, mark, 1), TextOf(finding, "message")));
    if (MemberOf(finding, "hint").is_string() &&
        !MemberOf(finding, "hint").get<std::string>().empty()) {
      context.Say(fmt::format("  {}", TextOf(finding, "hint")));
    }
  }
}

Status Doctor(Context& context, const DoctorOptions& given) {
  ASSIGN_OR_RETURN(const Config config, LoadConfig(context, {}));
  ASSIGN_OR_RETURN(const Json report,
                   ExamineData(config, given.deep, given.clean, context.language()));
  if (context.json()) {
    context.Print(report);
  } else {
    SayFindings(context, report);
  }
  const bool healthy = MemberOf(report, "healthy") == Json(true);
  context.Say(healthy ? Msg("The data folder is in order.")
                      : Msg("The data folder needs repair: see what is marked ✗."));
  if (!healthy) context.exit_code = 1;
  return {};
}

struct CopyOptions {
  std::string file;
  bool verify = false;
};

Status RunBackup(Context& context, const CopyOptions& given) {
  ASSIGN_OR_RETURN(const Config config, LoadConfig(context, {}));
  ProgressLine line(context.language());
  const auto report = [&](const BackupSummary& done, const BackupSummary& total) {
    if (context.json() && !TerminalWidth(2)) return;
    line.Update({.fraction = total.bytes == 0 ? 1.0
                                              : static_cast<double>(done.bytes) /
                                                    static_cast<double>(total.bytes),
                 .step = context.Text(
                     Msg("{} of {} files", Thousands(done.files), Thousands(total.files)))});
  };
  ASSIGN_OR_RETURN(const BackupSummary done, BackUpData(config, given.file, report));
  line.Clear();
  return ShowDone(
      context, Json{{"file", given.file}, {"files", done.files}, {"bytes", done.bytes}},
      Msg("Backed up {} files ({}) to {}", Thousands(done.files), Bytes(done.bytes), given.file));
}

Status RunRestore(Context& context, const CopyOptions& given) {
  if (given.verify) {
    ASSIGN_OR_RETURN(const BackupSummary found, VerifyBackup(given.file));
    return ShowDone(
        context, Json{{"file", given.file}, {"files", found.files}, {"bytes", found.bytes}},
        Msg("The backup is whole: {} files ({})", Thousands(found.files), Bytes(found.bytes)));
  }
  ASSIGN_OR_RETURN(const Config config, LoadConfig(context, {}));
  const std::string& data = config.Text("data");
  if (!LiveServer(data).empty()) {
    return WithHint(Fail(ErrorCode::kConflict, "a server runs on '{}'", data),
                    Msg("name another, empty folder with --data"));
  }
  ASSIGN_OR_RETURN(const BackupSummary done, RestoreData(config, given.file));
  return ShowDone(
      context, Json{{"data", data}, {"files", done.files}, {"bytes", done.bytes}},
      Msg("Restored {} files ({}) into {}", Thousands(done.files), Bytes(done.bytes), data));
}

void AddCare(Verb& root) {
  auto examined = std::make_shared<DoctorOptions>();
  root.Add("doctor", Msg("Say what is wrong with the data folder, and how to mend it"))
      .Group(Msg("Look after it:"))
      .Local()
      .Flag("--clean", examined->clean, Msg("delete files that nothing needs any more"))
      .Flag("--deep", examined->deep, Msg("read every file and compare its checksum"))
      .Example("aimass doctor --data my-data --deep",
               Msg("a thorough look; exit code 1 where something is broken"))
      .Run([examined](Context& context) { return Doctor(context, *examined); });

  auto saved = std::make_shared<CopyOptions>();
  root.Add("backup", Msg("Copy the data folder to a file, while the server runs"))
      .Group(Msg("Look after it:"))
      .Local()
      .Required("FILE", saved->file, Msg("a new folder, or a new .tar, .tar.gz or .tar.zst file"))
      .Example("aimass backup --data my-data monday.tar.zst",
               Msg("everything but the keys themselves"))
      .Run([saved](Context& context) { return RunBackup(context, *saved); });

  auto restored = std::make_shared<CopyOptions>();
  root.Add("restore", Msg("Make a data folder from a backup"))
      .Group(Msg("Look after it:"))
      .Local()
      .Required("FILE", restored->file, Msg("what `aimass backup` wrote"))
      .Flag("--verify", restored->verify, Msg("only check that it is whole"))
      .Example("aimass restore monday.tar.zst --data restored", Msg("into a new folder"))
      .Run([restored](Context& context) { return RunRestore(context, *restored); });
}

Status ShowVersion(Context& context) {
  if (context.json()) {
    context.Print(Json{{"version", Version()}, {"commit", BuildCommit()}});
  } else {
    context.Say(
        fmt::format("aimass {}{}", Version(),
                    BuildCommit().empty() ? std::string() : fmt::format(" ({})", BuildCommit())));
  }
  return {};
}

}  // namespace

void AddServerCommands(Verb& root) {
  AddServe(root);
  AddCare(root);
  root.Add("version", Msg("The version of this program"))
      .Group(Msg("Look after it:"))
      .Run(ShowVersion);
}

}  // namespace aimass::cli
