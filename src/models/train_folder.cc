#include "models/train_folder.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <thread>

#include "base/file.h"
#include "models/folder.h"
#include "runtimes/runtime.h"
#include "table/schema.h"

namespace aimass {
namespace {

constexpr std::size_t kMostExplainedRows = 300;

std::string Text(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n";
}

// MLflow's column types.
std::string_view MlflowType(std::string_view type_name) {
  const auto type = TypeFromName(type_name);
  if (!type) return "string";
  if (type->kind == TypeKind::kBool) return "boolean";
  if (IsNumeric(*type)) return "double";
  if (IsTemporal(*type)) return "datetime";
  return "string";
}

// What explaining a row takes grows with the trees, and these with the file. A file that is not
// there is told of where it is loaded.
std::size_t RowsToExplain(const std::string& folder, const Json& model) {
  constexpr double kBytesTimesRows = 4e8;
  double bytes = 1.0;
  for (const Json& member : model.at("members")) {
    std::error_code error;
    const auto size =
        std::filesystem::file_size(folder + "/" + member.at("file").get<std::string>(), error);
    if (!error) bytes += static_cast<double>(size);
  }
  return std::clamp(static_cast<std::size_t>(kBytesTimesRows / bytes), std::size_t{50},
                    kMostExplainedRows);
}

}  // namespace

Status StageModel(const std::string& folder, const StagedModel& model) {
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  RETURN_IF_ERROR(MakeFolder(folder));
  RETURN_IF_ERROR(WriteFileAtomic(folder + "/model.json", Text(model.model, 2)));
  RETURN_IF_ERROR(WriteFileAtomic(folder + "/features.json", Text(model.features, -1)));
  RETURN_IF_ERROR(WriteFileAtomic(folder + "/golden.json", Text(model.golden, -1)));
  if (!model.trials.is_null())
    RETURN_IF_ERROR(WriteFileAtomic(folder + "/trials.json", Text(model.trials, 1)));
  for (const FittedMember& member : model.members) {
    RETURN_IF_ERROR(WriteFileAtomic(folder + "/" + member.file, member.artefact));
  }
  return {};
}

Status FinishModel(const std::string& folder, const Json& report, const FeaturePipeline& pipeline,
                   const std::string& name) {
  Json inputs = Json::array();
  for (std::size_t i = 0; i < pipeline.columns().size(); ++i) {
    inputs.push_back({{"name", pipeline.columns()[i]},
                      {"type", MlflowType(pipeline.types()[i])},
                      {"required", false}});
  }
  // Double-quoted YAML scalars are JSON strings.
  const std::string mlmodel = fmt::format(
      "artifact_path: model\n"
      "flavors:\n"
      "  aimass:\n"
      "    format: 1\n"
      "    model: model.json\n"
      "    features: features.json\n"
      "metadata:\n"
      "  name: {}\n"
      "signature:\n"
      "  inputs: {}\n",
      Json(name).dump(), Json(inputs.dump()).dump());
  RETURN_IF_ERROR(WriteFileAtomic(folder + "/MLmodel", mlmodel));
  RETURN_IF_ERROR(WriteFileAtomic(folder + "/report.json", Text(report, -1)));
  return WriteSums(folder);
}

Result<std::vector<ColumnImportance>> ImportanceOf(const std::string& folder,
                                                   std::span<const float> rows,
                                                   std::size_t num_rows,
                                                   std::span<const FeatureInfo> features,
                                                   int threads) {
  RuntimeRegistry runtimes("runtime");
  RegisterAllRuntimes(runtimes);
  ASSIGN_OR_RETURN(const Json model, ReadModelJson(folder));
  const std::size_t width = features.size();
  const std::size_t most = RowsToExplain(folder, model);
  const std::size_t step = std::max<std::size_t>(1, (num_rows + most - 1) / most);
  const std::size_t explained = (num_rows + step - 1) / step;
  std::vector<double> sums;  // [explained × outputs × width]
  std::size_t outputs = 1;
  for (const Json& member : model.at("members")) {
    ASSIGN_OR_RETURN(const RuntimeType* type,
                     runtimes.Find(member.at("runtime").get<std::string>()));
    ASSIGN_OR_RETURN(const std::unique_ptr<Predictor> predictor,
                     type->load(folder + "/" + member.at("file").get<std::string>()));
    outputs = predictor->num_outputs();
    sums.resize(explained * outputs * width, 0.0);
    const double weight = member.at("weight").get<double>();
    const auto parts = static_cast<std::size_t>(std::max(threads, 1));
    std::vector<Status> done(parts);
    const auto explain = [&](std::size_t part) -> Status {
      std::vector<double> out(outputs * (width + 1));
      for (std::size_t i = part; i < explained; i += parts) {
        RETURN_IF_ERROR(predictor->Contributions(rows.subspan(i * step * width, width), out));
        for (std::size_t o = 0; o < outputs; ++o) {
          for (std::size_t f = 0; f < width; ++f)
            sums[(i * outputs + o) * width + f] += weight * out[o * (width + 1) + f];
        }
      }
      return {};
    };
    {
      std::vector<std::jthread> others;
      for (std::size_t part = 1; part < parts; ++part)
        others.emplace_back([&, part] { done[part] = explain(part); });
      done[0] = explain(0);
    }
    for (Status& status : done) RETURN_IF_ERROR(std::move(status));
  }
  // Features of one column are added up before the absolute value: they may cancel each other.
  std::map<std::string, double> by_column;
  double total = 0.0;
  for (std::size_t row = 0; row < explained * outputs; ++row) {
    std::map<std::string_view, double> in_row;
    for (std::size_t f = 0; f < width; ++f) in_row[features[f].column] += sums[row * width + f];
    for (const auto& [column, value] : in_row) {
      by_column[std::string(column)] += std::fabs(value);
      total += std::fabs(value);
    }
  }
  std::vector<ColumnImportance> out;
  for (const auto& [column, value] : by_column)
    out.push_back({.column = column, .share = total > 0.0 ? value / total : 0.0});
  std::ranges::stable_sort(out, std::greater{}, &ColumnImportance::share);
  return out;
}

}  // namespace aimass
