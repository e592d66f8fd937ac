// CheckGolden: does this build answer what the model answered where it was made?
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "base/file.h"
#include "models/bundle.h"
#include "models/features/pipeline.h"
#include "models/folder.h"
#include "models/golden.h"
#include "runtimes/runtime.h"

namespace aimass {
namespace {

namespace fs = std::filesystem;

Result<Json> ReadJson(const fs::path& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return ParseJson(text);
}

struct Member {
  std::unique_ptr<Predictor> predictor;
  std::vector<double> weights;  // [outputs]
};

Result<std::vector<Member>> LoadMembers(const fs::path& folder, const Json& model, std::size_t features,
                                        std::size_t outputs) {
  RuntimeRegistry runtimes("runtime");
  RegisterAllRuntimes(runtimes);
  std::vector<Member> members;
  for (const Json& described : model.at("members")) {
    ASSIGN_OR_RETURN(const std::string name, GetString(described, "runtime"));
    ASSIGN_OR_RETURN(const std::string file, GetString(described, "file"));
    ASSIGN_OR_RETURN(const RuntimeType* runtime, runtimes.Find(name));
    Member member;
    ASSIGN_OR_RETURN(member.predictor, runtime->load((folder / file).string()));
    const Json weight = described.value("weight", Json(1.0));
    for (std::size_t k = 0; k < outputs; ++k) {
      const Json& one = weight.is_array() && k < weight.size() ? weight[k] : weight;
      if (!one.is_number()) {
        return Fail(ErrorCode::kUnprocessable, "a member's weight in model.json is no number");
      }
      member.weights.push_back(one.get<double>());
    }
    if (member.predictor->num_features() != features || member.predictor->num_outputs() != outputs) {
      return Fail(ErrorCode::kUnprocessable,
                  "a member reads {} features and gives {} outputs; features.json and model.json say {} and {}",
                  member.predictor->num_features(), member.predictor->num_outputs(), features, outputs);
    }
    members.push_back(std::move(member));
  }
  return members;
}

/// [rows][columns] of what the pipeline reads, with one margin per output for each.
bool IsShaped(const Json& golden, std::size_t columns, std::size_t outputs) {
  if (!golden.is_object() || !golden.contains("rows") || !golden.contains("margins")) return false;
  const Json& rows = golden["rows"];
  const Json& margins = golden["margins"];
  const auto each_has = [](const Json& list, std::size_t size) {
    return list.is_array() && std::ranges::all_of(list, [size](const Json& row) {
             return row.is_array() && row.size() == size;
           });
  };
  return outputs > 0 && each_has(rows, columns) && each_has(margins, outputs) && !rows.empty() &&
         rows.size() == margins.size();
}

double NumberOr(const Json& value, double fallback) {
  return value.is_number() ? value.get<double>() : fallback;
}

}  // namespace

Status CheckGolden(const std::string& folder) {
  const fs::path base(folder);
  ASSIGN_OR_RETURN(const Json model, ReadModelJson(folder));
  ASSIGN_OR_RETURN(const Json features_json, ReadJson(base / "features.json"));
  ASSIGN_OR_RETURN(const FeaturePipeline pipeline, FeaturePipeline::FromJson(features_json));
  ASSIGN_OR_RETURN(const Json golden, ReadJson(base / "golden.json"));
  const Json bias = model.value("bias", Json::array());
  const std::size_t outputs = bias.is_array() ? bias.size() : 0;
  const std::size_t features = pipeline.features().size();
  if (!IsShaped(golden, pipeline.columns().size(), outputs)) {
    return Fail(ErrorCode::kUnprocessable, "golden.json and model.json do not fit each other");
  }
  ASSIGN_OR_RETURN(const double tolerance, GetNumber(golden, "tolerance", 1e-6));
  ASSIGN_OR_RETURN(const std::string hash, GetString(golden, "features_sha256"));
  const std::vector<float> encoded = EncodeJsonRows(pipeline, golden["rows"]);
  if (HashOfFeatures(encoded) != hash) {
    return Fail(ErrorCode::kUnprocessable,
                "the golden rows become other features here than where the model was made");
  }
  ASSIGN_OR_RETURN(const std::vector<Member> members, LoadMembers(base, model, features, outputs));
  std::vector<float> margins(outputs);
  for (std::size_t row = 0; row < golden["rows"].size(); ++row) {
    std::vector<double> found(outputs);
    for (std::size_t k = 0; k < outputs; ++k) found[k] = NumberOr(bias[k], NAN);
    for (const Member& member : members) {
      member.predictor->Predict(std::span(encoded).subspan(row * features, features), margins);
      for (std::size_t k = 0; k < outputs; ++k) {
        found[k] += member.weights[k] * static_cast<double>(margins[k]);
      }
    }
    for (std::size_t k = 0; k < outputs; ++k) {
      const double stated = NumberOr(golden["margins"][row][k], NAN);
      if (!(std::abs(found[k] - stated) <= tolerance * std::max(1.0, std::abs(stated)))) {
        return Fail(ErrorCode::kUnprocessable,
                    "the model answers golden row {} with {}, where it was made it answered {}", row + 1,
                    found[k], stated);
      }
    }
  }
  return {};
}

}  // namespace aimass
