#include "api/http/router.h"

#include <gtest/gtest.h>

namespace aimass::http {
namespace {

Task<Result<Response>> Nothing(const Request&) { co_return Response{}; }

Router Example() {
  Router router;
  router.Get("/models/{name}", Nothing);
  router.Post("/models/import", Nothing);
  router.Get("/models", Nothing);
  router.Delete("/models/{name}", Nothing);
  router.Get("/models/{name}/versions/{version}", Nothing);
  return router;
}

struct FindCase {
  std::string_view what, method, path, pattern, params;  // pattern empty: not found
  std::string_view allowed = "";
};

class FindTest : public testing::TestWithParam<FindCase> {};

TEST_P(FindTest, Finds) {
  const Router router = Example();
  std::vector<std::string> allowed;
  const auto match = router.Find(GetParam().method, GetParam().path, &allowed);
  ASSERT_EQ(match.has_value(), !GetParam().pattern.empty());
  if (match) {
    EXPECT_EQ(match->route->pattern, GetParam().pattern);
    std::string params;
    for (const auto& [name, value] : match->params) params += name + "=" + value + " ";
    EXPECT_EQ(params, GetParam().params);
  } else {
    std::string methods;
    for (const std::string& method : allowed) methods += method + " ";
    EXPECT_EQ(methods, GetParam().allowed);
  }
}

INSTANTIATE_TEST_SUITE_P(
    , FindTest,
    testing::Values(FindCase{"Fixed", "GET", "/models", "/models", ""},
                    FindCase{"Parameter", "GET", "/models/churn", "/models/{name}", "name=churn "},
                    FindCase{"EncodedSlash", "GET", "/models/a%2Fb", "/models/{name}", "name=a/b "},
                    FindCase{"Chinese", "GET", "/models/%E9%94%80", "/models/{name}", "name=销 "},
                    FindCase{"FixedWins", "POST", "/models/import", "/models/import", ""},
                    FindCase{"Two", "GET", "/models/a/versions/3",
                             "/models/{name}/versions/{version}", "name=a version=3 "},
                    FindCase{"OtherMethod", "PUT", "/models/a", "", "", "GET DELETE "},
                    FindCase{"EmptyParameter", "GET", "/models/", "", ""},
                    FindCase{"BadEscape", "GET", "/models/%zz", "", ""},
                    FindCase{"Unknown", "GET", "/nothing", "", ""},
                    FindCase{"CaseMatters", "GET", "/Models", "", ""}),
    [](const auto& info) { return std::string(info.param.what); });

}  // namespace
}  // namespace aimass::http
