// aimass apply FILE, aimass solutions list|show|apply, aimass export: resources written in YAML.
#include <filesystem>
#include <map>

#include "base/embedded.h"
#include "base/file.h"
#include "base/words.h"
#include "datasets/import/address.h"
#include "main/cli/job_wait.h"
#include "main/cli/nouns.h"
#include "main/cli/output.h"
#include "main/cli/resources.h"
#include "main/cli/upload.h"

namespace aimass::cli {
namespace {

namespace fs = std::filesystem;

enum class Action { kNone, kCreate, kChange };

/// What one resource needs, and why.
struct Step {
  Action action = Action::kNone;
  Message reason;
};

std::string PathOf(std::string_view noun, std::string_view name) {
  return fmt::format("/api/v1/{}/{}", noun, Encode(name));
}

/// The resource at `path`, or null where there is none.
Result<Json> Find(Client& server, const std::string& path) {
  Result<Json> found = server.Get(path);
  if (found || found.error().code != ErrorCode::kNotFound) return found;
  return Json();
}

/// Looks at what there is and does what is declared. `changed_` holds the datasets and models that
/// this run made anew (or, in a dry run, would make), because what is made from them follows.
class Applier {
 public:
  Applier(Context& context, Client& server, bool dry_run)
      : context_(context), server_(server), dry_run_(dry_run) {}

  Status Apply(const Resource& resource) {
    ASSIGN_OR_RETURN(const Step step, Plan(resource));
    Tell(resource, step);
    if (step.action == Action::kNone) return {};
    changed_[resource.kind + " " + resource.name] = true;
    if (dry_run_) return {};
    if (resource.kind == "dataset") return MakeDataset(resource, step);
    if (resource.kind == "model") return MakeModel(resource);
    return MakeEndpoint(resource, step);
  }

  [[nodiscard]] const Json& done() const { return done_; }

 private:
  Result<Step> Plan(const Resource& resource) {
    if (resource.kind == "dataset") return PlanDataset(resource);
    if (resource.kind == "model") return PlanModel(resource);
    return PlanEndpoint(resource);
  }

  Result<Step> PlanDataset(const Resource& resource) {
    ASSIGN_OR_RETURN(const Json found, Find(server_, PathOf("datasets", resource.name)));
    if (found.is_null()) return Step{Action::kCreate, Msg("there is none")};
    const Json& origin = MemberOf(found, "origin");
    const Json& fields = resource.fields;
    if (fields.contains("sql")) {
      if (MemberOf(origin, "sql") != fields["sql"])
        return Step{Action::kChange, Msg("the SQL differs")};
      for (const Json& input : MemberOf(found, "inputs")) {
        const std::string name = TextOf(input, "name");
        if (changed_.contains("dataset " + name)) {
          return Step{Action::kChange, Msg("dataset '{}' changes", name)};
        }
        ASSIGN_OR_RETURN(const Json current, Find(server_, PathOf("datasets", name)));
        if (IntegerOf(current, "version", -1) != IntegerOf(input, "version", -1)) {
          return Step{Action::kChange, Msg("dataset '{}' has a newer version", name)};
        }
      }
      return Step{};
    }
    const Json& source = MemberOf(origin, "source");
    if (fields.contains("url")) {
      if (TextOf(source, "url") == ShownAddress(fields["url"].get<std::string>())) return Step{};
      return Step{Action::kChange, Msg("the address differs")};
    }
    ASSIGN_OR_RETURN(const std::string checksum, Sha256File(fields["file"].get<std::string>()));
    if (TextOf(source, "sha256") == checksum) return Step{};
    return Step{Action::kChange, Msg("the file differs")};
  }

  Result<Step> PlanModel(const Resource& resource) {
    const std::string dataset = TextOf(resource.fields, "dataset");
    ASSIGN_OR_RETURN(const Json found, Find(server_, PathOf("models", resource.name)));
    if (found.is_null() || MemberOf(found, "versions").empty()) {
      return Step{Action::kCreate, Msg("there is none")};
    }
    if (changed_.contains("dataset " + dataset))
      return Step{Action::kChange, Msg("dataset '{}' changes", dataset)};
    const std::int64_t newest = IntegerOf(MemberOf(found, "versions").front(), "version");
    ASSIGN_OR_RETURN(
        const Json version,
        server_.Get(fmt::format("{}/versions/{}", PathOf("models", resource.name), newest)));
    const Json& lineage = MemberOf(version, "lineage");
    ASSIGN_OR_RETURN(const Json current, Find(server_, PathOf("datasets", dataset)));
    if (TextOf(MemberOf(lineage, "dataset"), "name") != dataset ||
        IntegerOf(MemberOf(lineage, "dataset"), "version", -1) !=
            IntegerOf(current, "version", -2)) {
      return Step{Action::kChange, Msg("dataset '{}' has a newer version", dataset)};
    }
    for (const auto& [key, value] : resource.fields.items()) {
      if (key == "dataset") continue;
      if (MemberOf(MemberOf(lineage, "request"), key) != value) {
        return Step{Action::kChange, Msg("'{}' differs", key)};
      }
    }
    return Step{};
  }

  Result<Step> PlanEndpoint(const Resource& resource) {
    ASSIGN_OR_RETURN(const Json found, Find(server_, PathOf("endpoints", resource.name)));
    if (found.is_null()) return Step{Action::kCreate, Msg("there is none")};
    const Json& declared = resource.fields["routes"];
    const Json& routes = MemberOf(found, "routes");
    bool same = routes.size() == declared.size();
    for (std::size_t i = 0; same && i < declared.size(); ++i) {
      same = TextOf(routes[i], "model") == TextOf(declared[i], "model") &&
             TextOf(routes[i], "version") == TextOf(declared[i], "version") &&
             MemberOf(routes[i], "weight") == MemberOf(declared[i], "weight");
    }
    if (same) return Step{};
    return Step{Action::kChange, Msg("the routes differ")};
  }

  void Tell(const Resource& resource, const Step& step) {
    const char* words[] = {"unchanged", "create", "change"};
    const char* word = words[static_cast<int>(step.action)];
    done_.push_back({{"kind", resource.kind}, {"name", resource.name}, {"action", word}});
    switch (step.action) {
      case Action::kNone:
        context_.Say(Msg("= {} {}: as declared", Word{resource.kind}, resource.name));
        break;
      case Action::kCreate:
        context_.Say(Msg("+ {} {}", Word{resource.kind}, resource.name));
        break;
      case Action::kChange:
        context_.Say(
            Msg("~ {} {}: {}", Word{resource.kind}, resource.name, context_.Text(step.reason)));
        break;
    }
  }

  Status MakeDataset(const Resource& resource, const Step& step) {
    Json body = resource.fields;
    if (body.contains("file")) {
      ASSIGN_OR_RETURN(Json request, ImportRequest(context_, resource.name, TextOf(body, "file")));
      body.erase("file");
      request.update(body);
      body = std::move(request);
    } else if (body.contains("url")) {
      body["source"] = {{"url", body["url"]}};
      body.erase("url");
    }
    body["name"] = resource.name;
    if (step.action == Action::kChange) body["mode"] = "replace";
    ASSIGN_OR_RETURN(const Json answer, server_.Post("/api/v1/datasets", body));
    RETURN_IF_ERROR(AwaitJob(context_, answer));
    return {};
  }

  Status MakeModel(const Resource& resource) {
    Json body = resource.fields;
    body["name"] = resource.name;
    ASSIGN_OR_RETURN(const Json answer, server_.Post("/api/v1/models", body));
    RETURN_IF_ERROR(AwaitJob(context_, answer));
    return {};
  }

  Status MakeEndpoint(const Resource& resource, const Step& step) {
    Json body = resource.fields;
    if (step.action == Action::kChange) {
      RETURN_IF_ERROR(server_.Patch(PathOf("endpoints", resource.name), body));
      return {};
    }
    body["name"] = resource.name;
    RETURN_IF_ERROR(server_.Post("/api/v1/endpoints", body));
    return {};
  }

  Context& context_;
  Client& server_;
  const bool dry_run_;
  std::map<std::string, bool> changed_;
  Json done_ = Json::array();
};

Status ApplyFile(Context& context, const ResourceFile& file, bool dry_run) {
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  Applier applier(context, *server, dry_run);
  for (const Resource& resource : file.resources) RETURN_IF_ERROR(applier.Apply(resource));
  if (context.json()) context.Print({{"dry_run", dry_run}, {"resources", applier.done()}});
  return {};
}

// --- apply
// ----------------------------------------------------------------------------------------------------------

struct ApplyOptions {
  std::string file;
  std::optional<std::string> files;
  bool dry_run = false;
};

Status Apply(Context& context, const ApplyOptions& given) {
  ASSIGN_OR_RETURN(const std::string text, ReadText(given.file));
  const fs::path folder = given.file == "-" ? fs::path(".") : fs::path(given.file).parent_path();
  ASSIGN_OR_RETURN(const ResourceFile file,
                   ParseResources(text, {.folder = folder.empty() ? "." : folder.string(),
                                         .data_folder = given.files.value_or(""),
                                         .embedded = false}));
  return ApplyFile(context, file, given.dry_run);
}

// --- solutions
// ------------------------------------------------------------------------------------------------------

// A text of the solution's own: it may hold line breaks, and ends with none.
std::string InLanguage(const Context& context, const Json& texts) {
  const Json& given = MemberOf(texts, context.language() == Language::kChinese ? "zh" : "en");
  std::string text = given.is_string() ? given.get<std::string>() : CellText(given);
  text.erase(text.find_last_not_of(" \n") + 1);
  return text;
}

Result<ResourceFile> LoadSolution(const std::string& name, const std::string& files) {
  const std::string folder = "solutions/" + name;
  const auto text = FindEmbedded(folder + "/solution.yaml");
  if (!text) {
    std::vector<std::string> known;
    for (const EmbeddedFile& file : EmbeddedFiles()) {
      const fs::path path(file.path);
      if (path.filename() == "solution.yaml") known.push_back(path.parent_path().filename());
    }
    return Fail(ErrorCode::kNotFound, "no solution '{}'; there are: {}", name, Listing(known));
  }
  return ParseResources(*text, {.folder = folder, .data_folder = files, .embedded = true});
}

Status ListSolutions(Context& context) {
  Json items = Json::array();
  Table table({{context.Text(Msg("Name"))}, {context.Text(Msg("What it answers"))}});
  for (const EmbeddedFile& file : EmbeddedFiles()) {
    const fs::path path(file.path);
    if (path.filename() != "solution.yaml") continue;
    const std::string name = path.parent_path().filename();
    ASSIGN_OR_RETURN(const ResourceTitle title, ReadTitle(file.content));
    items.push_back({{"name", name}, {"title", title.title}});
    table.Add({name, InLanguage(context, title.title)});
  }
  if (context.json()) {
    context.Print({{"items", items}, {"next_cursor", nullptr}});
  } else {
    context.Say(table);
  }
  return {};
}

Status ShowSolution(Context& context, const std::string& name) {
  const auto text = FindEmbedded("solutions/" + name + "/solution.yaml");
  if (!text) return std::unexpected(LoadSolution(name, "").error());
  ASSIGN_OR_RETURN(const ResourceTitle title, ReadTitle(*text));
  if (context.json()) {
    context.Print(
        {{"name", name}, {"title", title.title}, {"story", title.story}, {"files", title.files}});
    return {};
  }
  context.Say(Paint(Colour::kBold, InLanguage(context, title.title), 1));
  const int width = std::min(TerminalWidth(1).value_or(100), 100);
  for (const std::string& line : Wrap(InLanguage(context, title.story), width)) context.Say(line);
  for (const Json& file : title.files) {
    context.Say(Msg("It needs {}: {}", TextOf(file, "name"), InLanguage(context, file)));
  }
  return {};
}

struct SolutionOptions {
  std::string name;
  std::optional<std::string> files;
  bool dry_run = false;
};

Status ApplySolution(Context& context, const SolutionOptions& given) {
  ASSIGN_OR_RETURN(const ResourceFile file, LoadSolution(given.name, given.files.value_or("")));
  return ApplyFile(context, file, given.dry_run);
}

// --- export
// ---------------------------------------------------------------------------------------------------------

// What is declared about a dataset, or null where only its file says it.
Json DeclareDataset(const Json& dataset) {
  const Json& origin = MemberOf(dataset, "origin");
  Json fields{{"kind", "dataset"}, {"name", TextOf(dataset, "name")}};
  if (origin.contains("sql")) {
    fields["sql"] = origin["sql"];
    return fields;
  }
  const Json& source = MemberOf(origin, "source");
  if (!source.contains("url")) return nullptr;
  fields["url"] = source["url"];
  return fields;
}

Result<Json> DeclareModel(Client& server, const Json& model) {
  if (MemberOf(model, "versions").empty()) return Json();
  const std::int64_t newest = IntegerOf(MemberOf(model, "versions").front(), "version");
  ASSIGN_OR_RETURN(
      const Json version,
      server.Get(fmt::format("{}/versions/{}", PathOf("models", TextOf(model, "name")), newest)));
  const Json& lineage = MemberOf(version, "lineage");
  const Json& request = MemberOf(lineage, "request");
  if (!request.is_object()) return Json();  // imported: the file says it
  Json fields = request;
  fields.erase("deploy");
  fields["kind"] = "model";
  fields["name"] = TextOf(model, "name");
  fields["dataset"] = TextOf(MemberOf(lineage, "dataset"), "name");
  return fields;
}

Json DeclareEndpoint(const Json& endpoint) {
  Json routes = Json::array();
  for (const Json& route : MemberOf(endpoint, "routes")) {
    routes.push_back({{"model", MemberOf(route, "model")},
                      {"version", MemberOf(route, "version")},
                      {"weight", MemberOf(route, "weight")}});
  }
  return {{"kind", "endpoint"}, {"name", TextOf(endpoint, "name")}, {"routes", routes}};
}

Status Export(Context& context) {
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  Json resources = Json::array();
  ASSIGN_OR_RETURN(const Json datasets, ListAll(*server, "/api/v1/datasets", INT64_MAX));
  // Newest first, so the other way round: what a dataset was made from stands before it.
  const Json& items = MemberOf(datasets, "items");
  for (auto item = items.rbegin(); item != items.rend(); ++item) {
    ASSIGN_OR_RETURN(const Json dataset, server->Get(PathOf("datasets", TextOf(*item, "name"))));
    Json declared = DeclareDataset(dataset);
    if (declared.is_null()) {
      context.Note(Msg("dataset {} was made from a file and is left out", TextOf(dataset, "name")));
    } else {
      resources.push_back(std::move(declared));
    }
  }
  ASSIGN_OR_RETURN(const Json models, ListAll(*server, "/api/v1/models", INT64_MAX));
  for (const Json& model : MemberOf(models, "items")) {
    ASSIGN_OR_RETURN(Json declared, DeclareModel(*server, model));
    if (!declared.is_null()) resources.push_back(std::move(declared));
  }
  ASSIGN_OR_RETURN(const Json endpoints, ListAll(*server, "/api/v1/endpoints", INT64_MAX));
  for (const Json& endpoint : MemberOf(endpoints, "items"))
    resources.push_back(DeclareEndpoint(endpoint));
  const Json file{{"format", 1}, {"resources", resources}};
  if (context.json()) {
    context.Print(file);
  } else {
    context.Say(ResourcesToYaml(file));
  }
  return {};
}

}  // namespace

void AddApplyCommands(Verb& root) {
  auto given = std::make_shared<ApplyOptions>();
  root.Add("apply", Msg("Make the server hold what a YAML file declares"))
      .Group(Msg("Declared in files:"))
      .Details(Msg("Shows what differs and changes only that; applying a file twice does nothing "
                   "the second time."))
      .Required("FILE", given->file, Msg("the file; - for standard input"))
      .Option("--files", "FOLDER", given->files, Msg("where the data files lie that it names"))
      .Flag("--dry-run", given->dry_run, Msg("only show what would change"))
      .Example("aimass apply shop.yaml --dry-run", Msg("what would change"))
      .Example("aimass apply shop.yaml", Msg("change it"))
      .Run([given](Context& context) { return Apply(context, *given); });
  root.Add("export", Msg("Write datasets made by SQL, models and endpoints as YAML, for apply"))
      .Group(Msg("Declared in files:"))
      .Example("aimass export > shop.yaml", Msg("keep the workspace's declarations in git"))
      .Run([](Context& context) { return Export(context); });

  Verb noun = root.Add("solutions", Msg("Ready-made examples: data, model, endpoint and a story"));
  noun.Group(Msg("Declared in files:"));
  noun.Add("list", Msg("All solutions of this build")).Run([](Context& context) {
    return ListSolutions(context);
  });
  auto shown = std::make_shared<std::string>();
  noun.Add("show", Msg("What a solution is about, and which files it needs"))
      .Required("NAME", *shown, Msg("name of the solution"))
      .Run([shown](Context& context) { return ShowSolution(context, *shown); });
  auto applied = std::make_shared<SolutionOptions>();
  noun.Add("apply", Msg("Make its datasets, train its model, deploy its endpoint"))
      .Required("NAME", applied->name, Msg("name of the solution"))
      .Option("--files", "FOLDER", applied->files, Msg("where the data files lie that it names"))
      .Flag("--dry-run", applied->dry_run, Msg("only show what would change"))
      .Example("aimass solutions apply retail --files ~/Downloads",
               Msg("with its sales log from that folder"))
      .Run([applied](Context& context) { return ApplySolution(context, *applied); });
}

}  // namespace aimass::cli
