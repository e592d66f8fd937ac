#include "models/features/pipeline.h"

#include <algorithm>
#include <array>
#include <optional>

#include "models/features/state.h"
#include "table/numbers.h"

namespace aimass {
namespace {

constexpr std::size_t kBlockRows = 256;  // their features stay in the cache from column to column

}  // namespace

FeaturePipeline::FeaturePipeline(std::unique_ptr<State> state) : state_(std::move(state)) {}
FeaturePipeline::FeaturePipeline(FeaturePipeline&&) noexcept = default;
FeaturePipeline& FeaturePipeline::operator=(FeaturePipeline&&) noexcept = default;
FeaturePipeline::~FeaturePipeline() = default;

std::span<const std::string> FeaturePipeline::columns() const { return state_->columns; }
std::span<const std::string> FeaturePipeline::types() const { return state_->types; }
std::span<const FeatureInfo> FeaturePipeline::features() const { return state_->features; }

Json FeaturePipeline::ToJson() const {
  Json columns = Json::array();
  for (std::size_t i = 0; i < state_->columns.size(); ++i) {
    columns.push_back({{"name", state_->columns[i]}, {"type", state_->types[i]}});
  }
  Json encoders = Json::array();
  for (const features::Encoder& encoder : state_->encoders) {
    Json json = features::ToJson(encoder);
    json["features"] = Json::array();
    for (std::size_t i = 0; i < encoder.num_features; ++i) {
      const FeatureInfo& feature = state_->features[encoder.first_feature + i];
      json["features"].push_back({{"name", feature.name}, {"categories", feature.categories}});
    }
    encoders.push_back(std::move(json));
  }
  return {{"format", 1}, {"columns", std::move(columns)}, {"encoders", std::move(encoders)}};
}

Result<FeaturePipeline> FeaturePipeline::FromJson(const Json& json) {
  ASSIGN_OR_RETURN(const std::int64_t format, GetInteger(json, "format"));
  if (format != 1) {
    return Fail(ErrorCode::kUnprocessable, "features.json has format {}, this build reads format 1",
                format);
  }
  auto state = std::make_unique<State>();
  try {
    for (const Json& column : json.at("columns")) {
      state->columns.push_back(column.at("name").get<std::string>());
      state->types.push_back(column.at("type").get<std::string>());
    }
    for (const Json& item : json.at("encoders")) {
      ASSIGN_OR_RETURN(features::Encoder encoder, features::EncoderFromJson(item));
      if (encoder.column >= state->columns.size() ||
          encoder.other_column >= state->columns.size()) {
        return Fail(ErrorCode::kUnprocessable, "features.json is damaged: {}",
                    "an encoder of a column that is not there");
      }
      encoder.first_feature = state->features.size();
      for (const Json& feature : item.at("features")) {
        state->features.push_back({feature.at("name").get<std::string>(),
                                   state->columns[encoder.column],
                                   feature.at("categories").get<int>()});
      }
      encoder.num_features = state->features.size() - encoder.first_feature;
      if (encoder.num_features != features::WidthOf(encoder)) {
        return Fail(ErrorCode::kUnprocessable, "features.json is damaged: {}",
                    "an encoder whose features do not fit it");
      }
      state->encoders.push_back(std::move(encoder));
    }
  } catch (const Json::exception& error) {
    return Fail(ErrorCode::kUnprocessable, "features.json is damaged: {}", error.what());
  }
  return FeaturePipeline(std::move(state));
}

FeaturePipeline FeaturePipeline::Identity(std::span<const std::string> names) {
  auto state = std::make_unique<State>();
  for (std::size_t i = 0; i < names.size(); ++i) {
    state->columns.push_back(names[i]);
    state->types.emplace_back("double");
    state->features.push_back({names[i], names[i], 0});
    state->encoders.push_back({.column = i,
                               .other_column = 0,
                               .first_feature = i,
                               .num_features = 1,
                               .fitted = features::NumberEncoder{}});
  }
  return FeaturePipeline(std::move(state));
}

void FeaturePipeline::Encode(std::span<const Cell> cells, std::span<float> out) const {
  for (const features::Encoder& encoder : state_->encoders) {
    features::EncodeCells(encoder, cells, out.subspan(encoder.first_feature, encoder.num_features));
  }
}

void FeaturePipeline::EncodeBatch(const Batch& batch, std::span<float> out) const {
  std::vector<std::optional<ColumnView>> views;
  for (const std::string& name : state_->columns) {
    const auto found = batch.schema().Find(name);
    views.push_back(found ? std::optional(batch.column(*found)) : std::nullopt);
  }
  std::vector<Cell> cells(views.size());
  std::vector<const features::Encoder*> by_row;
  std::array<double, kBlockRows> numbers{};
  const std::size_t width = state_->features.size();
  for (std::size_t first = 0; first < batch.num_rows(); first += kBlockRows) {
    const std::size_t rows = std::min(kBlockRows, batch.num_rows() - first);
    by_row.clear();
    for (const features::Encoder& encoder : state_->encoders) {
      const auto& view = views[encoder.column];
      if (!std::holds_alternative<features::NumberEncoder>(encoder.fitted) || !view ||
          !ReadNumbers(*view, first, std::span(numbers).first(rows))) {
        by_row.push_back(&encoder);
        continue;
      }
      float* const column = out.data() + first * width + encoder.first_feature;
      for (std::size_t i = 0; i < rows; ++i)
        column[i * width] = features::NumberOfCell(Cell::Number(numbers[i]));
    }
    if (by_row.empty()) continue;
    for (std::size_t row = first; row < first + rows; ++row) {
      for (std::size_t c = 0; c < views.size(); ++c)
        cells[c] = views[c] ? views[c]->At(row) : Cell::Null();
      for (const features::Encoder* encoder : by_row) {
        features::EncodeCells(
            *encoder, cells,
            out.subspan(row * width + encoder->first_feature, encoder->num_features));
      }
    }
  }
}

}  // namespace aimass
