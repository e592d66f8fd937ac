#include "endpoints/endpoint.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <thread>
#include <utility>

#include "base/file.h"
#include "models/folder.h"
#include "models/golden.h"
#include "store/testing/databases.h"

namespace aimass {
namespace {

/// What happens once while a model loads; empty: nothing.
std::function<void()>& Meanwhile() {
  static std::function<void()> happens;
  return happens;
}

class One final : public Predictor {
 public:
  [[nodiscard]] std::size_t num_features() const override { return 1; }
  [[nodiscard]] std::size_t num_outputs() const override { return 1; }
  void Predict(std::span<const float> /*row*/, std::span<float> margins) const override {
    margins[0] = 1;
  }
  [[nodiscard]] Status Contributions(std::span<const float> /*row*/,
                                     std::span<double> /*out*/) const override {
    return {};
  }
  [[nodiscard]] std::string_view path() const override { return "one"; }
};

RuntimeRegistry Runtimes() {
  RuntimeRegistry runtimes("runtime");
  runtimes.Add(
      {.name = "one",
       .label = {"One", "一"},
       .reads = [](std::string_view, std::string_view) { return true; },
       .load = [](const std::string&) -> Result<std::unique_ptr<Predictor>> {
         if (const auto happens = std::exchange(Meanwhile(), nullptr)) happens();
         return std::make_unique<One>();
       },
       .describe = [](const std::string&) -> Result<ArtefactInfo> { return ArtefactInfo{}; }});
  return runtimes;
}

const Caller kCaller{.kind = "key", .id = "k", .org = "o", .workspace = "w", .purpose = ""};

/// The model "m" with versions 1 (champion) and 2, of which none is loaded.
class EndpointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto migrations = ModelRegistry::Migrations();
    for (Migration& migration : EndpointService::Migrations()) {
      migrations.push_back(std::move(migration));
    }
    ASSERT_TRUE(database_->Migrate(migrations));
    const std::vector<std::string> columns{"a"};
    const auto pipeline = FeaturePipeline::Identity(columns);
    for (const char* const name : {"first", "second"}) {
      const std::filesystem::path staged = std::filesystem::path(folder_.path()) / name;
      ASSERT_TRUE(MakeFolder(staged));
      ASSERT_TRUE(WriteFileAtomic(staged / "member-0.txt", "1"));
      ASSERT_TRUE(
          WriteFileAtomic(staged / "model.json",
                          R"({"format":1,"task":"regression","target":"y","link":"identity",)"
                          R"("members":[{"file":"member-0.txt","runtime":"one"}]})"));
      ASSERT_TRUE(WriteFileAtomic(staged / "features.json", pipeline.ToJson().dump()));
      const GoldenRows none{.rows = Json::array(), .features = {}, .count = 0};
      ASSERT_TRUE(WriteFileAtomic(staged / "golden.json", GoldenJson(pipeline, none, {}).dump()));
      ASSERT_TRUE(WriteSums(staged.string()));
      const auto added =
          registry_.AddVersion(kCaller, "m", "regression", staged.string(), Json::object(), {});
      ASSERT_TRUE(added) << added.error().ToString();
    }
  }
  void TearDown() override { Meanwhile() = nullptr; }

  aimass::testing::TempFolder folder_;
  aimass::testing::TestDatabase test_{aimass::testing::Dialect::kSqlite};
  std::unique_ptr<Database> database_{test_.Open()};
  ModelRegistry registry_{*database_, folder_.path()};
  RuntimeRegistry runtimes_{Runtimes()};
  EndpointService service_{*database_, registry_, runtimes_};
};

TEST_F(EndpointTest, AnAliasThatMovesWhileItsModelLoadsIsFollowed) {
  Meanwhile() = [this] { EXPECT_TRUE(registry_.SetAlias(kCaller, "m", "champion", 2)); };
  const auto first = service_.LoadModel(kCaller, "m", "champion");
  ASSERT_TRUE(first) << first.error().ToString();
  EXPECT_EQ(first->version, 1);
  EXPECT_EQ(service_.LoadModel(kCaller, "m", "champion").value().version, 2);
  EXPECT_EQ(service_.ReadyModel(kCaller, "m", "champion").value().version, 2);
}

TEST_F(EndpointTest, AnEndpointThatIsDeletedWhileItsModelLoadsIsGone) {
  {
    ModelRegistry registry(*database_, folder_.path());
    EndpointService before_a_restart(*database_, registry, runtimes_);
    ASSERT_TRUE(
        before_a_restart.Create(kCaller, "e", {{.model = "m", .model_id = {}, .version = "1"}}));
  }
  Meanwhile() = [this] { EXPECT_TRUE(service_.Delete(kCaller, "e")); };
  EXPECT_EQ(service_.Choose(kCaller, "e", "").value().version, 1);
  EXPECT_FALSE(service_.Ready(kCaller, "e", ""));
  EXPECT_EQ(service_.Choose(kCaller, "e", "").error().code, ErrorCode::kNotFound);
}

TEST_F(EndpointTest, AnEndpointFollowsAnAliasThatMovesWhileItIsMade) {
  std::thread moves;
  Meanwhile() = [&] {
    moves = std::thread([this] { EXPECT_TRUE(registry_.SetAlias(kCaller, "m", "champion", 2)); });
    while (registry_.Resolve(kCaller, "m", "champion").value().version != 2) {
      std::this_thread::yield();
    }
  };
  EXPECT_TRUE(service_.Create(kCaller, "e", {{.model = "m", .model_id = {}, .version = {}}}));
  moves.join();
  EXPECT_EQ(service_.Ready(kCaller, "e", "").value().version, 2);
}

}  // namespace
}  // namespace aimass
