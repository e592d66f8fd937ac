#include <gtest/gtest.h>

#include <filesystem>
#include <limits>

#include "base/file.h"
#include "runtimes/runtime.h"

namespace aimass {
namespace {

constexpr std::string_view kModel =
    R"({"format":1,"kind":"linear","outputs":2,"intercept":[0.25,-1],"features":[
  {"name":"n","mean":2,"fill":1.5,"min":0,"max":10,"weights":[2,0.5],"missing_weights":[0.125,0]},
  {"name":"c","categories":3,"weights":[[1,2,3],[4,5,6]],"missing_weights":[7,8],"mean_weights":[1.5,4.5]}]})";

Result<std::unique_ptr<Predictor>> Load(std::string_view text) {
  RuntimeRegistry runtimes("runtime");
  RegisterAllRuntimes(runtimes);
  const std::string path = testing::TempDir() + "/linear_test.json";
  EXPECT_TRUE(WriteFileAtomic(path, text));
  auto loaded = (*runtimes.Find("linear"))->load(path);
  std::filesystem::remove(path);
  return loaded;
}

TEST(Linear, AddsUpByTheFormat) {
  const auto model = Load(kModel);
  ASSERT_TRUE(model) << model.error().ToString();
  constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
  const std::vector<std::pair<std::vector<float>, std::vector<float>>> cases = {
      {{3, 1}, {0.25F + 6 + 2, -1 + 1.5F + 5}},
      {{99, 0}, {0.25F + 20 + 1, -1 + 5 + 4}},  // clamped to max
      {{-5, 2}, {0.25F + 0 + 3, -1 + 0 + 6}},   // clamped to min
      {{kMissing, kMissing}, {0.25F + 3 + 0.125F + 7, -1 + 0.75F + 8}},
      {{2, 3}, {0.25F + 4 + 7, -1 + 1 + 8}},  // an unknown code
  };
  for (const auto& [row, expected] : cases) {
    std::vector<float> margins(2);
    (*model)->Predict(row, margins);
    EXPECT_EQ(margins, expected);
    std::vector<double> parts(6);
    ASSERT_TRUE((*model)->Contributions(row, parts));
    EXPECT_DOUBLE_EQ(parts[0] + parts[1] + parts[2], expected[0]);
    EXPECT_DOUBLE_EQ(parts[3] + parts[4] + parts[5], expected[1]);
    EXPECT_DOUBLE_EQ(parts[2], 0.25 + 2 * 2 + 1.5);  // the base does not depend on the row
  }
}

TEST(Linear, RefusesWhatIsNotWhole) {
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"\"format\":1", "\"format\":2"},
                                                        {"[0.25,-1]", "[0.25]"},
                                                        {"[2,0.5]", "[2]"},
                                                        {"[1,2,3]", "[1,2]"},
                                                        {"\"categories\":3", "\"categories\":-3"},
                                                        {"\"outputs\":2", "\"outputs\":0"},
                                                        {"\"min\":0", "\"min\":11"},
                                                        {"[4,5,6]", "[4,\"x\",6]"}}) {
    std::string text(kModel);
    text.replace(text.find(from), from.size(), to);
    EXPECT_FALSE(Load(text)) << to;
  }
}

}  // namespace
}  // namespace aimass
