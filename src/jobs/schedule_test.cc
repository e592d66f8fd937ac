// Schedules on both databases, with a clock and an action of the tests' own.
#include "jobs/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "base/clock.h"
#include "base/id.h"
#include "store/testing/databases.h"

namespace aimass {
namespace {

using testing::Dialect;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TempFolder;
using testing::TestDatabase;

constexpr std::int64_t kMinute = 60'000;
constexpr std::int64_t kHour = 60 * kMinute;

class ScheduleTest : public ::testing::TestWithParam<Dialect> {
 protected:
  ScheduleTest() : place_(GetParam()), database_(place_.Open()) {
    EXPECT_TRUE(database_->Migrate(Access::Migrations()));
    EXPECT_TRUE(database_->Migrate(ScheduleService::Migrations()));
    access_ = std::make_unique<Access>(*database_, folder_.path(), "UTC");
    EXPECT_TRUE(access_->Start());
    caller_ = *access_->LocalCaller();
    Restart();
  }

  // A new server on the same database, at the time that the clock shows.
  void Restart() {
    service_ = std::make_unique<ScheduleService>(
        *database_, *access_,
        ScheduleService::Options{.now = [this] { return now_.load(); },
                                 .steady = [this] { return steady_.load(); }});
    service_->Register(
        {.name = "note",
         .start = [this](const Caller& caller, const std::string& subject,
                         const std::string& key) -> Result<Job> {
           ++asked_;
           if (error_) return std::unexpected(*error_);
           started_by_ = caller.id;
           // Like the queue: a key that was seen gives the same job.
           if (keys_.insert(key).second) started_.push_back(subject + " " + Minutes());
           Job job;
           job.id = key;
           return job;
         },
         .open = [this](const Caller&, const std::string&) -> Result<bool> { return open_; }});
  }
  void Pass(std::int64_t ms) {
    now_ += ms;
    steady_ += ms;
  }
  void Jump(std::int64_t ms) { now_ += ms; }
  std::string Minutes() const { return ToRfc3339(now_).substr(11, 5); }
  void Turn() {
    const auto done = service_->RunDue();
    ASSERT_TRUE(done) << done.error().ToString();
  }
  // Lets `ms` pass, a turn each half minute.
  void Live(std::int64_t ms) {
    for (std::int64_t left = ms; left > 0; left -= kMinute / 2) {
      Pass(std::min(left, kMinute / 2));
      Turn();
    }
  }
  Schedule Set(const std::string& when, CatchUp catch_up = CatchUp::kLatest,
               const std::string& subject = "a", const std::string& after = "") {
    auto set =
        service_->Set(caller_, "note", subject,
                      {.when = *ParseWhen(when), .after_subject = after, .catch_up = catch_up});
    EXPECT_TRUE(set) << (set ? "" : set.error().ToString());
    return set.value_or(Schedule{});
  }
  Schedule Get(const std::string& subject = "a") {
    const auto found = service_->Find("note", subject);
    EXPECT_TRUE(found && *found);
    return found && *found ? **found : Schedule{};
  }
  std::string Next(const std::string& subject = "a") { return ToRfc3339(Get(subject).next_ms); }

  TempFolder folder_;
  TestDatabase place_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Access> access_;
  Caller caller_;
  std::atomic<std::int64_t> now_ = *FromRfc3339("2026-11-28T08:01:00Z");
  std::atomic<std::int64_t> steady_ = 1'000;
  std::vector<std::string> started_;
  std::set<std::string> keys_;
  std::string started_by_;
  std::atomic<int> asked_ = 0;
  std::optional<Error> error_;
  bool open_ = false;
  std::unique_ptr<ScheduleService> service_;
};
INSTANTIATE_TEST_SUITE_P(, ScheduleTest, ::testing::Values(Dialect::kSqlite, Dialect::kPostgres),
                         ::testing::PrintToStringParamName());

TEST_P(ScheduleTest, StartsWhatIsDueAndNothingElse) {
  Set("*/5 * * * *");
  EXPECT_EQ(Next(), "2026-11-28T08:05:00.000Z");
  Live(15 * kMinute);
  EXPECT_THAT(started_, ElementsAre("a 08:05", "a 08:10", "a 08:15"));
  const Schedule schedule = Get();
  EXPECT_EQ(schedule.last_due_ms, *FromRfc3339("2026-11-28T08:15:00Z"));
  EXPECT_THAT(schedule.last_job, HasSubstr(schedule.id));
  EXPECT_EQ(Next(), "2026-11-28T08:20:00.000Z");
  ASSERT_TRUE(service_->Remove("note", "a"));
  Live(20 * kMinute);
  EXPECT_EQ(started_.size(), 3U);
  EXPECT_FALSE(*service_->Find("note", "a"));
}

TEST_P(ScheduleTest, AnotherScheduleTakesThePlaceAndTheSameKeepsItsTime) {
  Set("every 10m");
  Live(4 * kMinute);
  Set("every 10m");
  EXPECT_EQ(Next(), "2026-11-28T08:11:00.000Z") << "set again, it goes on";
  Set("every 3m");
  EXPECT_EQ(Next(), "2026-11-28T08:08:00.000Z");
  Live(7 * kMinute);
  EXPECT_THAT(started_, ElementsAre("a 08:08", "a 08:11"));
}

TEST_P(ScheduleTest, DowntimeLatestMakesOneRun) {
  Set("*/5 * * * *");
  Pass(3 * kHour);
  Restart();
  Turn();
  Turn();
  EXPECT_THAT(started_, ElementsAre("a 11:01"));
  EXPECT_EQ(Get().last_due_ms, *FromRfc3339("2026-11-28T11:00:00Z"));
  Live(5 * kMinute);
  EXPECT_THAT(started_, ElementsAre("a 11:01", "a 11:05"));
}

TEST_P(ScheduleTest, DowntimeAllMakesEachRunOneAfterTheOther) {
  Set("*/5 * * * *", CatchUp::kAll);
  Pass(20 * kMinute);  // 08:05, 08:10, 08:15, 08:20
  Restart();
  for (int i = 0; i < 10; ++i) Turn();
  EXPECT_EQ(started_.size(), 4U);
  EXPECT_EQ(Next(), "2026-11-28T08:25:00.000Z");
}

TEST_P(ScheduleTest, DowntimeAllIsBounded) {
  Set("* * * * *", CatchUp::kAll);
  Set("every 1s", CatchUp::kAll, "b");
  Pass(30 * 24 * kHour);
  Restart();
  for (int i = 0; i < 120; ++i) Turn();
  EXPECT_EQ(std::ranges::count_if(started_, [](const auto& one) { return one[0] == 'a'; }), 100);
  EXPECT_EQ(std::ranges::count_if(started_, [](const auto& one) { return one[0] == 'b'; }), 100);
  EXPECT_EQ(Get().last_due_ms, now_);
}

TEST_P(ScheduleTest, DowntimeSkipMakesNone) {
  Set("*/5 * * * *", CatchUp::kSkip);
  Pass(3 * kHour);
  Restart();
  Turn();
  EXPECT_THAT(started_, IsEmpty());
  EXPECT_EQ(Next(), "2026-11-28T11:05:00.000Z");
  Live(5 * kMinute);
  EXPECT_THAT(started_, ElementsAre("a 11:05"));
}

TEST_P(ScheduleTest, WhatIsDueWaitsForAnOpenRunAndComesOnce) {
  for (const CatchUp policy : {CatchUp::kLatest, CatchUp::kSkip}) {
    const std::string subject(CatchUpName(policy));
    started_.clear();
    Set("*/5 * * * *", policy, subject);
    open_ = true;
    Live(13 * kMinute);
    EXPECT_THAT(started_, IsEmpty());
    open_ = false;
    Turn();
    Turn();
    EXPECT_EQ(started_.size(), 1U);
    ASSERT_TRUE(service_->Remove("note", subject));
  }
}

// A server that dies right after the job was stored, before the schedule was written on.
TEST_P(ScheduleTest, AKillBetweenStartAndNoteDoublesNothing) {
  Set("*/5 * * * *");
  Pass(5 * kMinute);
  const std::int64_t due = Get().next_ms;
  Turn();
  ASSERT_EQ(started_.size(), 1U);
  ASSERT_TRUE(database_->Execute("UPDATE schedules SET next_ms = ?, last_due_ms = 0, last_job = ''",
                                 {due}));
  Restart();
  Turn();
  EXPECT_EQ(started_.size(), 1U);
  EXPECT_EQ(asked_, 2);
  EXPECT_EQ(Get().last_due_ms, due);
  EXPECT_EQ(Next(), "2026-11-28T08:10:00.000Z");
}

TEST_P(ScheduleTest, AClockSetBackRunsNothingTwice) {
  Set("*/5 * * * *");
  Live(10 * kMinute);  // 08:11
  ASSERT_EQ(started_.size(), 2U);
  Jump(-8 * kMinute);  // 08:03
  Live(11 * kMinute);
  EXPECT_EQ(started_.size(), 2U) << "08:05 and 08:10 have been";
  Live(2 * kMinute);
  EXPECT_EQ(started_.size(), 3U);
}

TEST_P(ScheduleTest, AClockThatWasDaysAheadDoesNotStopItForDays) {
  Set("*/5 * * * *");
  Jump(30 * 24 * kHour);
  Turn();
  ASSERT_EQ(started_.size(), 1U);
  Jump(-30 * 24 * kHour);
  Turn();
  EXPECT_EQ(Next(), "2026-11-28T08:05:00.000Z");
  Live(5 * kMinute);
  EXPECT_EQ(started_.size(), 2U);
}

TEST_P(ScheduleTest, AJumpForwardIsADowntime) {
  Set("*/5 * * * *", CatchUp::kLatest, "latest");
  Set("*/5 * * * *", CatchUp::kSkip, "skip");
  Jump(2 * kHour);
  Turn();
  EXPECT_THAT(started_, ElementsAre("latest 10:01"));
  EXPECT_EQ(Next("skip"), "2026-11-28T10:05:00.000Z");
}

TEST_P(ScheduleTest, ARevokedKeyPausesItAndAnotherTakesItUp) {
  const Caller admin = caller_;
  const auto key = access_->CreateKey(admin, "etl");
  caller_ = *access_->Authenticate(key->secret);
  Set("*/5 * * * *");
  Live(4 * kMinute);
  EXPECT_EQ(started_by_, key->key.id);
  ASSERT_TRUE(access_->RevokeKey(admin, "etl"));
  Live(30 * kMinute);
  EXPECT_EQ(started_.size(), 1U);
  Schedule schedule = Get();
  EXPECT_TRUE(schedule.paused);
  EXPECT_EQ(Render(schedule.reason, Language::kEnglish), "the key 'etl' was revoked");
  caller_ = admin;
  schedule = Set("*/5 * * * *");
  EXPECT_FALSE(schedule.paused);
  EXPECT_GT(schedule.next_ms, now_) << "what passed meanwhile is not made up for";
  Live(5 * kMinute);
  EXPECT_EQ(started_.size(), 2U);
}

TEST_P(ScheduleTest, ALookAloneFindsTheRevokedKey) {
  const Caller admin = caller_;
  const auto key = access_->CreateKey(admin, "etl");
  caller_ = *access_->Authenticate(key->secret);
  Set("@daily");
  ASSERT_TRUE(access_->RevokeKey(admin, "etl"));
  EXPECT_TRUE(Get().paused);
}

TEST_P(ScheduleTest, ErrorsThatMayPassAreTriedAgainOthersAreSaid) {
  Set("*/5 * * * *");
  error_ = Fail(ErrorCode::kResourceExhausted,
                "{} jobs are waiting in this workspace; try again later", 1)
               .error();
  Live(4 * kMinute);
  EXPECT_THAT(started_, IsEmpty());
  EXPECT_GT(asked_, 0);
  EXPECT_EQ(Next(), "2026-11-28T08:05:00.000Z");
  error_.reset();
  Live(kMinute / 2);
  EXPECT_EQ(started_.size(), 1U);
  error_ = Fail(ErrorCode::kConflict, "the source of the dataset was deleted").error();
  Live(5 * kMinute);
  EXPECT_EQ(Get().last_error->ToString(), "the source of the dataset was deleted");
  EXPECT_EQ(Next(), "2026-11-28T08:15:00.000Z");
}

TEST_P(ScheduleTest, RunsAfterSomethingElse) {
  Set("after:a", CatchUp::kLatest, "b", "a");
  Live(10 * kMinute);
  EXPECT_THAT(started_, IsEmpty());
  service_->Happened("a", "job 1");
  service_->Happened("c", "job 2");
  Turn();
  Turn();
  EXPECT_THAT(started_, ElementsAre("b 08:11"));
  service_->Happened("a", "job 1");  // told again, after a crash
  Turn();
  EXPECT_EQ(started_.size(), 1U);
  open_ = true;
  service_->Happened("a", "job 3");
  service_->Happened("a", "job 4");
  Turn();
  EXPECT_EQ(started_.size(), 1U);
  Restart();  // what happened is kept
  open_ = false;
  Turn();
  Turn();
  EXPECT_EQ(started_.size(), 2U) << "one run after both";
}

TEST_P(ScheduleTest, NoCirclesAndNothingAfterWhatIsGone) {
  Set("after:a", CatchUp::kLatest, "b", "a");
  Set("after:b", CatchUp::kLatest, "c", "b");
  for (const char* last : {"c", "a"}) {
    const auto circle =
        service_->Set(caller_, "note", "a",
                      {.when = *ParseWhen(fmt::format("after:{}", last)), .after_subject = last});
    ASSERT_FALSE(circle);
    EXPECT_THAT(circle.error().ToString(), HasSubstr("in a circle"));
  }
  ASSERT_TRUE(database_->Transact(
      [](SqlSession& session) { return ScheduleService::Forget(session, "b"); }));
  EXPECT_FALSE(*service_->Find("note", "b"));
  EXPECT_TRUE(Get("c").paused);
}

TEST_P(ScheduleTest, TheTimeZoneIsTheWorkspaces) {
  ASSERT_TRUE(access_->SetTimeZone(caller_, "default", "Asia/Shanghai"));
  Set("0 2 * * *");
  EXPECT_EQ(Next(), "2026-11-28T18:00:00.000Z");
  EXPECT_EQ(Get().time_zone, "Asia/Shanghai");
  ASSERT_TRUE(access_->SetTimeZone(caller_, "Default", "Europe/Berlin"));
  ASSERT_TRUE(service_->TimeZoneChanged(caller_.workspace));
  EXPECT_EQ(Next(), "2026-11-29T01:00:00.000Z");
  EXPECT_EQ(Get().time_zone, "Europe/Berlin");
  EXPECT_EQ(access_->SetTimeZone(caller_, "default", "CST").error().code,
            ErrorCode::kUnprocessable);
  EXPECT_EQ(access_->SetTimeZone(caller_, "other", "UTC").error().code, ErrorCode::kNotFound);
}

TEST_P(ScheduleTest, TheThreadStartsByItself) {
  now_ = NowUnixMs();
  Restart();
  Set("every 1s");
  ASSERT_TRUE(service_->Start());
  const std::int64_t deadline = SteadyMs() + 20'000;
  while (asked_ < 2 && SteadyMs() < deadline) {
    Pass(200);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_GE(asked_, 2);
  service_->Stop();
  const int asked = asked_;
  Pass(10'000);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(asked_, asked);
}

}  // namespace
}  // namespace aimass
