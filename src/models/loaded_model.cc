#include "models/loaded_model.h"

#include <algorithm>
#include <cmath>

#include "base/file.h"
#include "models/folder.h"
#include "models/golden.h"

namespace aimass {
namespace {

double Logistic(double margin) {
  // Of the two equal forms the one that does not overflow.
  if (margin >= 0) return 1.0 / (1.0 + std::exp(-margin));
  const double e = std::exp(margin);
  return e / (1.0 + e);
}

bool LinkFits(std::string_view link, TaskKind task) {
  switch (task) {
    case TaskKind::kBinary:
      return link == "logistic";
    case TaskKind::kMulticlass:
      return link == "softmax" || link == "logistic_each";
    default:
      return link == "identity" || link == "exp" || link == "signed_square" || link == "log1p_exp";
  }
}

Result<Json> ReadJsonFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return ParseJson(text);
}

Result<std::vector<double>> Weights(const Json& json, std::size_t outputs) {
  if (json.is_number()) return std::vector<double>(outputs, json.get<double>());
  std::vector<double> weights;
  if (json.is_array()) {
    for (const Json& item : json) {
      if (item.is_number()) weights.push_back(item.get<double>());
    }
  }
  if (weights.size() != outputs || weights.size() != json.size()) {
    return Fail(ErrorCode::kUnprocessable, "model.json: expected {} numbers, found {}", outputs,
                json.dump());
  }
  return weights;
}

}  // namespace

Status LoadedModel::ReadModel(const Json& json, const std::string& folder,
                              const RuntimeRegistry& runtimes) {
  ASSIGN_OR_RETURN(const std::string task, GetString(json, "task"));
  ASSIGN_OR_RETURN(task_, TaskFromName(task));
  ASSIGN_OR_RETURN(target_, GetString(json, "target"));
  ASSIGN_OR_RETURN(link_, GetString(json, "link"));
  if (!LinkFits(link_, task_)) {
    return Fail(ErrorCode::kUnsupported,
                "model.json: this build knows no link '{}' for the task '{}'", link_, task);
  }
  for (const Json& label : json.value("labels", Json::array())) {
    if (!label.is_string()) {
      return Fail(ErrorCode::kUnprocessable, "model.json: labels must be texts, found {}",
                  label.dump());
    }
    labels_.push_back(label.get<std::string>());
  }
  const std::size_t classes = task_ == TaskKind::kBinary       ? 2
                              : task_ == TaskKind::kRegression ? 0
                                                               : labels_.size();
  if (labels_.size() != classes || (task_ == TaskKind::kMulticlass && classes < 2)) {
    return Fail(ErrorCode::kUnprocessable, "model.json: {} labels do not fit the task '{}'",
                labels_.size(), task);
  }
  const std::size_t outputs = task_ == TaskKind::kMulticlass ? labels_.size() : 1;
  ASSIGN_OR_RETURN(bias_, Weights(json.value("bias", Json(0.0)), outputs));

  for (const Json& item : json.value("members", Json::array())) {
    ASSIGN_OR_RETURN(const std::string runtime_name, GetString(item, "runtime"));
    ASSIGN_OR_RETURN(const std::string file, GetString(item, "file"));
    if (!IsModelFileName(file)) {
      return Fail(ErrorCode::kUnprocessable, "model.json: '{}' is not a file of the model", file);
    }
    ASSIGN_OR_RETURN(const RuntimeType* runtime, runtimes.Find(runtime_name));
    Member member;
    ASSIGN_OR_RETURN(member.predictor, runtime->load(folder + "/" + file));
    ASSIGN_OR_RETURN(member.weight, Weights(item.value("weight", Json(1.0)), outputs));
    if (member.predictor->num_outputs() != outputs ||
        member.predictor->num_features() != column_of_.size()) {
      return Fail(ErrorCode::kUnprocessable,
                  "'{}' takes {} features and gives {} outputs; expected {} and {}", file,
                  member.predictor->num_features(), member.predictor->num_outputs(),
                  column_of_.size(), outputs);
    }
    members_.push_back(std::move(member));
  }
  if (members_.empty()) return Fail(ErrorCode::kUnprocessable, "model.json names no members");

  if (const auto interval = json.find("interval");
      interval != json.end() && interval->is_object()) {
    ASSIGN_OR_RETURN(const double lower, GetNumber(*interval, "lower"));
    ASSIGN_OR_RETURN(const double upper, GetNumber(*interval, "upper"));
    residuals_ = {lower, upper};
  }
  return {};
}

Status LoadedModel::CheckGolden(const Json& golden) const {
  const auto broken = [] {
    return Fail(ErrorCode::kUnprocessable, "golden.json is not of format 1");
  };
  const auto rows = golden.find("rows");
  const auto margins = golden.find("margins");
  if (rows == golden.end() || margins == golden.end() || !rows->is_array() ||
      !margins->is_array() || rows->size() != margins->size() ||
      golden.value("format", Json()) != 1) {
    return broken();
  }
  const Json names = golden.value("columns", Json::array());
  if (!names.is_array() ||
      !std::ranges::equal(names, columns(),
                          [](const Json& a, const std::string& b) { return a == b; })) {
    return Fail(ErrorCode::kUnprocessable,
                "golden.json was made for other columns than features.json reads");
  }
  const std::size_t width = column_of_.size();
  if (rows->size() > kMaxGoldenRows || rows->size() * width > kMaxGoldenValues) {
    return Fail(ErrorCode::kUnprocessable,
                "golden.json has {} rows of {} features; expected at most {} rows and {} values",
                rows->size(), width, kMaxGoldenRows, kMaxGoldenValues);
  }
  for (std::size_t i = 0; i < rows->size(); ++i) {
    const Json& row = (*rows)[i];
    if (!row.is_array()) return broken();
    if (row.size() != columns().size()) {
      return Fail(ErrorCode::kUnprocessable, "golden row {} has {} cells, expected {}", i,
                  row.size(), columns().size());
    }
    const Json& expected = (*margins)[i];
    if (!expected.is_array() || expected.size() != outputs() ||
        !std::ranges::all_of(expected, [](const Json& margin) { return margin.is_number(); })) {
      return broken();
    }
  }
  ASSIGN_OR_RETURN(const double tolerance, GetNumber(golden, "tolerance", 1e-6));
  const std::vector<float> encoded = EncodeJsonRows(pipeline_, *rows);
  if (const std::string hash = HashOfFeatures(encoded);
      golden.value("features_sha256", Json()) != hash) {
    return Fail(
        ErrorCode::kUnprocessable,
        "the golden rows are encoded differently than when the model was made: features hash {}",
        hash);
  }
  const std::size_t count = rows->size();
  std::vector<double> batch(count * outputs());
  Combine(encoded, count, batch);
  std::vector<double> single(outputs());
  for (std::size_t i = 0; i < count; ++i) {
    const Json& expected = (*margins)[i];
    Combine(std::span(encoded).subspan(i * width, width), 1, single);
    for (std::size_t o = 0; o < outputs(); ++o) {
      const double want = expected[o].get<double>();
      for (const double got : {batch[i * outputs() + o], single[o]}) {
        if (std::fabs(got - want) <= tolerance * std::max(1.0, std::fabs(want))) continue;
        return WithHint(
            Fail(ErrorCode::kUnprocessable,
                 "golden row {} gives margin {}, but gave {} when the model was made; the model is "
                 "refused",
                 i, got, want),
            Msg("its file was changed, or this build computes differently: train it again"));
      }
    }
  }
  return {};
}

Result<std::shared_ptr<const LoadedModel>> LoadedModel::Load(const std::string& folder,
                                                             std::string_view checksum,
                                                             const RuntimeRegistry& runtimes) {
  if (checksum.empty()) {
    RETURN_IF_ERROR(VerifyFolder(folder));
  } else {
    RETURN_IF_ERROR(VerifyFolder(folder, checksum));
  }
  ASSIGN_OR_RETURN(const Json features, ReadJsonFile(folder + "/features.json"));
  ASSIGN_OR_RETURN(FeaturePipeline pipeline, FeaturePipeline::FromJson(features));
  ASSIGN_OR_RETURN(const Json json, ReadModelJson(folder));
  std::unique_ptr<LoadedModel> model(new LoadedModel(std::move(pipeline)));
  const auto columns = model->columns();
  for (const FeatureInfo& feature : model->pipeline_.features()) {
    const auto found = std::ranges::find(columns, feature.column);
    if (found == columns.end()) {
      return Fail(ErrorCode::kUnprocessable, "features.json: feature '{}' comes from no column",
                  feature.name);
    }
    model->column_of_.push_back(static_cast<std::size_t>(found - columns.begin()));
  }
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const auto type = TypeFromName(c < model->types().size() ? model->types()[c] : "");
    model->column_types_.push_back(type ? std::optional(*type) : std::nullopt);
    model->column_at_.emplace(columns[c], c);
  }
  RETURN_IF_ERROR(model->ReadModel(json, folder, runtimes));
  ASSIGN_OR_RETURN(const Json golden, ReadJsonFile(folder + "/golden.json"));
  RETURN_IF_ERROR(model->CheckGolden(golden));
  return std::shared_ptr<const LoadedModel>(std::move(model));
}

std::optional<std::size_t> LoadedModel::FindColumn(std::string_view name) const {
  const auto found = column_at_.find(name);
  return found == column_at_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::string_view> LoadedModel::paths() const {
  std::vector<std::string_view> paths;
  for (const Member& member : members_) paths.push_back(member.predictor->path());
  return paths;
}

void LoadedModel::Combine(std::span<const float> encoded, std::size_t rows,
                          std::span<double> margins) const {
  static thread_local std::vector<float> part;
  part.resize(rows * outputs());
  for (std::size_t i = 0; i < rows * outputs(); ++i) margins[i] = bias_[i % outputs()];
  for (const Member& member : members_) {
    if (rows == 1) {
      member.predictor->Predict(encoded, part);
    } else {
      member.predictor->PredictBatch(encoded, rows, part);
    }
    for (std::size_t i = 0; i < rows * outputs(); ++i) {
      margins[i] += member.weight[i % outputs()] * static_cast<double>(part[i]);
    }
  }
}

void LoadedModel::Predict(std::span<const Cell> cells, std::span<double> margins) const {
  static thread_local std::vector<float> encoded;
  encoded.resize(column_of_.size());
  pipeline_.Encode(cells, encoded);
  Combine(encoded, 1, margins);
}

void LoadedModel::PredictBatch(const Batch& batch, std::span<double> margins) const {
  static thread_local std::vector<float> encoded;
  encoded.resize(batch.num_rows() * column_of_.size());
  pipeline_.EncodeBatch(batch, encoded);
  Combine(encoded, batch.num_rows(), margins);
}

void LoadedModel::Finish(std::span<const double> margins, std::span<double> out) const {
  if (link_ == "logistic") {
    out[1] = Logistic(margins[0]);
    out[0] = Logistic(-margins[0]);
  } else if (link_ == "softmax") {
    const double top = *std::ranges::max_element(margins);
    double sum = 0;
    for (std::size_t i = 0; i < margins.size(); ++i) sum += out[i] = std::exp(margins[i] - top);
    for (double& p : out) p /= sum;
  } else if (link_ == "logistic_each") {
    // One model per class against the rest: shares of the sum, so that they are probabilities.
    double sum = 0;
    for (std::size_t i = 0; i < margins.size(); ++i) sum += out[i] = Logistic(margins[i]);
    for (double& p : out) p = sum > 0 ? p / sum : 1.0 / static_cast<double>(out.size());
  } else if (link_ == "exp") {
    out[0] = std::exp(margins[0]);
  } else if (link_ == "signed_square") {
    out[0] = std::copysign(margins[0] * margins[0], margins[0]);
  } else if (link_ == "log1p_exp") {
    out[0] = std::log1p(std::exp(margins[0]));
  } else {
    out[0] = margins[0];
  }
}

std::optional<std::pair<double, double>> LoadedModel::Interval(double value) const {
  if (!residuals_) return std::nullopt;
  return std::pair(value + residuals_->first, value + residuals_->second);
}

Result<Explanation> LoadedModel::Explain(std::span<const Cell> cells) const {
  std::vector<float> encoded(column_of_.size());
  pipeline_.Encode(cells, encoded);
  std::vector<double> margins(outputs());
  Combine(encoded, 1, margins);
  Explanation why;
  why.output = static_cast<std::size_t>(std::ranges::max_element(margins) - margins.begin());
  why.base = bias_[why.output];
  why.contributions.resize(columns().size());
  for (std::size_t i = 0; i < columns().size(); ++i) why.contributions[i].column = i;
  const std::size_t width = column_of_.size() + 1;
  std::vector<double> part(outputs() * width);
  for (const Member& member : members_) {
    RETURN_IF_ERROR(member.predictor->Contributions(encoded, part));
    const double weight = member.weight[why.output];
    const auto of_output = std::span(part).subspan(why.output * width, width);
    for (std::size_t f = 0; f < column_of_.size(); ++f) {
      why.contributions[column_of_[f]].value += weight * of_output[f];
    }
    why.base += weight * of_output.back();
  }
  // The members' margins are rounded to float32, their contributions are not: the sum is what is
  // shown.
  why.margin = why.base;
  for (const ColumnContribution& each : why.contributions) why.margin += each.value;
  std::ranges::stable_sort(why.contributions, std::greater{},
                           [](const ColumnContribution& each) { return std::fabs(each.value); });
  return why;
}

}  // namespace aimass
