#pragma once

#include <string>
#include <vector>

#include "models/features/encoder.h"
#include "models/features/pipeline.h"

namespace aimass {

struct FeaturePipeline::State {
  std::vector<std::string> columns;
  std::vector<std::string> types;           // TypeName of each column, as training saw it
  std::vector<features::Encoder> encoders;  // in the order of their features
  std::vector<FeatureInfo> features;
};

}  // namespace aimass
