#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "runtimes/runtime.h"

namespace aimass::runtimes::trees {

/// One node as a file gives it, with the library's rule of decision already brought into one form:
/// right where x >= threshold (numbers) or where the code is listed == listed_right (categories).
struct ParsedNode {
  std::int32_t left = -1;  // -1: a leaf
  std::int32_t right = -1;
  std::uint32_t feature = 0;
  float threshold = 0.0F;  // NaN: nothing goes right
  bool missing_right = false;
  bool zero_is_missing = false;  // LightGBM's zero_as_missing: |x| <= 1e-35 goes where NaN goes
  bool categorical = false;
  bool listed_right = false;
  std::uint32_t bits_begin = 0;  // into ParsedForest::bits, in words
  std::uint32_t bits_words = 0;
  double value = 0.0;  // of a leaf
  double cover = 0.0;  // training weight or rows that passed through it
};

struct ParsedTree {
  std::uint32_t output = 0;
  std::vector<ParsedNode> nodes;  // the root is the first
};

/// A model file, read but not yet trusted: Forest::Build checks its structure.
struct ParsedForest {
  ArtefactInfo info;
  std::size_t features = 0;
  std::size_t outputs = 1;
  bool sum_in_double = false;  // LightGBM sums in double, XGBoost in float32
  double divide_by = 1.0;      // LightGBM's average_output: the number of iterations
  float smallest_code = 0.0F;  // values from here on are categories after rounding towards zero
  std::vector<float> base;     // [outputs], margins
  std::vector<ParsedTree> trees;
  std::vector<std::uint32_t> bits;  // sets of categories
};

/// 64 MiB of category sets in a model: far above what training writes, far below what a small file
/// can claim, and every word has an index of 32 bits.
inline constexpr std::size_t kMaxCategoryWords = std::size_t{1} << 24;

/// Whether `forest` may have `more` words of categories. Errors: kUnprocessable.
[[nodiscard]] inline Status CheckCategoryWords(const ParsedForest& forest, std::size_t more) {
  if (forest.bits.size() + more <= kMaxCategoryWords) return {};
  return Fail(ErrorCode::kUnprocessable,
              "the model's sets of categories take more than {} bytes; number the categories "
              "from 0 without gaps",
              kMaxCategoryWords * sizeof(std::uint32_t));
}

/// XGBoost 1.0 … 3.x, JSON or UBJ; boosters gbtree and dart.
/// Errors   kUnsupported for what this layout does not hold (gblinear, multi-target leaves);
/// kUnprocessable.
[[nodiscard]] Result<ParsedForest> ParseXgboost(std::string_view content);

/// LightGBM 2.x … 4.x, text (model_to_string). Errors: kUnsupported (linear trees), kUnprocessable.
[[nodiscard]] Result<ParsedForest> ParseLightgbm(std::string_view content);

}  // namespace aimass::runtimes::trees
