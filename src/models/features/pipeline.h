#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "models/learner.h"
#include "table/batch.h"
#include "table/cell.h"

namespace aimass {

/// The fitted feature pipeline: raw columns in, encoded floats out. Training, batch and single-row
/// serving run this same code on the same state (features.json, docs/formats/features.md).
///
/// Threads  const methods from any thread.
class FeaturePipeline {
 public:
  FeaturePipeline(FeaturePipeline&&) noexcept;
  FeaturePipeline& operator=(FeaturePipeline&&) noexcept;
  ~FeaturePipeline();

  [[nodiscard]] static Result<FeaturePipeline> FromJson(const Json& json);
  [[nodiscard]] Json ToJson() const;
  /// For models made elsewhere: each named feature is passed through as a number.
  [[nodiscard]] static FeaturePipeline Identity(std::span<const std::string> names);

  /// The raw columns it reads, in order: a row is given as cells in this order.
  [[nodiscard]] std::span<const std::string> columns() const;
  /// The logical type of each column as training saw it (table/schema.h: TypeFromName).
  [[nodiscard]] std::span<const std::string> types() const;
  /// What it writes.
  [[nodiscard]] std::span<const FeatureInfo> features() const;

  /// One row. cells: [columns()], out: [features()]. Unknown categories and unreadable values
  /// become missing; nothing throws or allocates beyond thread-local scratch.
  void Encode(std::span<const Cell> cells, std::span<float> out) const;
  /// Many rows, columns found by name (absent: all missing). out: [rows × features()] row-major.
  void EncodeBatch(const Batch& batch, std::span<float> out) const;

 private:
  friend class FeatureFitter;
  struct State;
  explicit FeaturePipeline(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace aimass
