#include "main/cli/cli.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "main/cli/context.h"
#include "main/cli/nouns.h"
#include "main/cli/verb.h"
#include "main/run_job.h"
#include "main/run_sql.h"

namespace aimass::cli {
namespace {

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// --lang, else the locale as POSIX looks for it. Needed before the verbs are built, because their
// texts are in it.
Language ChooseLanguage(const std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    if (arguments[i].starts_with("--lang=")) return LanguageOf(arguments[i].substr(7));
    if (arguments[i] == "--lang" && i + 1 < arguments.size()) return LanguageOf(arguments[i + 1]);
  }
  for (const char* name : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
    if (const std::string value = Variable(name); !value.empty()) return LanguageOf(value);
  }
  return Language::kEnglish;
}

bool WantsJson(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--") return false;
    if (argument == "--json") return true;
  }
  return false;
}

void AddCommonOptions(Verb& root, CommonOptions& common) {
  root.Flag("--json", common.json,
            Msg("machine output: one JSON document on standard output, nothing else"))
      .Option("--server", "URL", common.server, Msg("work on that server; also AIMASS_URL"))
      .Option("--key", "KEY", common.key, Msg("the key for it; also AIMASS_KEY"))
      .Option("--data", "DIR", common.data,
              Msg("work on that data folder; also AIMASS_DATA; else ./aimass-data where it exists, "
                  "else ~/.aimass"))
      .Option("--lang", "zh|en", common.lang, Msg("language of texts; else that of the locale"))
      .Choices({"zh", "en"});
}

void AddVerbs(Verb& root, const CommandLine& line) {
  root.Summary(
          Msg("AI Mass: from the data that a company has to decisions that a model makes live"))
      .Details(Msg("Without --server, AI Mass works on a data folder: through the server that runs "
                   "on it, or, "
                   "where none runs, on its own for the length of the command."))
      .Example("aimass datasets import customers customers.csv", Msg("bring data in"))
      .Example("aimass sql 'SELECT city, count(*) FROM customers GROUP BY city'", Msg("ask"))
      .Example("aimass train customers --target churn --time 60s --deploy churn",
               Msg("train and deploy"))
      .Example("aimass predict churn new-customers.csv --out scored.csv", Msg("score a file"))
      .Example("aimass serve --data my-data",
               Msg("start the server: REST, events, metrics, documentation"));
  AddSourcesCommands(root);
  AddDatasetsCommands(root);
  AddSqlCommand(root);
  AddTrainCommand(root);
  AddModelsCommands(root);
  AddPredictCommand(root);
  AddEndpointsCommands(root);
  AddApplyCommands(root);
  AddJobsCommands(root);
  AddKeysCommands(root);
  AddWorkspacesCommands(root);
  AddServerCommands(root);
  AddCompletionCommand(root, line);
}

int RunParsed(CommandLine& line, Context& context, const std::vector<std::string>& arguments) {
  auto parsed = line.Parse(arguments);
  if (!parsed) {
    context.common.json = WantsJson(arguments);
    context.Print(parsed.error());
    return 2;
  }
  if (!parsed->run) {
    context.common.json = WantsJson(arguments);
    if (!context.json()) {
      std::fputs(parsed->help.c_str(), parsed->incomplete ? stderr : stdout);
    } else if (!parsed->incomplete) {
      context.Print(Json{{"help", parsed->help}});
    }
    if (!parsed->incomplete) return 0;
    context.Print(*parsed->incomplete);
    return 2;
  }
  InstallInterrupt();
  const Status done = parsed->run(context);
  std::fflush(stdout);  // before the server inside ends
  context.Disconnect();
  if (!done) context.Print(done.error());
  const bool written = std::fflush(stdout) == 0;
  if (done && written) return context.exit_code;
  return context.exit_code == 2 ? 2 : 1;
}

}  // namespace

int RunCli(int argc, char** argv) {
  std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  // What the server calls; not for people, and its process has nothing of the command
  // line.
  if (arguments.size() == 2 && arguments[0] == "run-job") return RunJob(arguments[1]);
  if (arguments.size() == 2 && arguments[0] == "run-sql") return RunSql(arguments[1]);
  if (!arguments.empty() && arguments[0] == "--version") arguments[0] = "version";
  const Language language = ChooseLanguage(arguments);
  Context context(language);
  try {
    CommandLine line(language);
    Verb root = line.Root();
    AddCommonOptions(root, context.common);
    AddVerbs(root, line);
    return RunParsed(line, context, arguments);
  } catch (const std::exception& error) {  // of the standard library: no memory, mostly
    context.Print(Fail(ErrorCode::kInternal, "unexpected: {}", error.what()).error());
    return 1;
  }
}

}  // namespace aimass::cli
