#include "sources/connectors/elasticsearch/dates.h"

#include <gtest/gtest.h>

#include <string>

namespace aimass::connectors::elasticsearch {
namespace {

constexpr std::int64_t kNone = -1;

struct Case {
  std::string_view format, text;
  std::int64_t us;
  bool nanos = false;
};

class ParseDateTest : public testing::TestWithParam<Case> {};

TEST_P(ParseDateTest, IsWhatTheServerKeeps) {
  const auto forms = DateFormsOf(GetParam().format);
  ASSERT_TRUE(forms);
  EXPECT_EQ(ParseDate(GetParam().text, *forms, GetParam().nanos).value_or(kNone), GetParam().us);
}

constexpr std::string_view kDefault = "strict_date_optional_time||epoch_millis";
constexpr std::string_view kNanos = "strict_date_optional_time_nanos||epoch_millis";

INSTANTIATE_TEST_SUITE_P(
    , ParseDateTest,
    testing::Values(
        Case{kDefault, "2026-11-22T08:30:00.250Z", 1'795'336'200'250'000},
        Case{kDefault, "2026-11-22T08:30:00.250999", 1'795'336'200'250'000},
        Case{kDefault, "2026-11-22T16:30:00,25+08:00", 1'795'336'200'250'000},
        Case{kDefault, "2026-11-22T16:30+0800", 1'795'336'200'000'000},
        Case{kDefault, "2026-11-22T00-08", 1'795'334'400'000'000},
        Case{kDefault, "2026-11-22T", 1'795'305'600'000'000},
        Case{kDefault, "2026-11-22", 1'795'305'600'000'000},
        Case{kDefault, "1970-02", 2'678'400'000'000}, Case{kDefault, "1971", 31'536'000'000'000},
        Case{kDefault, "0001-01-01", -62'135'596'800'000'000},
        Case{kDefault, "1764318600000", 1'764'318'600'000'000}, Case{kDefault, "12345", 12'345'000},
        Case{kDefault, "-1.5", -2'000}, Case{"epoch_millis", "1971", 1'971'000},
        Case{"epoch_second", "1.9999999", 1'999'000},
        Case{"epoch_second||strict_date_optional_time", "2026", 2'026'000'000},
        Case{kNanos, "2026-11-22T08:30:00.123456789Z", 1'795'336'200'123'456, true},
        Case{kNanos, "-0.0001", -1, true},  // the microsecond before, which is also kNone
        Case{kDefault, "2026-02-29", kNone}, Case{kDefault, "2026-1-1", kNone},
        Case{kDefault, "2026-11-22 08:30:00", kNone}, Case{kDefault, "2026-11-22T24:00", kNone},
        Case{kDefault, "2026-11-22T08:30:00.1234567890", kNone}, Case{kDefault, "", kNone},
        Case{kDefault, "yesterday", kNone}, Case{kDefault, "1.7E12", kNone},
        Case{kDefault, "0000-01-01", kNone}, Case{kDefault, "253402300800000", kNone},
        Case{kDefault, "99999999999999999999", kNone}));

TEST(DateFormsOf, LeavesTheOthersToTheServer) {
  EXPECT_TRUE(DateFormsOf("epoch_second"));
  for (const char* format : {"yyyy/MM/dd HH:mm:ss", "strict_date_optional_time||yyyy", "", "||",
                             "basic_date", "date_optional_time"}) {
    EXPECT_FALSE(DateFormsOf(format)) << format;
  }
}

}  // namespace
}  // namespace aimass::connectors::elasticsearch
