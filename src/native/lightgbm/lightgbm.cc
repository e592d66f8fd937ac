// LightGBM's C API, version 4.7.
#include "native/lightgbm/lightgbm.h"

#include "native/lightgbm/c_api.h"

namespace aimass::lgbm {
namespace {

constexpr int kFloat32 = 0;        // C_API_DTYPE_FLOAT32
constexpr int kRawScore = 1;       // C_API_PREDICT_RAW_SCORE
constexpr int kContributions = 3;  // C_API_PREDICT_CONTRIB

Status Check(int code, std::string_view what) {
  if (code == 0) return {};
  return Fail(ErrorCode::kInternal, "LightGBM could not {}: {}", what, LGBM_GetLastError());
}

// The library writes to standard output otherwise, which belongs to the command's answer.
void DropLog(const char*) {}
void Silence() { LGBM_RegisterLogCallback(DropLog); }

}  // namespace

void Dataset::Free::operator()(void* handle) const { LGBM_DatasetFree(handle); }

Result<Dataset> Dataset::Create(const DenseData& data, const std::string& parameters,
                                const Dataset* reference) {
  Silence();
  DatasetHandle handle = nullptr;
  RETURN_IF_ERROR(Check(
      LGBM_DatasetCreateFromMat(data.values.data(), kFloat32, static_cast<std::int32_t>(data.rows),
                                static_cast<std::int32_t>(data.columns), 1, parameters.c_str(),
                                reference == nullptr ? nullptr : reference->handle(), &handle),
      "take the rows"));
  Dataset dataset(handle);
  if (!data.names.empty()) {
    std::vector<const char*> names;
    for (const std::string& name : data.names) names.push_back(name.c_str());
    RETURN_IF_ERROR(
        Check(LGBM_DatasetSetFeatureNames(handle, names.data(), static_cast<int>(names.size())),
              "take the feature names"));
  }
  RETURN_IF_ERROR(Check(LGBM_DatasetSetField(handle, "label", data.labels.data(),
                                             static_cast<int>(data.labels.size()), kFloat32),
                        "take the labels"));
  if (!data.weights.empty()) {
    RETURN_IF_ERROR(Check(LGBM_DatasetSetField(handle, "weight", data.weights.data(),
                                               static_cast<int>(data.weights.size()), kFloat32),
                          "take the weights"));
  }
  return dataset;
}

void Booster::Free::operator()(void* handle) const { LGBM_BoosterFree(handle); }

Result<Booster> Booster::Create(const Dataset& train, const std::string& parameters) {
  Silence();
  BoosterHandle handle = nullptr;
  RETURN_IF_ERROR(
      Check(LGBM_BoosterCreate(train.handle(), parameters.c_str(), &handle), "make a booster"));
  return Booster(handle);
}

Result<Booster> Booster::Load(const std::string& text) {
  Silence();
  BoosterHandle handle = nullptr;
  int rounds = 0;
  if (Status loaded =
          Check(LGBM_BoosterLoadModelFromString(text.c_str(), &rounds, &handle), "load the model");
      !loaded) {
    loaded.error().code = ErrorCode::kUnprocessable;
    return std::unexpected(std::move(loaded).error());
  }
  return Booster(handle);
}

Status Booster::AddValidation(const Dataset& data) {
  return Check(LGBM_BoosterAddValidData(handle_.get(), data.handle()), "take the validation rows");
}

Result<bool> Booster::Update() {
  int finished = 0;
  RETURN_IF_ERROR(Check(LGBM_BoosterUpdateOneIter(handle_.get(), &finished), "train a round"));
  return finished != 0;
}

Result<double> Booster::Evaluate() const {
  int count = 0;
  RETURN_IF_ERROR(Check(LGBM_BoosterGetEvalCounts(handle_.get(), &count), "evaluate a round"));
  std::vector<double> values(static_cast<std::size_t>(count));
  RETURN_IF_ERROR(
      Check(LGBM_BoosterGetEval(handle_.get(), 1, &count, values.data()), "evaluate a round"));
  if (count < 1)
    return Fail(ErrorCode::kInternal, "LightGBM could not {}: {}", "evaluate a round", "no metric");
  return values.front();
}

Result<std::vector<double>> Booster::Predict(std::span<const float> values, std::size_t rows,
                                             std::size_t columns, int type, int rounds,
                                             int threads) const {
  std::int64_t length = 0;
  RETURN_IF_ERROR(Check(
      LGBM_BoosterCalcNumPredict(handle_.get(), static_cast<int>(rows), type, 0, rounds, &length),
      "predict"));
  std::vector<double> out(static_cast<std::size_t>(length));
  const std::string parameters = fmt::format("num_threads={} verbosity=-1", threads);
  RETURN_IF_ERROR(Check(
      LGBM_BoosterPredictForMat(handle_.get(), values.data(), kFloat32,
                                static_cast<std::int32_t>(rows), static_cast<std::int32_t>(columns),
                                1, type, 0, rounds, parameters.c_str(), &length, out.data()),
      "predict"));
  out.resize(static_cast<std::size_t>(length));
  return out;
}

Result<std::vector<double>> Booster::PredictMargins(std::span<const float> values, std::size_t rows,
                                                    std::size_t columns, int rounds,
                                                    int threads) const {
  return Predict(values, rows, columns, kRawScore, rounds, threads);
}

Result<std::vector<double>> Booster::PredictContributions(std::span<const float> values,
                                                          std::size_t rows, std::size_t columns,
                                                          int threads) const {
  return Predict(values, rows, columns, kContributions, 0, threads);
}

Result<int> Booster::Rounds() const {
  int rounds = 0;
  RETURN_IF_ERROR(
      Check(LGBM_BoosterGetCurrentIteration(handle_.get(), &rounds), "count its rounds"));
  return rounds;
}

Result<std::size_t> Booster::NumFeatures() const {
  int count = 0;
  RETURN_IF_ERROR(Check(LGBM_BoosterGetNumFeature(handle_.get(), &count), "count its features"));
  return static_cast<std::size_t>(count);
}

Result<std::string> Booster::Save(int rounds) const {
  constexpr int kGain = 1;  // C_API_FEATURE_IMPORTANCE_GAIN
  std::int64_t length = 0;
  std::string text(1 << 16, '\0');
  // The first call says how long it is (with its final NUL), the second fits.
  for (int attempt = 0; attempt < 2; ++attempt) {
    RETURN_IF_ERROR(Check(
        LGBM_BoosterSaveModelToString(handle_.get(), 0, rounds, kGain,
                                      static_cast<std::int64_t>(text.size()), &length, text.data()),
        "save the model"));
    if (static_cast<std::size_t>(length) <= text.size()) break;
    text.resize(static_cast<std::size_t>(length));
  }
  text.resize(static_cast<std::size_t>(length) - 1);
  return text;
}

}  // namespace aimass::lgbm
