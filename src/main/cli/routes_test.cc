#include "main/cli/routes.h"

#include <gtest/gtest.h>

namespace aimass::cli {
namespace {

struct RouteCase {
  std::string_view what;
  std::vector<std::string> given;
  std::string_view json, error;  // one of both
};
class Routes : public testing::TestWithParam<RouteCase> {};

TEST_P(Routes, AreRead) {
  const auto routes = ParseRoutes(GetParam().given);
  if (GetParam().error.empty()) {
    ASSERT_TRUE(routes) << routes.error().ToString();
    EXPECT_EQ(*routes, *ParseJson(GetParam().json));
  } else {
    ASSERT_FALSE(routes);
    EXPECT_EQ(routes.error().ToString(), GetParam().error);
  }
}

INSTANTIATE_TEST_SUITE_P(
    , Routes,
    testing::Values(
        RouteCase{
            "Plain", {"churn"}, R"([{"model":"churn","version":"champion","weight":100}])", ""},
        RouteCase{"Version", {"churn:3"}, R"([{"model":"churn","version":"3","weight":100}])", ""},
        RouteCase{
            "Weights",
            {"churn:3=90", "churn:best=10.5"},
            R"([{"model":"churn","version":"3","weight":90},{"model":"churn","version":"best","weight":10.5}])",
            ""},
        RouteCase{"Chinese", {"流失:2"}, R"([{"model":"流失","version":"2","weight":100}])", ""},
        RouteCase{"NoWeight",
                  {"a:1=90", "a:2"},
                  "",
                  "several routes need a weight each, as in MODEL:VERSION=90; 'a:2' has none"},
        RouteCase{"BadWeight", {"a=x"}, "", "a weight is a number such as 90, found 'x' in 'a=x'"},
        RouteCase{
            "Negative", {"a=-1"}, "", "a weight is a number such as 90, found '-1' in 'a=-1'"},
        RouteCase{"NoVersion", {"a:"}, "", "expected MODEL[:VERSION][=WEIGHT], found 'a:'"},
        RouteCase{"NoModel", {":1"}, "", "expected MODEL[:VERSION][=WEIGHT], found ':1'"}),
    [](const auto& info) { return std::string(info.param.what); });

}  // namespace
}  // namespace aimass::cli
