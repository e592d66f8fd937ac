#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/json.h"
#include "models/learner.h"
#include "table/cell.h"

// Fitted encoders: one cell in, a few floats out. Every path to an encoded row goes through
// EncodeCells.
namespace aimass::features {

inline constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};
template <typename T>
using TextMap = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

/// A number as the learners take it: what is not finite is missing, what a float cannot hold is the
/// nearest that it can.
[[nodiscard]] inline float ToFloat(double value) {
  if (!std::isfinite(value)) return kMissing;
  constexpr double kLimit = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(value, -kLimit, kLimit));
}
/// A cell as a number: text is read by ParseNumber, booleans are 0 and 1. What is none is missing.
[[nodiscard]] float NumberOfCell(const Cell& cell);
/// A cell as the key of a category: text without outer white space, whole numbers without a
/// fraction, "true" and "false"; empty where it is missing. May point into `scratch`.
[[nodiscard]] std::string_view KeyOfCell(const Cell& cell, std::string& scratch);
/// A cell as a time in microseconds: text is read by ParseTime.
[[nodiscard]] std::optional<std::int64_t> TimeOfCell(const Cell& cell);

/// The number itself.
struct NumberEncoder {};

/// Few categories: codes by frequency, the most frequent is 0. What training never saw is missing.
struct CategoryEncoder {
  TextMap<int> codes;
  std::vector<std::string> keys;  // by code
};

/// Many categories: per output the mean target of the key, drawn towards the mean of all by
/// `smoothing` rows, and log(1 + rows of the key). Keys of a single row are not kept: they count as
/// unseen. What is unseen has the mean of all and 0; a missing cell is missing.
struct TargetEncoder {
  std::size_t outputs = 1;    // binary and regression: 1; multiclass: one per class
  double smoothing = 10.0;    // rows
  std::vector<double> prior;  // [outputs]
  TextMap<std::uint32_t> keys;
  std::vector<std::uint32_t> rows;  // [keys]
  std::vector<double> sums;         // [keys × outputs]

  /// out: [outputs + 1], from sums and rows that may leave some rows out.
  void Write(std::span<const double> key_sums, double key_rows, double all_rows,
             std::span<const double> priors, std::span<float> out) const;
};

/// Parts of a time, each a number.
struct TimeEncoder {
  std::vector<std::string> parts;  // of kTimeParts
  std::int64_t reference_us = 0;   // "days" counts from here
};
inline constexpr std::string_view kTimeParts[] = {"year",      "month",     "day",     "weekday",
                                                  "hour",      "month_end", "days",    "month_sin",
                                                  "month_cos", "hour_sin",  "hour_cos"};

/// Days from the first column to the second.
struct DifferenceEncoder {};

/// Free text: log(1 + count) of selected hashed n-grams, then words and characters.
struct TextEncoder {
  int bits = 18;                                        // buckets: 2^bits
  std::vector<std::uint32_t> buckets;                   // the selected ones, by output
  std::unordered_map<std::uint32_t, std::uint32_t> at;  // bucket → output
};

struct Encoder {
  std::size_t column = 0;        // of the pipeline's columns
  std::size_t other_column = 0;  // DifferenceEncoder only
  std::size_t first_feature = 0;
  std::size_t num_features = 0;
  std::variant<NumberEncoder, CategoryEncoder, TargetEncoder, TimeEncoder, DifferenceEncoder,
               TextEncoder>
      fitted;
};

/// out: [encoder.num_features]
void EncodeCells(const Encoder& encoder, std::span<const Cell> cells, std::span<float> out);

[[nodiscard]] Json ToJson(const Encoder& encoder);
/// Everything but the feature range. Errors: kUnprocessable naming what is wrong.
[[nodiscard]] Result<Encoder> EncoderFromJson(const Json& json);

/// How many floats EncodeCells writes.
[[nodiscard]] std::size_t WidthOf(const Encoder& encoder);

/// The features that `encoder` writes for a column of this name, WidthOf of them.
/// labels: [outputs] of a TargetEncoder with more than one output, else unused.
[[nodiscard]] std::vector<FeatureInfo> FeaturesOf(const Encoder& encoder,
                                                  std::span<const std::string> columns,
                                                  std::span<const std::string> labels);

}  // namespace aimass::features
