// XGBoost's C API, library 3.2; the header is Debian's of 1.7, whose functions used here are
// unchanged (xgboost_test.cc calls each of them).
#include "native/xgboost/xgboost.h"

#include <xgboost/c_api.h>

#include <cstdlib>

namespace aimass::xgb {
namespace {

Status Check(int code, std::string_view what) {
  if (code == 0) return {};
  // The library appends a stack trace after an empty line; only its first paragraph is for people.
  std::string_view text = XGBGetLastError();
  if (const auto end = text.find("\n\n"); end != std::string_view::npos) text = text.substr(0, end);
  if (const auto end = text.find("\nStack trace"); end != std::string_view::npos)
    text = text.substr(0, end);
  return Fail(ErrorCode::kInternal, "XGBoost could not {}: {}", what, text);
}

std::string ArrayInterface(const float* data, std::size_t rows, std::size_t columns) {
  return fmt::format(R"({{"data":[{},true],"shape":[{},{}],"typestr":"<f4","version":3}})",
                     reinterpret_cast<std::uintptr_t>(data), rows, columns);
}

std::string VectorInterface(std::span<const float> data) {
  return fmt::format(R"({{"data":[{},true],"shape":[{}],"typestr":"<f4","version":3}})",
                     reinterpret_cast<std::uintptr_t>(data.data()), data.size());
}

// Labels, weights, names and types: alike for a matrix and for the proxy of a quantile matrix.
Status SetInfo(DMatrixHandle handle, const DenseData& data) {
  if (!data.labels.empty()) {
    RETURN_IF_ERROR(
        Check(XGDMatrixSetInfoFromInterface(handle, "label", VectorInterface(data.labels).c_str()),
              "take the labels"));
  }
  if (!data.weights.empty()) {
    RETURN_IF_ERROR(Check(
        XGDMatrixSetInfoFromInterface(handle, "weight", VectorInterface(data.weights).c_str()),
        "take the weights"));
  }
  std::vector<const char*> texts;
  if (!data.names.empty()) {
    for (const std::string& name : data.names) texts.push_back(name.c_str());
    RETURN_IF_ERROR(
        Check(XGDMatrixSetStrFeatureInfo(handle, "feature_name", texts.data(), texts.size()),
              "take the feature names"));
  }
  if (!data.categorical.empty()) {
    texts.clear();
    for (const bool categorical : data.categorical) texts.push_back(categorical ? "c" : "float");
    RETURN_IF_ERROR(
        Check(XGDMatrixSetStrFeatureInfo(handle, "feature_type", texts.data(), texts.size()),
              "take the feature types"));
  }
  return {};
}

// Hands the one batch to the library as often as it asks for a pass.
struct OneBatch {
  const DenseData* data;
  DMatrixHandle proxy;
  bool done = false;
  Status status;

  static void Reset(DataIterHandle self) { static_cast<OneBatch*>(self)->done = false; }
  static int Next(DataIterHandle self) {
    auto& batch = *static_cast<OneBatch*>(self);
    if (batch.done) return 0;
    batch.done = true;
    const DenseData& data = *batch.data;
    batch.status =
        Check(XGProxyDMatrixSetDataDense(
                  batch.proxy, ArrayInterface(data.values.data(), data.rows, data.columns).c_str()),
              "take the rows");
    if (batch.status) batch.status = SetInfo(batch.proxy, data);
    return batch.status ? 1 : 0;
  }
};

}  // namespace

void Matrix::Free::operator()(void* handle) const { XGDMatrixFree(handle); }

Result<Matrix> Matrix::Dense(const DenseData& data) {
  DMatrixHandle handle = nullptr;
  const std::string config = fmt::format(R"({{"missing":NaN,"nthread":{}}})", data.threads);
  RETURN_IF_ERROR(Check(
      XGDMatrixCreateFromDense(ArrayInterface(data.values.data(), data.rows, data.columns).c_str(),
                               config.c_str(), &handle),
      "take the rows"));
  Matrix matrix(handle, data.rows);
  RETURN_IF_ERROR(SetInfo(handle, data));
  return matrix;
}

Result<Matrix> Matrix::Quantile(const DenseData& data, int max_bin, const Matrix* reference) {
  DMatrixHandle proxy = nullptr;
  RETURN_IF_ERROR(Check(XGProxyDMatrixCreate(&proxy), "make a matrix"));
  const std::unique_ptr<void, Free> free_proxy(proxy);
  OneBatch batch{.data = &data, .proxy = proxy, .done = false, .status = {}};
  const std::string config =
      fmt::format(R"({{"missing":NaN,"nthread":{},"max_bin":{}}})", data.threads, max_bin);
  DMatrixHandle handle = nullptr;
  const int code = XGQuantileDMatrixCreateFromCallback(
      &batch, proxy, reference == nullptr ? nullptr : reference->handle(), OneBatch::Reset,
      OneBatch::Next, config.c_str(), &handle);
  RETURN_IF_ERROR(batch.status);
  RETURN_IF_ERROR(Check(code, "make quantile bins"));
  return Matrix(handle, data.rows);
}

void Booster::Free::operator()(void* handle) const { XGBoosterFree(handle); }

Result<Booster> Booster::Create(std::span<const Matrix* const> cached,
                                std::span<const Parameter> parameters) {
  std::vector<DMatrixHandle> handles;
  for (const Matrix* matrix : cached) handles.push_back(matrix->handle());
  BoosterHandle handle = nullptr;
  RETURN_IF_ERROR(
      Check(XGBoosterCreate(handles.data(), handles.size(), &handle), "make a booster"));
  Booster booster(handle);
  for (const auto& [name, value] : parameters) {
    RETURN_IF_ERROR(
        Check(XGBoosterSetParam(handle, name.c_str(), value.c_str()), "take its parameters"));
  }
  return booster;
}

Result<Booster> Booster::Load(std::string_view bytes, int threads) {
  BoosterHandle handle = nullptr;
  RETURN_IF_ERROR(Check(XGBoosterCreate(nullptr, 0, &handle), "make a booster"));
  Booster booster(handle);
  if (Status loaded =
          Check(XGBoosterLoadModelFromBuffer(handle, bytes.data(), bytes.size()), "load the model");
      !loaded) {
    loaded.error().code = ErrorCode::kUnprocessable;
    return std::unexpected(std::move(loaded).error());
  }
  RETURN_IF_ERROR(Check(XGBoosterSetParam(handle, "nthread", std::to_string(threads).c_str()),
                        "take its parameters"));
  return booster;
}

Status Booster::Update(int round, const Matrix& train) {
  return Check(XGBoosterUpdateOneIter(handle_.get(), round, train.handle()), "train a round");
}

Result<double> Booster::Evaluate(int round, const Matrix& data) {
  DMatrixHandle handle = data.handle();
  const char* name = "v";
  const char* text = nullptr;
  RETURN_IF_ERROR(Check(XGBoosterEvalOneIter(handle_.get(), round, &handle, &name, 1, &text),
                        "evaluate a round"));
  const std::string_view line(text);  // "[3]\tv-logloss:0.4312"
  const auto colon = line.rfind(':');
  if (colon == std::string_view::npos) {
    return Fail(ErrorCode::kInternal, "XGBoost could not {}: {}", "evaluate a round", line);
  }
  return std::strtod(text + colon + 1, nullptr);
}

Result<std::vector<float>> Booster::Predict(const Matrix& data, int type, int rounds) const {
  const std::string config = fmt::format(
      R"({{"type":{},"training":false,"iteration_begin":0,"iteration_end":{},"strict_shape":true}})",
      type, rounds);
  const bst_ulong* shape = nullptr;
  bst_ulong dimensions = 0;
  const float* values = nullptr;
  RETURN_IF_ERROR(Check(XGBoosterPredictFromDMatrix(handle_.get(), data.handle(), config.c_str(),
                                                    &shape, &dimensions, &values),
                        "predict"));
  std::size_t count = 1;
  for (bst_ulong i = 0; i < dimensions; ++i) count *= shape[i];
  return std::vector<float>(values, values + count);
}

Result<std::vector<float>> Booster::PredictMargins(const Matrix& data, int rounds) const {
  return Predict(data, /*type: margin*/ 1, rounds);
}

Result<std::vector<float>> Booster::PredictContributions(const Matrix& data) const {
  return Predict(data, /*type: contribution*/ 2, 0);
}

Result<int> Booster::Rounds() const {
  int rounds = 0;
  RETURN_IF_ERROR(Check(XGBoosterBoostedRounds(handle_.get(), &rounds), "count its rounds"));
  return rounds;
}

Result<std::size_t> Booster::NumFeatures() const {
  bst_ulong count = 0;
  RETURN_IF_ERROR(Check(XGBoosterGetNumFeature(handle_.get(), &count), "count its features"));
  return static_cast<std::size_t>(count);
}

Result<Booster> Booster::Slice(int rounds) const {
  BoosterHandle handle = nullptr;
  RETURN_IF_ERROR(Check(XGBoosterSlice(handle_.get(), 0, rounds, 1, &handle), "cut off rounds"));
  return Booster(handle);
}

Result<std::string> Booster::Save(std::string_view format) const {
  const std::string config = fmt::format(R"({{"format":"{}"}})", format);
  bst_ulong size = 0;
  const char* bytes = nullptr;
  RETURN_IF_ERROR(Check(XGBoosterSaveModelToBuffer(handle_.get(), config.c_str(), &size, &bytes),
                        "save the model"));
  return std::string(bytes, size);
}

}  // namespace aimass::xgb
