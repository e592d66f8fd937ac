#include "base/clock.h"

#include <gtest/gtest.h>

namespace aimass {
namespace {

TEST(Rfc3339, ComesBack) {
  for (const std::int64_t unix_ms :
       {std::int64_t{0}, std::int64_t{1'763'800'000'123}, std::int64_t{-1}}) {
    EXPECT_EQ(FromRfc3339(ToRfc3339(unix_ms)), unix_ms) << ToRfc3339(unix_ms);
  }
}

TEST(Rfc3339, ReadsOffsets) {
  EXPECT_EQ(FromRfc3339("2026-11-22T16:00:00+08:00"), FromRfc3339("2026-11-22T08:00:00Z"));
}

TEST(Rfc3339, RefusesOtherForms) {
  for (const std::string_view text :
       {"", "2026-11-22", "2026-11-22 08:00:00", "2026-11-22T08:00:00", "x",
        "2026-11-22T08:00:00.Z", "2026-11-22T08:00:00.1e300Z", "2026-11-22T08:00:00+5:30x",
        "2026-11-22T08:00:00+-5:30", "2026-11-22T08:00:00+24:00", "2026-11-22T08:00:00+08:00Z",
        "0000-01-01T00:00:00+01:00"}) {
    EXPECT_EQ(FromRfc3339(text), std::nullopt) << text;
  }
}

struct DurationCase {
  std::string_view text;
  std::optional<std::int64_t> ms;
};

class ParseDurationTest : public testing::TestWithParam<DurationCase> {};

TEST_P(ParseDurationTest, ReadsUnits) {
  EXPECT_EQ(ParseDurationMs(GetParam().text), GetParam().ms) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    , ParseDurationTest,
    testing::Values(DurationCase{"60s", 60'000}, DurationCase{"1.5m", 90'000},
                    DurationCase{"90", 90'000}, DurationCase{"500ms", 500},
                    DurationCase{"2h", 7'200'000}, DurationCase{"", std::nullopt},
                    DurationCase{"-1s", std::nullopt}, DurationCase{"5x", std::nullopt},
                    DurationCase{"inf", std::nullopt}, DurationCase{"1e300h", std::nullopt}));

}  // namespace
}  // namespace aimass
