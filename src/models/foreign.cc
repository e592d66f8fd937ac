#include "models/foreign.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <limits>
#include <set>
#include <utility>

#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "models/features/pipeline.h"
#include "models/folder.h"
#include "models/golden.h"
#include "models/learners/library.h"
#include "models/random.h"
#include "runtimes/runtime.h"

namespace aimass {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFileBytes = std::size_t{4} << 30;
constexpr std::size_t kGoldenRows = 128;
constexpr double kTolerance = 1e-6;
constexpr std::uint64_t kGoldenSeed = 20'261'122;

/// What a link says about the task; nullopt for one whose predictions have no shape of ours.
std::optional<TaskKind> TaskOfLink(std::string_view link) {
  if (link == "logistic") return TaskKind::kBinary;
  if (link == "softmax" || link == "logistic_each") return TaskKind::kMulticlass;
  if (link == "identity" || link == "exp" || link == "signed_square" || link == "log1p_exp") {
    return TaskKind::kRegression;
  }
  return std::nullopt;
}

Status CheckLabels(ForeignSignature& signature, std::span<const std::string> labels) {
  const std::size_t classes = signature.task == TaskKind::kBinary       ? 2
                              : signature.task == TaskKind::kMulticlass ? signature.outputs
                                                                        : 0;
  if (!labels.empty() && labels.size() != classes) {
    return Fail(ErrorCode::kUnprocessable,
                "the model tells {} classes apart, but {} labels were given", classes,
                labels.size());
  }
  signature.labels.assign(labels.begin(), labels.end());
  if (labels.empty()) {
    for (std::size_t i = 0; i < classes; ++i) signature.labels.push_back(std::to_string(i));
  }
  if (std::set(signature.labels.begin(), signature.labels.end()).size() !=
      signature.labels.size()) {
    return Fail(ErrorCode::kUnprocessable, "a label was given twice");
  }
  return {};
}

/// Rows that visit both sides of the splits, with missing values, exact thresholds and values far
/// outside.
std::vector<float> GoldenValues(const std::vector<learners::SplitPoints>& points) {
  constexpr std::array<float, 8> kOutside = {0.0f, 1.0f, -1.0f, 0.5f, 10.0f, -100.0f, 1e4f, 1e6f};
  Random random(kGoldenSeed);
  std::vector<float> values;
  values.reserve(kGoldenRows * points.size());
  for (std::size_t row = 0; row < kGoldenRows; ++row) {
    for (const learners::SplitPoints& feature : points) {
      const double choice = random.Unit();
      if (choice < 0.1) {
        values.push_back(std::numeric_limits<float>::quiet_NaN());
      } else if (feature.categorical) {
        values.push_back(static_cast<float>(random.Below(32)));
      } else if (feature.values.empty() || choice > 0.95) {
        values.push_back(kOutside[random.Below(kOutside.size())]);
      } else {
        const float at = feature.values[random.Below(feature.values.size())];
        constexpr float kFar = std::numeric_limits<float>::max();
        const std::size_t side = random.Below(5);
        values.push_back(side == 0   ? at
                         : side == 1 ? std::nextafter(at, -kFar)
                         : side == 2 ? std::nextafter(at, kFar)
                                     : at + static_cast<float>(random.Normal()) *
                                                std::max(std::abs(at) * 0.2f, 1e-3f));
      }
      if (std::isinf(values.back())) values.back() = 0.0f;
    }
  }
  return values;
}

Result<Json> Golden(const ForeignSignature& signature, const std::string& bytes,
                    const std::string& member) {
  const std::size_t features = signature.features.size();
  ASSIGN_OR_RETURN(const auto points,
                   learners::FindSplitPoints(signature.library, bytes, features));
  const std::vector<float> values = GoldenValues(points);
  ASSIGN_OR_RETURN(
      const std::vector<double> margins,
      learners::LibraryMargins(signature.library, bytes, values, kGoldenRows, features));
  if (margins.size() != kGoldenRows * signature.outputs) {
    return Fail(ErrorCode::kUnprocessable, "{} computes {} outputs per row, the file says {}",
                signature.library, margins.size() / kGoldenRows, signature.outputs);
  }
  RuntimeRegistry runtimes("runtime");
  RegisterAllRuntimes(runtimes);
  ASSIGN_OR_RETURN(const RuntimeType* runtime, runtimes.Find(signature.runtime));
  ASSIGN_OR_RETURN(const auto predictor, runtime->load(member));

  Json rows = Json::array();
  Json golden = Json::array();
  std::vector<float> ours(signature.outputs);
  for (std::size_t row = 0; row < kGoldenRows; ++row) {
    const std::span<const float> encoded = std::span(values).subspan(row * features, features);
    predictor->Predict(encoded, ours);
    Json cells = Json::array();
    for (const float value : encoded) cells.push_back(std::isnan(value) ? Json() : Json(value));
    Json row_margins = Json::array();
    for (std::size_t k = 0; k < signature.outputs; ++k) {
      const double expected = margins[row * signature.outputs + k];
      const double gap = std::abs(static_cast<double>(ours[k]) - expected);
      if (!(gap <= kTolerance * std::max(1.0, std::abs(expected)))) {
        return Fail(ErrorCode::kUnprocessable,
                    "the model is refused: {} answers {} where our reading of the file gives {}",
                    signature.library, expected, ours[k]);
      }
      row_margins.push_back(expected * signature.weight);
    }
    rows.push_back(std::move(cells));
    golden.push_back(std::move(row_margins));
  }
  return Json{{"format", 1},
              {"columns", signature.features},
              {"rows", std::move(rows)},
              {"features_sha256", HashOfFeatures(values)},
              {"margins", std::move(golden)},
              {"tolerance", kTolerance}};
}

/// A YAML scalar: JSON's double-quoted form is YAML's too.
std::string Quoted(const std::string& text) { return Json(text).dump(); }

std::string MlModel(const ForeignSignature& signature, const std::string& member) {
  Json inputs = Json::array();
  for (const std::string& feature : signature.features) {
    inputs.push_back({{"name", feature}, {"type", "double"}, {"required", false}});
  }
  std::string text = "flavors:\n  aimass:\n    format: 1\n  " + signature.library +
                     ":\n    data: " + Quoted(member) + "\n";
  if (!signature.library_version.empty()) {
    text += (signature.library == "xgboost" ? "    xgb_version: " : "    lgb_version: ") +
            Quoted(signature.library_version) + "\n";
  }
  text += "model_uuid: " + Quoted(NewId()) +
          "\nutc_time_created: " + Quoted(ToRfc3339(NowUnixMs())) +
          "\nsignature:\n  inputs: " + Quoted(inputs.dump()) + "\n";
  return text;
}

Result<Json> RunImport(JobContext& context) {
  const Json& parameters = context.spec().parameters;
  ASSIGN_OR_RETURN(const std::string name, GetString(parameters, "name"));
  ASSIGN_OR_RETURN(const std::string file, GetString(parameters, "file"));
  ASSIGN_OR_RETURN(const std::string file_name, GetString(parameters, "file_name", ""));
  ASSIGN_OR_RETURN(const std::string target, GetString(parameters, "target", ""));
  std::vector<std::string> labels;
  for (const Json& label : parameters.value("labels", Json::array())) {
    labels.push_back(label.is_string() ? label.get<std::string>() : label.dump());
  }
  context.Report(
      {.fraction = 0.1, .step = Msg("reading the model file"), .rows = {}, .eta_ms = {}});
  ASSIGN_OR_RETURN(const ForeignSignature signature, DescribeForeign(file, target, labels));
  RETURN_IF_ERROR(context.cancel().Check());
  context.Report({.fraction = 0.3,
                  .step = Msg("comparing our reading with {}", signature.library),
                  .rows = {},
                  .eta_ms = {}});
  const std::string folder = context.spec().work_folder + "/model";
  RETURN_IF_ERROR(StageForeign(file, signature, folder));
  ASSIGN_OR_RETURN(const std::string sum, Sha256File(file));
  context.Log(Msg("{} trees on {} columns, objective {}", signature.trees,
                  signature.features.size(), signature.objective));
  return Json{{"name", name},
              {"task", TaskName(signature.task)},
              {"staged_folder", folder},
              {"metrics", Json::object()},
              {"lineage",
               {{"origin", "import"},
                {"file", file_name},
                {"sha256", sum},
                {"library", signature.library},
                {"library_version", signature.library_version},
                {"objective", signature.objective}}}};
}

}  // namespace

Result<ForeignSignature> DescribeForeign(const std::string& file, std::string_view target,
                                         std::span<const std::string> labels) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadFile(file, kMaxFileBytes));
  const std::string_view first = std::string_view(bytes).substr(0, 4096);
  RuntimeRegistry runtimes("runtime");
  RegisterAllRuntimes(runtimes);
  for (const auto& [name, runtime] : runtimes.types()) {
    // The linear format is our own: only whole bundles of it are imported.
    if (name == "linear" || !runtime.reads(file, first)) continue;
    ASSIGN_OR_RETURN(const ArtefactInfo info, runtime.describe(file));
    RETURN_IF_ERROR(runtime.load(file));
    const std::optional<TaskKind> task = TaskOfLink(info.link);
    if (!task) {
      return WithHint(
          Fail(ErrorCode::kUnsupported, "models of objective '{}' cannot be imported yet",
               info.objective),
          Msg("these can: binary:logistic, multi:softprob, reg:squarederror and other plain "
              "regressions; LightGBM: binary, multiclass, regression"));
    }
    ForeignSignature signature{.task = *task,
                               .link = info.link,
                               .library = info.library,
                               .library_version = info.library_version,
                               .objective = info.objective,
                               .runtime = name,
                               .weight = info.margin_scale,
                               .outputs = info.outputs,
                               .trees = info.trees,
                               .target = target.empty() ? "prediction" : std::string(target),
                               .labels = {},
                               .features = info.feature_names};
    const std::size_t expected =
        *task == TaskKind::kMulticlass ? std::max<std::size_t>(info.outputs, 2) : 1;
    if (info.outputs != expected) {
      return Fail(ErrorCode::kUnprocessable,
                  "objective '{}' with {} outputs per row cannot be imported", info.objective,
                  info.outputs);
    }
    if (signature.features.empty()) {
      return Fail(ErrorCode::kUnprocessable, "the model reads no columns");
    }
    std::set<std::string_view> names;
    for (const std::string& feature : signature.features) {
      if (!names.insert(feature).second) {
        return Fail(ErrorCode::kUnprocessable, "the model names the feature '{}' twice", feature);
      }
    }
    RETURN_IF_ERROR(CheckLabels(signature, labels));
    return signature;
  }
  return Fail(
      ErrorCode::kUnsupported,
      "not a model file that this build reads: expected XGBoost (JSON or UBJ) or LightGBM (text)");
}

Status StageForeign(const std::string& file, const ForeignSignature& signature,
                    const std::string& folder) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadFile(file, kMaxFileBytes));
  std::error_code error;
  fs::remove_all(folder, error);
  RETURN_IF_ERROR(MakeFolder(folder));
  const std::size_t key = bytes.find_first_not_of(" \t\r\n", 1);
  const bool json = bytes.starts_with('{') && key != std::string::npos && bytes[key] == '"';
  const std::string member = std::string("member-0.") + (signature.library == "lightgbm" ? "txt"
                                                         : json                          ? "json"
                                                                                         : "ubj");
  const fs::path base(folder);
  RETURN_IF_ERROR(WriteFileAtomic(base / member, bytes));
  ASSIGN_OR_RETURN(const Json golden, Golden(signature, bytes, (base / member).string()));
  RETURN_IF_ERROR(WriteFileAtomic(base / "golden.json", golden.dump() + "\n"));
  RETURN_IF_ERROR(
      WriteFileAtomic(base / "features.json",
                      FeaturePipeline::Identity(signature.features).ToJson().dump() + "\n"));
  const Json model = {{"format", 1},
                      {"task", TaskName(signature.task)},
                      {"target", signature.target},
                      {"target_type", signature.task == TaskKind::kRegression ? "double" : "text"},
                      {"labels", signature.labels},
                      {"link", signature.link},
                      {"bias", std::vector<double>(signature.outputs, 0.0)},
                      {"members",
                       {{{"learner", signature.library},
                         {"runtime", signature.runtime},
                         {"file", member},
                         {"weight", signature.weight}}}},
                      {"calibration", {{"method", "none"}}},
                      {"interval", nullptr}};
  RETURN_IF_ERROR(WriteFileAtomic(base / "model.json", model.dump(2) + "\n"));
  RETURN_IF_ERROR(WriteFileAtomic(base / "MLmodel", MlModel(signature, member)));
  return WriteSums(folder);
}

void RegisterImportModelJob(JobKindRegistry& kinds) {
  kinds.Add({.name = "import_model", .label = {"Import a model", "导入模型"}, .run = RunImport});
}

}  // namespace aimass
