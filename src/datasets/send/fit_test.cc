#include "datasets/send/fit.h"

#include <gtest/gtest.h>

namespace aimass {
namespace {

constexpr Type kInt{.kind = TypeKind::kInt32};
constexpr Type kText{.kind = TypeKind::kText};

SinkTable Table(std::vector<SinkColumn> columns) {
  return {.columns = std::move(columns), .key = {}};
}

TEST(FitInto, CastsToTheTypesOfTheTableInTheOrderOfTheDataset) {
  const Schema dataset{{{"note", kText, true}, {"id", {.kind = TypeKind::kInt64}, true}}};
  const auto fit = FitInto(dataset, "t",
                           Table({{.column = {"id", kInt, false}},
                                  {.column = {"more", kText, true}},
                                  {.column = {"note", kText, true}, .verbatim = false}}));
  ASSERT_TRUE(fit) << fit.error().ToString();
  EXPECT_EQ(fit->selected,
            (std::vector<std::string>{"\"note\"", "CAST(\"id\" AS INTEGER) AS \"id\""}));
  EXPECT_EQ(fit->schema, (Schema{{{"note", kText, true}, {"id", kInt, true}}}));
  EXPECT_EQ(fit->ignored, std::vector<std::string>{"note"});
}

TEST(FitInto, NamesAColumnThatTheTableLacks) {
  const auto fit = FitInto({{{"idd", kInt, true}}}, "t", Table({{.column = {"id", kInt, true}}}));
  ASSERT_FALSE(fit);
  EXPECT_EQ(fit.error().code, ErrorCode::kUnprocessable);
  EXPECT_NE(fit.error().ToString().find("no column 'idd'"), std::string::npos);
}

TEST(FitInto, SendsNoListsAndStructs) {
  const Type list{.kind = TypeKind::kList, .children = {{"item", kInt, true}}};
  const auto fit =
      FitInto({{{"tags", list, true}}}, "t", Table({{.column = {"tags", kText, true}}}));
  ASSERT_FALSE(fit);
  EXPECT_NE(fit.error().ToString().find("list(integer)"), std::string::npos);
}

}  // namespace
}  // namespace aimass
