#include "models/describe.h"

#include <filesystem>

#include "base/file.h"
#include "base/words.h"
#include "models/features/pipeline.h"
#include "models/folder.h"

namespace aimass {
namespace {

namespace fs = std::filesystem;

Status Expect(bool good, std::string_view file, const char* expected, const Json& found) {
  if (good) return {};
  return Fail(ErrorCode::kUnprocessable, "{} is damaged: expected {}, found {}", file,
              Word{expected}, KindOf(found));
}

/// The object in a file of the model; an empty one where there is no such file.
Result<Json> ReadObject(const fs::path& path) {
  const auto text = ReadFile(path);
  if (!text && text.error().code == ErrorCode::kNotFound) return Json::object();
  if (!text) return std::unexpected(text.error());
  ASSIGN_OR_RETURN(Json json, ParseJson(*text));
  RETURN_IF_ERROR(Expect(json.is_object(), path.filename().string(), "an object", json));
  return json;
}

/// The first golden row by column; null where there is none.
Result<Json> ExampleRow(const Json& golden) {
  const Json columns = golden.value("columns", Json::array());
  const Json rows = golden.value("rows", Json::array());
  RETURN_IF_ERROR(Expect(columns.is_array(), "golden.json", "a list", columns));
  RETURN_IF_ERROR(Expect(rows.is_array(), "golden.json", "a list", rows));
  if (rows.empty()) return Json();
  RETURN_IF_ERROR(Expect(rows[0].is_array(), "golden.json", "a list", rows[0]));
  Json row = Json::object();
  for (std::size_t i = 0; i < columns.size() && i < rows[0].size(); ++i) {
    RETURN_IF_ERROR(Expect(columns[i].is_string(), "golden.json", "a text", columns[i]));
    row[columns[i].get<std::string>()] = rows[0][i];
  }
  return row;
}

}  // namespace

Result<Json> DescribeFolder(const std::string& folder_name) {
  const fs::path folder(folder_name);
  Json page = Json::object();
  ASSIGN_OR_RETURN(const Json described, ReadModelJson(folder_name));
  for (const std::string_view key : {"target", "labels", "link", "members", "interval"}) {
    page[key] = described.value(key, Json());
  }
  ASSIGN_OR_RETURN(const Json features, ReadObject(folder / "features.json"));
  ASSIGN_OR_RETURN(const FeaturePipeline pipeline, FeaturePipeline::FromJson(features));
  page["columns"] = Json::array();
  for (std::size_t i = 0; i < pipeline.columns().size(); ++i) {
    page["columns"].push_back(
        {{"name", pipeline.columns()[i]},
         {"type", i < pipeline.types().size() ? Json(pipeline.types()[i]) : Json()}});
  }
  ASSIGN_OR_RETURN(const Json golden, ReadObject(folder / "golden.json"));
  ASSIGN_OR_RETURN(page["example"], ExampleRow(golden));
  ASSIGN_OR_RETURN(const Json trials, ReadObject(folder / "trials.json"));
  page["trials"] = trials.value("trials", Json::array());
  RETURN_IF_ERROR(Expect(page["trials"].is_array(), "trials.json", "a list", page["trials"]));
  ASSIGN_OR_RETURN(const Json report, ReadObject(folder / "report.json"));
  page["has_report"] = fs::exists(folder / "report.json");
  return page;
}

}  // namespace aimass
