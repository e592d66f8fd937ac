#include "base/zone.h"

#include <gtest/gtest.h>

#include "base/clock.h"

namespace aimass {
namespace {

struct WallCase {
  const char* what;
  const char* zone;
  const char* wall;  // written as if it were UTC
  const char* utc;
};
class WallTest : public ::testing::TestWithParam<WallCase> {};
INSTANTIATE_TEST_SUITE_P(
    , WallTest,
    ::testing::Values(
        WallCase{"China", "Asia/Shanghai", "2026-03-08T02:30:00Z", "2026-03-07T18:30:00Z"},
        WallCase{"Utc", "UTC", "2026-03-08T02:30:00Z", "2026-03-08T02:30:00Z"},
        WallCase{"GapInNewYork", "America/New_York", "2026-03-08T02:30:00Z",
                 "2026-03-08T07:00:00Z"},
        WallCase{"FirstOfTheGap", "America/New_York", "2026-03-08T02:00:00Z",
                 "2026-03-08T07:00:00Z"},
        WallCase{"AfterTheGap", "America/New_York", "2026-03-08T03:00:00Z", "2026-03-08T07:00:00Z"},
        WallCase{"TwiceInNewYork", "America/New_York", "2026-11-01T01:30:00Z",
                 "2026-11-01T05:30:00Z"},
        WallCase{"GapInBerlin", "Europe/Berlin", "2026-03-29T02:15:00Z", "2026-03-29T01:00:00Z"},
        WallCase{"TwiceInBerlin", "Europe/Berlin", "2026-10-25T02:15:00Z", "2026-10-25T00:15:00Z"},
        WallCase{"ADayThatSamoaLeftOut", "Pacific/Apia", "2011-12-30T12:00:00Z",
                 "2011-12-30T10:00:00Z"}),
    [](const auto& info) { return std::string(info.param.what); });

TEST_P(WallTest, IsFound) {
  const auto zone = Zone::Find(GetParam().zone);
  ASSERT_TRUE(zone);
  EXPECT_EQ(zone->name(), GetParam().zone);
  EXPECT_EQ(ToRfc3339(zone->FromWall(*FromRfc3339(GetParam().wall))),
            ToRfc3339(*FromRfc3339(GetParam().utc)));
}

TEST(Zone, WallTimeNeverGoesBack) {
  for (const char* name : {"America/New_York", "Europe/Berlin", "Asia/Shanghai", "Pacific/Apia",
                           "Australia/Lord_Howe", "Asia/Kathmandu"}) {
    const auto zone = Zone::Find(name);
    ASSERT_TRUE(zone) << name;
    std::int64_t before = INT64_MIN;
    const std::int64_t start = *FromRfc3339("2011-01-01T00:00:00Z");
    for (int i = 0; i < 2 * 366 * 48; ++i) {
      const std::int64_t wall = start + std::int64_t{i} * 1'800'000;
      const std::int64_t utc = zone->FromWall(wall);
      EXPECT_GE(utc, before) << name << " " << ToRfc3339(wall);
      EXPECT_GE(zone->ToWall(utc), wall) << name << " " << ToRfc3339(wall);
      before = utc;
    }
  }
}

TEST(Zone, OnlyNamesThatMeanOnePlace) {
  for (const char* name : {"CST", "", "Asia/Shanghay", "Mars/Olympus", "asia/shanghai", "GMT+8"}) {
    const auto zone = Zone::Find(name);
    ASSERT_FALSE(zone) << name;
    EXPECT_EQ(zone.error().code, ErrorCode::kUnprocessable);
  }
  EXPECT_EQ(Render(Zone::Find("Asia/Shanghay").error().hint, Language::kEnglish),
            "did you mean 'Asia/Shanghai'?");
  EXPECT_TRUE(Zone::Find(Zone::OfMachine()));
}

}  // namespace
}  // namespace aimass
