#pragma once

#include <span>
#include <vector>

#include "models/features/pipeline.h"
#include "models/features/rows.h"

namespace aimass {

/// Rows that a model must answer alike for ever (docs/formats/model.md, golden.json).
struct GoldenRows {
  Json rows;                    // [[cell, …], …] in the order of the pipeline's columns
  std::vector<float> features;  // [rows × features], encoded from `rows` themselves
  std::size_t count = 0;
};

/// What a model may bring: we write 200 rows; the floats that its rows encode to fit in 256 MiB.
inline constexpr std::size_t kMaxGoldenRows = 1'000;
inline constexpr std::size_t kMaxGoldenValues = std::size_t{1} << 26;

/// 150 rows from across the table, or all with repetition, and 50 more with cells emptied or
/// changed to what training never saw.
[[nodiscard]] GoldenRows MakeGoldenRows(const FeaturePipeline& pipeline, const RowTable& table,
                                        std::span<const std::uint32_t> rows, std::uint64_t seed);

/// Encodes rows of JSON cells, as golden.json holds them. [rows × features]
[[nodiscard]] std::vector<float> EncodeJsonRows(const FeaturePipeline& pipeline, const Json& rows);

/// SHA-256 of encoded rows: little-endian float32, every NaN as 0x7fc00000.
[[nodiscard]] std::string HashOfFeatures(std::span<const float> features);

/// golden.json. margins: [rows × outputs]
[[nodiscard]] Json GoldenJson(const FeaturePipeline& pipeline, const GoldenRows& golden,
                              std::span<const double> margins);

}  // namespace aimass
