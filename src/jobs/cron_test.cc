#include "jobs/cron.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/clock.h"
#include "jobs/when.h"

namespace aimass {
namespace {

using ::testing::HasSubstr;

struct NextCase {
  const char* what;
  const char* cron;
  const char* zone;
  const char* after;              // UTC
  std::vector<const char*> next;  // one after the other, UTC
};
void PrintTo(const NextCase& one, std::ostream* out) { *out << one.what; }

class NextTest : public ::testing::TestWithParam<NextCase> {};
INSTANTIATE_TEST_SUITE_P(
    , NextTest,
    ::testing::Values(
        NextCase{"EveryFiveMinutes",
                 "*/5 * * * *",
                 "UTC",
                 "2026-11-28T08:02:00Z",
                 {"2026-11-28T08:05:00Z", "2026-11-28T08:10:00Z"}},
        NextCase{
            "BehindNotAt", "*/5 * * * *", "UTC", "2026-11-28T08:05:00Z", {"2026-11-28T08:10:00Z"}},
        NextCase{"AMillisecondBefore",
                 "*/5 * * * *",
                 "UTC",
                 "2026-11-28T08:04:59.999Z",
                 {"2026-11-28T08:05:00Z"}},
        NextCase{"ListsRangesSteps",
                 "0,30 9-17/4 * * *",
                 "UTC",
                 "2026-11-28T09:00:00Z",
                 {"2026-11-28T09:30:00Z", "2026-11-28T13:00:00Z", "2026-11-28T13:30:00Z",
                  "2026-11-28T17:00:00Z", "2026-11-28T17:30:00Z", "2026-11-29T09:00:00Z"}},
        NextCase{"Names",
                 "15 8 * JAN,jul mon-Fri",
                 "UTC",
                 "2026-11-28T00:00:00Z",
                 {"2027-01-01T08:15:00Z", "2027-01-04T08:15:00Z"}},
        NextCase{"SundayIsSevenToo",
                 "0 0 * * 7",
                 "UTC",
                 "2026-11-28T00:00:00Z",
                 {"2026-11-29T00:00:00Z", "2026-12-06T00:00:00Z"}},
        NextCase{"FridayToSunday",
                 "0 0 * * FRI-SUN",
                 "UTC",
                 "2026-11-26T00:00:00Z",
                 {"2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z",
                  "2026-12-04T00:00:00Z"}},
        NextCase{"EitherDay",
                 "0 0 13 * FRI",
                 "UTC",
                 "2026-11-10T00:00:00Z",
                 {"2026-11-13T00:00:00Z", "2026-11-20T00:00:00Z", "2026-11-27T00:00:00Z",
                  "2026-12-04T00:00:00Z", "2026-12-11T00:00:00Z", "2026-12-13T00:00:00Z"}},
        NextCase{"LeapDay",
                 "0 12 29 2 *",
                 "UTC",
                 "2026-11-28T00:00:00Z",
                 {"2028-02-29T12:00:00Z", "2032-02-29T12:00:00Z"}},
        NextCase{"LeapDayOverACentury",
                 "0 0 29 2 *",
                 "UTC",
                 "2096-03-01T00:00:00Z",
                 {"2104-02-29T00:00:00Z"}},
        NextCase{"ThirtyFirst",
                 "0 0 31 * *",
                 "UTC",
                 "2026-11-28T00:00:00Z",
                 {"2026-12-31T00:00:00Z", "2027-01-31T00:00:00Z", "2027-03-31T00:00:00Z"}},
        NextCase{"Hourly", "@hourly", "UTC", "2026-11-28T08:02:00Z", {"2026-11-28T09:00:00Z"}},
        NextCase{
            "Daily", "@daily", "Asia/Shanghai", "2026-11-28T08:02:00Z", {"2026-11-28T16:00:00Z"}},
        NextCase{"Weekly", "@weekly", "UTC", "2026-11-28T08:02:00Z", {"2026-11-29T00:00:00Z"}},
        NextCase{"Monthly", "@monthly", "UTC", "2026-11-28T08:02:00Z", {"2026-12-01T00:00:00Z"}},
        NextCase{"Yearly", "@yearly", "UTC", "2026-11-28T08:02:00Z", {"2027-01-01T00:00:00Z"}},
        NextCase{"ShanghaiHasNoSummerTime",
                 "30 2 * * *",
                 "Asia/Shanghai",
                 "2026-03-27T18:30:00Z",
                 {"2026-03-28T18:30:00Z", "2026-03-29T18:30:00Z"}},
        NextCase{"NewYorkLeavesItOut",
                 "30 2 * * *",
                 "America/New_York",
                 "2026-03-07T00:00:00Z",
                 {"2026-03-07T07:30:00Z", "2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"}},
        NextCase{"ManyInTheGapAreOne",
                 "*/20 2,3 * * *",
                 "America/New_York",
                 "2026-03-08T00:00:00Z",
                 {"2026-03-08T07:00:00Z", "2026-03-08T07:20:00Z", "2026-03-08T07:40:00Z",
                  "2026-03-09T06:00:00Z"}},
        NextCase{"NewYorkHasItTwice",
                 "30 1 * * *",
                 "America/New_York",
                 "2026-10-31T06:00:00Z",
                 {"2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"}},
        NextCase{"FromWithinTheSecondTime",
                 "45 1 * * *",
                 "America/New_York",
                 "2026-11-01T06:30:00Z",
                 {"2026-11-02T06:45:00Z"}},
        NextCase{"BerlinLeavesItOut",
                 "15 2 * * *",
                 "Europe/Berlin",
                 "2026-03-28T02:00:00Z",
                 {"2026-03-29T01:00:00Z", "2026-03-30T00:15:00Z"}},
        NextCase{"BerlinHasItTwice",
                 "15 2 * * *",
                 "Europe/Berlin",
                 "2026-10-24T02:00:00Z",
                 {"2026-10-25T00:15:00Z", "2026-10-26T01:15:00Z"}},
        NextCase{"SamoaLeftOutADay",
                 "0 12 * * *",
                 "Pacific/Apia",
                 "2011-12-29T00:00:00Z",
                 {"2011-12-29T22:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"}},
        NextCase{"BeforeNineteenSeventy",
                 "0 0 1 1 *",
                 "UTC",
                 "1969-06-01T00:00:00Z",
                 {"1970-01-01T00:00:00Z"}}),
    [](const auto& info) { return std::string(info.param.what); });

TEST_P(NextTest, Comes) {
  const auto cron = Cron::Parse(GetParam().cron);
  ASSERT_TRUE(cron) << cron.error().ToString();
  const auto zone = Zone::Find(GetParam().zone);
  ASSERT_TRUE(zone);
  std::int64_t at = *FromRfc3339(GetParam().after);
  for (const char* expected : GetParam().next) {
    at = cron->NextAfter(at, *zone);
    EXPECT_EQ(ToRfc3339(at), ToRfc3339(*FromRfc3339(expected)));
  }
}

// Against the plain rule: every minute of two years, looked at one by one.
TEST(Cron, IsWhatLookingAtEveryMinuteGives) {
  for (const char* zone_name : {"America/New_York", "Europe/Berlin", "Australia/Lord_Howe"}) {
    const Zone zone = *Zone::Find(zone_name);
    for (const char* text : {"*/30 1-3 * * *", "0 0 1,15 * MON", "7 2 */3 3,10,11 *"}) {
      const Cron cron = *Cron::Parse(text);
      const std::int64_t begin = *FromRfc3339("2026-01-01T00:00:00Z");
      const std::int64_t end = *FromRfc3339("2027-12-31T00:00:00Z");
      std::int64_t before = begin;
      for (std::int64_t at = cron.NextAfter(begin, zone); at < end; at = cron.NextAfter(at, zone)) {
        ASSERT_GT(at, before) << text;
        // From anywhere in between the same moment is next.
        EXPECT_EQ(cron.NextAfter(before + (at - before) / 2, zone), at) << text;
        EXPECT_EQ(cron.NextAfter(at - 1, zone), at) << text;
        before = at;
      }
    }
  }
}

struct WrongCase {
  const char* what;
  const char* text;
  const char* error;
};
void PrintTo(const WrongCase& one, std::ostream* out) { *out << one.what; }

class WrongTest : public ::testing::TestWithParam<WrongCase> {};
INSTANTIATE_TEST_SUITE_P(
    , WrongTest,
    ::testing::Values(
        WrongCase{"FourFields", "* * * *",
                  "cron '* * * *': expected 5 fields (minute, hour, day of the month, month, "
                  "weekday), found 4"},
        WrongCase{"SixFields", "0 * * * * *",
                  "cron '0 * * * * *': expected 5 fields (minute, hour, day of the month, month, "
                  "weekday), found 6"},
        WrongCase{"Minute60", "60 * * * *",
                  "cron '60 * * * *': the minute must be 0 to 59, * or a list, range or step of "
                  "these, found '60'"},
        WrongCase{"Hour24", "0 24 * * *", "the hour must be 0 to 23"},
        WrongCase{"Day0", "0 0 0 * *", "the day of the month must be 1 to 31"},
        WrongCase{"MonthName", "0 0 1 JANUARY *",
                  "the month must be 1 to 12, JAN to DEC, * or a list, range or step of these, "
                  "found 'JANUARY'"},
        WrongCase{"Weekday8", "0 0 * * 8", "the weekday must be 0 to 7, SUN to SAT"},
        WrongCase{"StepZero", "*/0 * * * *", "found '*/0'"},
        WrongCase{"StepTooLong", "*/61 * * * *", "found '*/61'"},
        WrongCase{"BackwardRange", "0 17-9 * * *", "found '17-9'"},
        WrongCase{"EmptyInList", "1,,2 * * * *", "found '1,,2'"},
        WrongCase{"Negative", "-5 * * * *", "found '-5'"},
        WrongCase{"NotANumber", "five * * * *", "found 'five'"},
        WrongCase{"Quartz", "0 0 L * ?", "the day of the month must be 1 to 31"},
        WrongCase{"Huge", "99999999999999999999 * * * *", "the minute must be"},
        WrongCase{"Never", "0 0 31 2 *",
                  "cron '0 0 31 2 *' never comes: the month '2' has no day '31'"},
        WrongCase{"NeverInAny", "0 0 31 4,6,9,11 *", "never comes"},
        WrongCase{"ShortName", "@fortnightly", "no schedule '@fortnightly'"},
        WrongCase{"Interval", "every now", "schedule 'every now': expected a time from 1s to 366d"},
        WrongCase{"TooOften", "every 0.5s", "expected a time from 1s to 366d"},
        WrongCase{"TooSeldom", "every 9999d", "expected a time from 1s to 366d"},
        WrongCase{"AfterNothing", "after: ", "expected the name of a dataset"},
        WrongCase{"Words", "now and then", "'now and then' is no schedule"},
        WrongCase{"Empty", "", "'' is no schedule"}),
    [](const auto& info) { return std::string(info.param.what); });

TEST_P(WrongTest, IsSaid) {
  const auto when = ParseWhen(GetParam().text);
  ASSERT_FALSE(when);
  EXPECT_EQ(when.error().code, ErrorCode::kUnprocessable);
  EXPECT_THAT(when.error().ToString(), HasSubstr(GetParam().error));
}

TEST(Cron, OneDayThatNoMonthHasIsFineBesideAWeekday) {
  EXPECT_TRUE(Cron::Parse("0 0 31 2 MON"));
  EXPECT_FALSE(Cron::Parse("0 0 31 2 */2")) << "a weekday that begins with * says nothing";
}

TEST(When, AnIntervalGoesOnFromItsBeginning) {
  const auto when = ParseWhen("  every 90s ");
  ASSERT_TRUE(when);
  const Zone utc = *Zone::Find("UTC");
  EXPECT_EQ(when->text, "every 90s");
  EXPECT_EQ(when->NextAfter(1'000, 1'000, utc), 91'000);
  EXPECT_EQ(when->NextAfter(90'999, 1'000, utc), 91'000);
  EXPECT_EQ(when->NextAfter(91'000, 1'000, utc), 181'000);
  EXPECT_EQ(when->NextAfter(500, 1'000, utc), 1'000) << "the clock was set back";
  EXPECT_EQ(when->NextAfter(-200'000, 1'000, utc), -179'000);
  EXPECT_EQ(ParseWhen("after: orders ")->after, "orders");
  EXPECT_FALSE(ParseWhen("after:orders")->NextAfter(0, 0, utc));
}

}  // namespace
}  // namespace aimass
