#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "datasets/dataset.h"
#include "datasets/delta/log.h"
#include "datasets/jobs.h"
#include "datasets/read.h"
#include "table/json_rows.h"

namespace aimass::testing {

/// A folder that is deleted with the object.
class TestFolder {
 public:
  TestFolder() : path_(std::filesystem::temp_directory_path() / ("aimass-test-" + NewId())) {
    std::filesystem::create_directories(path_);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string path(std::string_view name = "") const {
    return (path_ / name).string();
  }
  [[nodiscard]] std::string Write(std::string_view name, std::string_view content) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    EXPECT_TRUE(WriteFileAtomic(path_ / name, content));
    return path(name);
  }

 private:
  std::filesystem::path path_;
};

/// A job's surroundings in one process. `die_after` checkpoints the next one "crashes".
class FakeContext final : public JobContext {
 public:
  FakeContext(JobSpec spec, int die_after = -1) : spec_(std::move(spec)), die_after_(die_after) {}
  const JobSpec& spec() const override { return spec_; }
  void Report(const Progress& progress) override { last = progress; }
  void Log(const Message& line) override { log.push_back(Render(line, Language::kEnglish)); }
  const CancelToken& cancel() const override { return cancel_; }
  Status SaveCheckpoint(const Json& state) override {
    if (die_after_ == 0) return Fail(ErrorCode::kUnavailable, "crash");
    if (die_after_ > 0) --die_after_;
    return WriteFileAtomic(spec_.work_folder + "/checkpoint.json", state.dump());
  }
  std::optional<Json> LoadCheckpoint() const override {
    const auto text = ReadFile(spec_.work_folder + "/checkpoint.json");
    if (!text) return std::nullopt;
    return Json::parse(*text);
  }

  Progress last;
  std::vector<std::string> log;

 private:
  JobSpec spec_;
  CancelToken cancel_;
  int die_after_;
};

/// An import as its job does it.
struct Imported {
  Json output;
  Schema schema;
  std::string folder;
  std::vector<std::string> log;

  [[nodiscard]] std::string Types() const {
    std::string text;
    for (const ColumnInfo& column : schema.columns) {
      text += (text.empty() ? "" : ", ") + column.name + " " + TypeName(column.type);
    }
    return text;
  }
  /// All rows as JSON arrays.
  [[nodiscard]] std::string Rows() const {
    DatasetSnapshot snapshot{.id = "d", .name = "t", .workspace = "w", .schema = schema};
    for (const Json& file : output["files"]) {
      snapshot.files.push_back({.path = folder + "/" + file["path"].get<std::string>(),
                                .rows = file["rows"].get<std::int64_t>()});
    }
    auto reader = Read(Caller{.kind = "system"}, {.datasets = {snapshot}});
    EXPECT_TRUE(reader) << reader.error().ToString();
    std::string out;
    for (;;) {
      auto batch = (*reader)->Next();
      EXPECT_TRUE(batch) << batch.error().ToString();
      if (!batch || !*batch) return out;
      if (!out.empty() && (*batch)->num_rows() > 0) out += ',';
      AppendJsonRows(out, **batch, 0, (*batch)->num_rows());
    }
  }
  [[nodiscard]] std::vector<std::string> Warnings() const {
    std::vector<std::string> texts;
    for (const Json& warning : output["warnings"]) {
      texts.push_back(Render(MessageFromJson(warning), Language::kEnglish));
    }
    return texts;
  }
};

inline JobSpec ImportSpec(const TestFolder& folder, const std::string& source,
                          const std::string& parameters = "{}") {
  Json all{
      {"dataset", NewId()},
      {"name", "t"},
      {"folder", folder.path("table")},
      {"mode", "create"},
      {"source", {{"path", source}, {"name", std::filesystem::path(source).filename().string()}}},
      {"format", "auto"},
      {"encoding", "auto"},
      {"options", Json::object()}};
  all.update(Json::parse(parameters));
  JobSpec spec{
      .id = NewId(), .kind = "import", .caller = {.kind = "system"}, .parameters = std::move(all)};
  spec.work_folder = folder.path("work-" + spec.id);
  std::filesystem::create_directories(spec.work_folder);
  return spec;
}

inline Result<Imported> RunImport(FakeContext& context) {
  JobKindRegistry kinds("job kind");
  FormatRegistry formats("format");
  RegisterAllFormats(formats);
  RegisterDatasetJobs(kinds, formats);
  auto output = kinds.types().find("import")->second.run(context);
  if (!output) return std::unexpected(output.error());
  Imported imported{.output = *output,
                    .schema = {},
                    .folder = context.spec().parameters["folder"],
                    .log = context.log};
  auto schema = delta::SchemaFromDelta(imported.output["schema"].get<std::string>());
  if (!schema) return std::unexpected(schema.error());
  imported.schema = *schema;
  return imported;
}

inline Result<Imported> RunImport(const TestFolder& folder, const std::string& source,
                                  const std::string& parameters = "{}") {
  FakeContext context(ImportSpec(folder, source, parameters));
  return RunImport(context);
}

}  // namespace aimass::testing
