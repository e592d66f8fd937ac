#include "base/config.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "base/file.h"

namespace aimass {
namespace {

std::string YamlFile(std::string_view text) {
  const std::string path = testing::TempDir() + "config_test.yaml";
  EXPECT_TRUE(WriteFileAtomic(path, text).has_value());
  return path;
}

const Config::Value& ValueOf(const Config& config, std::string_view name) {
  for (const auto& value : config.values()) {
    if (value.field->name == name) return value;
  }
  ADD_FAILURE() << name;
  return config.values().front();
}

TEST(Config, TakesFlagsBeforeTheEnvironmentBeforeTheFileBeforeDefaults) {
  const std::string file = YamlFile("http:\n  threads: 3\n  idle_s: 30\nlog.level: warning\n");
  const std::map<std::string, std::string> environment{{"AIMASS_HTTP_THREADS", "5"},
                                                       {"AIMASS_HTTP_IDLE_S", "40"}};
  const auto config = Config::Load({{"http.threads", "7"}}, environment, file, true);
  ASSERT_TRUE(config.has_value()) << config.error().ToString();
  EXPECT_EQ(config->Integer("http.threads"), 7);
  EXPECT_EQ(ValueOf(*config, "http.threads").source, "--http-threads");
  EXPECT_EQ(config->Integer("http.idle_s"), 40);
  EXPECT_EQ(ValueOf(*config, "http.idle_s").source, "AIMASS_HTTP_IDLE_S");
  EXPECT_EQ(config->Text("log.level"), "warning");
  EXPECT_EQ(ValueOf(*config, "log.level").source, file);
  EXPECT_EQ(ValueOf(*config, "listen").source, "default");
  EXPECT_EQ(config->Text("listen"), "127.0.0.1:8080");
}

struct BadCase {
  std::string_view what, yaml, message, hint;
};

class BadConfig : public testing::TestWithParam<BadCase> {};

TEST_P(BadConfig, SaysWhereAndWhat) {
  const auto config = Config::Load({}, {}, YamlFile(GetParam().yaml), true);
  ASSERT_FALSE(config.has_value());
  EXPECT_NE(config.error().ToString().find(GetParam().message), std::string::npos)
      << config.error().ToString();
  EXPECT_NE(Render(config.error().hint, Language::kEnglish).find(GetParam().hint),
            std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    , BadConfig,
    testing::Values(BadCase{"AliasWithinItself", "http: &a {threads: *a}",
                            "there is no setting 'http.threads.threads'", "http.threads"},
                    BadCase{"TooDeep", "http: {threads: {most: 3}}",
                            "there is no setting 'http.threads.most'", ""},
                    BadCase{"UnknownKey", "http: {thread: 3}", "there is no setting 'http.thread'",
                            "did you mean 'http.threads'?"},
                    BadCase{"NoNumber", "http.threads: many",
                            "'http.threads' must be an integer, got 'many'", ""},
                    BadCase{"OutOfRange", "http.threads: 0", "must be between 1 and 256", ""},
                    BadCase{"NotAMap", "- a\n- b", "must hold `name: value` lines", ""},
                    BadCase{"BrokenYaml", "a: [", "line ", ""}),
    [](const auto& info) { return std::string(info.param.what); });

TEST(Config, NeedsTheFileThatWasNamed) {
  EXPECT_FALSE(Config::Load({}, {}, "/nonexistent/aimass.yaml", true).has_value());
  EXPECT_TRUE(Config::Load({}, {}, "/nonexistent/aimass.yaml", false).has_value());
}

TEST(Config, EverySettingHasBothLabelsAndAGoodDefault) {
  std::set<std::string_view> names;
  for (const Field& field : Config::Fields()) {
    EXPECT_FALSE(field.label.en.empty()) << field.name;
    EXPECT_FALSE(field.label.zh.empty()) << field.name;
    EXPECT_TRUE(names.insert(field.name).second) << field.name;
  }
  EXPECT_TRUE(Config::Load({}, {}, "", false).has_value());
}

TEST(Config, ReadsAddresses) {
  EXPECT_EQ(ParseListen("127.0.0.1:0")->port, 0);
  EXPECT_EQ(ParseListen("[::1]:8080")->host, "::1");
  for (const std::string_view bad :
       {"", "8080", ":8080", "host:", "host:x", "host:65536", "host:80x"}) {
    EXPECT_FALSE(ParseListen(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace aimass
