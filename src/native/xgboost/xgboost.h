#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace aimass::xgb {

/// A dense table for XGBoost: row-major floats, NaN is missing.
struct DenseData {
  std::span<const float> values;  // [rows × columns]
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::span<const float> labels = {};       // [rows], or empty
  std::span<const float> weights = {};      // [rows], or empty: all 1
  std::span<const std::string> names = {};  // [columns], or empty
  std::span<const bool> categorical = {};   // [columns], or empty: all numbers
  int threads = 1;
};

/// A DMatrix. Everything given is copied into it.
///
/// Errors   kInternal with the library's words.
/// Threads  one at a time.
class Matrix {
 public:
  /// Values as they are: what prediction of any model needs.
  [[nodiscard]] static Result<Matrix> Dense(const DenseData& data);
  /// Values as `max_bin` quantile bins, the form that `hist` trains on. With `reference` the bins
  /// are those of that matrix, as validation data must have.
  [[nodiscard]] static Result<Matrix> Quantile(const DenseData& data, int max_bin,
                                               const Matrix* reference);

  [[nodiscard]] void* handle() const { return handle_.get(); }
  [[nodiscard]] std::size_t rows() const { return rows_; }

 private:
  struct Free {
    void operator()(void* handle) const;
  };
  Matrix(void* handle, std::size_t rows) : handle_(handle), rows_(rows) {}
  std::unique_ptr<void, Free> handle_;
  std::size_t rows_;
};

/// A booster: trains, predicts, saves.
///
/// Errors   kInternal with the library's words; Load: kUnprocessable for bytes that are no model.
/// Threads  Predict… of one booster from one thread at a time.
class Booster {
 public:
  using Parameter = std::pair<std::string, std::string>;

  /// `cached`: the matrices whose predictions are kept up to date while it trains.
  [[nodiscard]] static Result<Booster> Create(std::span<const Matrix* const> cached,
                                              std::span<const Parameter> parameters);
  /// A saved model, JSON or UBJ.
  [[nodiscard]] static Result<Booster> Load(std::string_view bytes, int threads);

  [[nodiscard]] Status Update(int round, const Matrix& train);
  /// The value of the last evaluation metric on `data` after `round`.
  [[nodiscard]] Result<double> Evaluate(int round, const Matrix& data);
  /// Margins [rows × outputs] of rounds [0, rounds); 0: of all.
  [[nodiscard]] Result<std::vector<float>> PredictMargins(const Matrix& data, int rounds) const;
  /// Exact TreeSHAP [rows × outputs × (features + 1)], the bias last, of all rounds.
  [[nodiscard]] Result<std::vector<float>> PredictContributions(const Matrix& data) const;
  [[nodiscard]] Result<int> Rounds() const;
  [[nodiscard]] Result<std::size_t> NumFeatures() const;
  /// Only rounds [0, rounds).
  [[nodiscard]] Result<Booster> Slice(int rounds) const;
  /// `format`: "ubj" or "json".
  [[nodiscard]] Result<std::string> Save(std::string_view format) const;

 private:
  struct Free {
    void operator()(void* handle) const;
  };
  explicit Booster(void* handle) : handle_(handle) {}
  [[nodiscard]] Result<std::vector<float>> Predict(const Matrix& data, int type, int rounds) const;
  std::unique_ptr<void, Free> handle_;
};

}  // namespace aimass::xgb
