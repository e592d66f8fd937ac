#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace aimass::lgbm {

/// A dense table for LightGBM: row-major floats, NaN is missing.
struct DenseData {
  std::span<const float> values;  // [rows × columns]
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::span<const float> labels = {};       // [rows]
  std::span<const float> weights = {};      // [rows], or empty: all 1
  std::span<const std::string> names = {};  // [columns], or empty
};

/// A binned data set. Everything given is copied into it.
///
/// Errors   kInternal with the library's words.
/// Threads  one at a time.
class Dataset {
 public:
  /// `parameters` as LightGBM writes them: "max_bin=255 categorical_feature=0,3". With `reference`
  /// the bins are those of that data set, as validation data must have.
  [[nodiscard]] static Result<Dataset> Create(const DenseData& data, const std::string& parameters,
                                              const Dataset* reference);
  [[nodiscard]] void* handle() const { return handle_.get(); }

 private:
  struct Free {
    void operator()(void* handle) const;
  };
  explicit Dataset(void* handle) : handle_(handle) {}
  std::unique_ptr<void, Free> handle_;
};

/// A booster: trains, predicts, saves. The data sets that it was given must live as long.
///
/// Errors   kInternal with the library's words; Load: kUnprocessable for text that is no model.
/// Threads  one at a time.
class Booster {
 public:
  [[nodiscard]] static Result<Booster> Create(const Dataset& train, const std::string& parameters);
  /// A model in LightGBM's text format.
  [[nodiscard]] static Result<Booster> Load(const std::string& text);

  [[nodiscard]] Status AddValidation(const Dataset& data);
  /// One more round; true where no further split was possible, so that training is finished.
  [[nodiscard]] Result<bool> Update();
  /// The first evaluation metric on the first validation data.
  [[nodiscard]] Result<double> Evaluate() const;
  /// Margins [rows × outputs] of rounds [0, rounds); 0: of all. values: [rows × columns].
  [[nodiscard]] Result<std::vector<double>> PredictMargins(std::span<const float> values,
                                                           std::size_t rows, std::size_t columns,
                                                           int rounds, int threads) const;
  /// Exact TreeSHAP [rows × outputs × (columns + 1)], the bias last, of all rounds.
  [[nodiscard]] Result<std::vector<double>> PredictContributions(std::span<const float> values,
                                                                 std::size_t rows,
                                                                 std::size_t columns,
                                                                 int threads) const;
  [[nodiscard]] Result<int> Rounds() const;
  [[nodiscard]] Result<std::size_t> NumFeatures() const;
  /// Rounds [0, rounds) as text; 0: all.
  [[nodiscard]] Result<std::string> Save(int rounds) const;

 private:
  struct Free {
    void operator()(void* handle) const;
  };
  explicit Booster(void* handle) : handle_(handle) {}
  [[nodiscard]] Result<std::vector<double>> Predict(std::span<const float> values, std::size_t rows,
                                                    std::size_t columns, int type, int rounds,
                                                    int threads) const;
  std::unique_ptr<void, Free> handle_;
};

}  // namespace aimass::lgbm
