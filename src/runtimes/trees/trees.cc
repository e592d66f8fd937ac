// The runtime "trees": XGBoost (JSON, UBJ) and LightGBM (text) models in a flat layout of our own.
#include <string>

#include "base/file.h"
#include "runtimes/trees/forest.h"

namespace aimass::runtimes::trees {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{4} << 30;

bool IsLightgbm(std::string_view first_bytes) {
  return first_bytes.starts_with("tree\n") || first_bytes.starts_with("tree\r\n");
}

bool IsXgboost(std::string_view first_bytes) {
  // UBJSON: '{', then the marker of the first key's length. JSON: '{' and a quoted key.
  if (first_bytes.starts_with("{L") || first_bytes.starts_with("{i") ||
      first_bytes.starts_with("{U"))
    return true;
  const std::size_t key = first_bytes.find_first_not_of(" \t\r\n{");
  return first_bytes.starts_with("{") && key != std::string_view::npos &&
         (first_bytes.substr(key).starts_with("\"learner\"") ||
          first_bytes.substr(key).starts_with("\"version\"") ||
          first_bytes.substr(key).starts_with("\"Config\""));
}

bool Reads(std::string_view file_name, std::string_view first_bytes) {
  return IsLightgbm(first_bytes) || IsXgboost(first_bytes) ||
         (file_name.ends_with(".ubj") && first_bytes.starts_with("{"));
}

Result<ParsedForest> Parse(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string content, ReadFile(path, kMaxFileBytes));
  if (IsLightgbm(content)) return ParseLightgbm(content);
  if (content.starts_with("{")) return ParseXgboost(content);
  return Fail(ErrorCode::kUnsupported,
              "not a model file of trees: expected XGBoost (JSON or UBJ) or LightGBM (text)");
}

Result<std::unique_ptr<Predictor>> Load(const std::string& path) {
  ASSIGN_OR_RETURN(ParsedForest parsed, Parse(path));
  ASSIGN_OR_RETURN(std::unique_ptr<Forest> forest, Forest::Build(std::move(parsed)));
  return std::unique_ptr<Predictor>(std::move(forest));
}

Result<ArtefactInfo> Describe(const std::string& path) {
  ASSIGN_OR_RETURN(ParsedForest parsed, Parse(path));
  ArtefactInfo info = std::move(parsed.info);
  info.outputs = parsed.outputs;
  info.trees = parsed.trees.size();
  if (info.feature_names.size() != parsed.features) {
    if (!info.feature_names.empty()) {
      return Fail(ErrorCode::kUnprocessable, "the model names {} features, but has {}",
                  info.feature_names.size(), parsed.features);
    }
    for (std::size_t i = 0; i < parsed.features; ++i)
      info.feature_names.push_back("f" + std::to_string(i));
  }
  return info;
}

}  // namespace

void Register(RuntimeRegistry& registry) {
  registry.Add({.name = "trees",
                .label = {"Decision trees (XGBoost, LightGBM)", "决策树（XGBoost、LightGBM）"},
                .reads = Reads,
                .load = Load,
                .describe = Describe});
}

}  // namespace aimass::runtimes::trees
