#include "models/features/analysis.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "models/testing/tables.h"

namespace aimass::features {
namespace {

using aimass::testing::MakeTable;
using aimass::testing::SchemaOf;

std::vector<std::uint32_t> Rows(std::size_t count) {
  std::vector<std::uint32_t> rows(count);
  std::iota(rows.begin(), rows.end(), 0U);
  return rows;
}

// One column of numbers; NaN becomes null.
RowTable Numbers(std::size_t rows, TypeKind kind, double (*value)(std::size_t row)) {
  return MakeTable(SchemaOf({{"x", kind}}), rows, [&](BatchBuilder& builder, std::size_t row) {
    const double x = value(row);
    builder.AppendCell(0, std::isnan(x) ? Cell::Null() : Cell::Number(x));
  });
}

TEST(RowTableTest, ReadsNumbersAsCellsAre) {
  const RowTable table =
      MakeTable(SchemaOf({{"whole", TypeKind::kInt32},
                          {"fraction", TypeKind::kFloat64},
                          {"text", TypeKind::kText}}),
                2000, [](BatchBuilder& builder, std::size_t row) {
                  const auto number = static_cast<double>(row);
                  builder.AppendCell(0, row % 7 == 0 ? Cell::Null() : Cell::Number(number));
                  builder.AppendCell(1, row % 5 == 0 ? Cell::Null() : Cell::Number(number / 4));
                  builder.AppendText(2, "x");
                });
  std::vector<std::uint32_t> scattered;
  for (std::size_t i = 0; i < 500; ++i)
    scattered.push_back(static_cast<std::uint32_t>(i * 7919 % 2000));
  scattered.insert(scattered.end(), {3, 3, 1999, 0});
  for (const std::vector<std::uint32_t>& rows :
       {Rows(2000), scattered, std::vector<std::uint32_t>{}}) {
    for (const std::size_t column : {0U, 1U}) {
      std::vector<double> out(rows.size());
      ASSERT_TRUE(table.Numbers(rows, column, out));
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const Cell cell = table.At(rows[i], column);
        ASSERT_EQ(std::isnan(out[i]), cell.kind == CellKind::kNull) << i;
        if (cell.kind == CellKind::kNumber) {
          ASSERT_EQ(out[i], cell.number) << i;
        }
      }
    }
  }
  std::vector<double> out(5, -1.0);
  EXPECT_FALSE(table.Numbers(Rows(5), 2, out));
  EXPECT_EQ(out, std::vector<double>(5, -1.0));
}

struct DistinctCase {
  const char* what;
  double (*value)(std::size_t row);
  std::size_t distinct;
  bool integers;
};
class DistinctTest : public ::testing::TestWithParam<DistinctCase> {};

TEST_P(DistinctTest, CountsWholeNumbers) {
  const RowTable table = Numbers(1500, TypeKind::kFloat64, GetParam().value);
  const ColumnFacts facts = Analyse(table, Rows(1500), 0);
  EXPECT_EQ(facts.distinct, GetParam().distinct);
  EXPECT_EQ(facts.integers, GetParam().integers);
}

INSTANTIATE_TEST_SUITE_P(
    , DistinctTest,
    ::testing::Values(
        DistinctCase{"Narrow", [](std::size_t row) { return static_cast<double>(row % 37) - 20.0; },
                     37, true},
        DistinctCase{"Wide", [](std::size_t row) { return static_cast<double>(row % 41) * 1e12; },
                     41, true},
        DistinctCase{"One", [](std::size_t) { return -3.0; }, 1, true},
        DistinctCase{"WithMissing",
                     [](std::size_t row) {
                       return row % 2 == 0 ? std::nan("") : static_cast<double>(row % 10);
                     },
                     5, true},
        DistinctCase{"Fractions", [](std::size_t row) { return static_cast<double>(row % 2) / 2; },
                     1500, false}),
    [](const auto& info) { return std::string(info.param.what); });

TEST(AnalyseTest, SeesWhatRises) {
  const auto rising = [](std::size_t row) { return static_cast<double>(row) * 3.0; };
  const auto rises_late = [](std::size_t row) { return static_cast<double>(row == 0 ? 1 : row); };
  const auto falling = [](std::size_t row) { return row % 3 == 0 ? std::nan("") : 1.5 - row; };
  EXPECT_TRUE(Analyse(Numbers(900, TypeKind::kInt64, rising), Rows(900), 0).strictly_rising);
  EXPECT_FALSE(Analyse(Numbers(900, TypeKind::kInt64, rises_late), Rows(900), 0).strictly_rising);
  EXPECT_TRUE(Analyse(Numbers(900, TypeKind::kFloat64, falling), Rows(900), 0).strictly_rising);
}

// More rows than are looked at first, so that the verdict depends on what comes later.
constexpr std::size_t kMany = 20'000;

struct GivesAwayCase {
  const char* what;
  double (*value)(std::size_t row, float target);
  bool category;
  const char* says;  // empty: nothing
};
class GivesAwayTest : public ::testing::TestWithParam<GivesAwayCase> {};

float TargetOf(std::size_t row) { return row * 7919 % 1000 < 400 ? 1.0F : 0.0F; }

TEST_P(GivesAwayTest, JudgesAllRows) {
  const GivesAwayCase& param = GetParam();
  std::vector<float> target;
  for (std::size_t row = 0; row < kMany; ++row) target.push_back(TargetOf(row));
  const RowTable table =
      MakeTable(SchemaOf({{"x", param.category ? TypeKind::kText : TypeKind::kFloat64}}), kMany,
                [&](BatchBuilder& builder, std::size_t row) {
                  const double x = param.value(row, target[row]);
                  if (param.category) {
                    builder.AppendText(0, fmt::format("value {}", x));
                  } else {
                    builder.AppendCell(0, std::isnan(x) ? Cell::Null() : Cell::Number(x));
                  }
                });
  const auto reason = WhyGivesAway(table, Rows(kMany), 0,
                                   param.category ? ColumnRole::kCategory : ColumnRole::kNumber,
                                   target, TaskKind::kBinary, 2);
  const std::string said = reason ? Render(*reason, Language::kEnglish) : "";
  if (*param.says == '\0') {
    EXPECT_EQ(said, "");
  } else {
    EXPECT_NE(said.find(param.says), std::string::npos) << said;
  }
}

double Noise(std::size_t row) { return static_cast<double>(row * 104'729 % 997) / 997.0; }

INSTANTIATE_TEST_SUITE_P(
    , GivesAwayTest,
    ::testing::Values(
        GivesAwayCase{"Noise", [](std::size_t row, float) { return Noise(row); }, false, ""},
        GivesAwayCase{"NoiseOfCategories",
                      [](std::size_t row, float) { return static_cast<double>(row % 9); }, true,
                      ""},
        GivesAwayCase{"TheTargetItself",
                      [](std::size_t, float target) { return static_cast<double>(target); }, false,
                      "tells the class of 1.0000"},
        GivesAwayCase{"ACategoryOfIt",
                      [](std::size_t row, float target) {
                        return static_cast<double>(row % 5) + (target > 0.5F ? 10.0 : 0.0);
                      },
                      true, "tells the class of 1.0000"},
        // The first half tells all, the second nothing.
        GivesAwayCase{"OnlyInTheFirstRows",
                      [](std::size_t row, float target) {
                        return row < kMany / 2 ? 2.0 * target + Noise(row) : 3.0 * Noise(row);
                      },
                      false, ""},
        // 15 rows in 20,000 are wrong, and 25.
        GivesAwayCase{"FewRowsAreWrong",
                      [](std::size_t row, float target) {
                        return static_cast<double>(row % 1334 == 0 ? 1.0F - target : target);
                      },
                      false, "tells the class of 0.999"},
        GivesAwayCase{"TooManyRowsAreWrong",
                      [](std::size_t row, float target) {
                        return static_cast<double>(row % 800 == 0 ? 1.0F - target : target);
                      },
                      true, ""},
        // The classes overlap in the bin where one ends, so that the bins are not pure enough, but
        // the order is nearly right; it falls, and what is missing is of the lower side.
        GivesAwayCase{"ByItsOrder",
                      [](std::size_t row, float target) {
                        const double x = target > 0.5F ? Noise(row) : 0.995 + Noise(row);
                        return row % 50 == 0 && target < 0.5F ? std::nan("") : x;
                      },
                      false, "AUC"}),
    [](const auto& info) { return std::string(info.param.what); });

}  // namespace
}  // namespace aimass::features
