// The queue with real processes, on both databases.
#include "jobs/queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "base/clock.h"
#include "base/file.h"
#include "base/guarded.h"
#include "base/id.h"
#include "store/testing/databases.h"

namespace aimass {
namespace {

namespace fs = std::filesystem;
using testing::Dialect;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TempFolder;
using testing::TestDatabase;

constexpr std::int64_t kLongMs = 60'000;

std::string OwnPath() { return fs::read_symlink("/proc/self/exe").string(); }

bool Alive(pid_t pid) { return kill(pid, 0) == 0; }

template <typename F>
bool Eventually(F condition, std::int64_t timeout_ms = 20'000) {
  const std::int64_t deadline = SteadyMs() + timeout_ms;
  while (SteadyMs() < deadline) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return condition();
}

class QueueTest : public ::testing::TestWithParam<Dialect> {
 protected:
  QueueTest() : place_(GetParam()), database_(place_.Open()) {
    const Status migrated = database_->Migrate(JobQueue::Migrations());
    EXPECT_TRUE(migrated) << (migrated ? "" : migrated.error().ToString());
  }

  JobQueue::Options Options() const {
    return {
        .data_folder = folder_.path(), .binary = OwnPath(), .max_running = 4, .retry_base_ms = 50};
  }
  JobQueue& Start(std::function<void(JobQueue::Options&)> change = {},
                  const std::function<void(JobQueue&)>& prepare = {}) {
    JobQueue::Options options = Options();
    if (change) change(options);
    queue_ = std::make_unique<JobQueue>(*database_, options);
    if (prepare) prepare(*queue_);
    const Status started = queue_->Start();
    EXPECT_TRUE(started) << (started ? "" : started.error().ToString());
    return *queue_;
  }
  Job Submit(std::string_view kind, Json parameters = Json::object(),
             const SubmitOptions& options = {}) {
    auto job = queue_->Submit(caller_, kind, std::move(parameters), options);
    EXPECT_TRUE(job) << (job ? "" : job.error().ToString());
    return job.value_or(Job{});
  }
  Job Await(const Job& job, std::int64_t timeout_ms = kLongMs) {
    auto ended = queue_->Wait(job.caller, job.id, timeout_ms);
    EXPECT_TRUE(ended) << (ended ? "" : ended.error().ToString());
    return ended.value_or(Job{});
  }
  Job Run(std::string_view kind, Json parameters = Json::object(),
          const SubmitOptions& options = {}) {
    return Await(Submit(kind, std::move(parameters), options));
  }
  std::string NotesPath() const { return folder_.path() + "/notes"; }
  std::vector<std::string> Notes() const {
    std::ifstream file(NotesPath());
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
  std::string LogText(const Job& job) const {
    std::string text;
    for (const Json& line : queue_->ReadLog(job.caller, job.id).value_or(std::vector<Json>{})) {
      text += Render(MessageFromJson(line["message"]), Language::kEnglish) + "\n";
    }
    return text;
  }

  TempFolder folder_;
  TestDatabase place_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<JobQueue> queue_;
  Caller caller_{.kind = "key", .id = NewId(), .org = "o", .workspace = "w1", .purpose = {}};
};
INSTANTIATE_TEST_SUITE_P(, QueueTest, ::testing::Values(Dialect::kSqlite, Dialect::kPostgres),
                         ::testing::PrintToStringParamName());

TEST_P(QueueTest, RunsAJobInItsOwnProcess) {
  Start();
  const Job job = Run("echo", {{"x", "中文"}}, {.limits = {.threads = 3}});
  ASSERT_EQ(job.state, JobState::kSucceeded);
  EXPECT_EQ(job.output["parameters"]["x"], "中文");
  EXPECT_EQ(job.output["workspace"], "w1");
  EXPECT_EQ(job.output["attempt"], 1);
  EXPECT_EQ(job.output["threads"], 3);
  EXPECT_EQ(job.output["omp_threads"], "3");
  EXPECT_EQ(job.output["wait_policy"], "passive");
  EXPECT_EQ(job.output["folder_exists"], true);
  EXPECT_LE(job.created_ms, job.started_ms);
  EXPECT_LE(job.started_ms, job.finished_ms);
  EXPECT_FALSE(fs::exists(folder_.path() + "/jobs/" + job.id + "/work"))
      << "emptied after it ended";
  EXPECT_TRUE(fs::exists(folder_.path() + "/jobs/" + job.id + "/log.ndjson"));
}

TEST_P(QueueTest, TellsProgressAndChanges) {
  Guarded<std::vector<std::pair<JobState, double>>> seen;
  Start();
  const std::uint64_t listener = queue_->OnChange([&](const Job& job) {
    seen.With([&](auto& all) { all.emplace_back(job.state, job.progress.fraction); });
  });
  const Job job = Submit("steps");
  double last = 0;
  bool eta = false;
  std::optional<std::int64_t> rows;
  while (true) {
    const Job now = *queue_->Wait(caller_, job.id, 50);
    EXPECT_GE(now.progress.fraction, last);
    last = now.progress.fraction;
    eta = eta || now.progress.eta_ms.has_value();
    if (now.progress.rows) rows = now.progress.rows;
    if (Ended(now.state)) break;
  }
  EXPECT_EQ(last, 1.0);
  EXPECT_TRUE(eta) << "computed where the job gives none";
  EXPECT_EQ(rows, 1000);
  ASSERT_TRUE(Eventually([&] {
    return seen.With(
        [](const auto& all) { return !all.empty() && all.back().first == JobState::kSucceeded; });
  }));
  const auto all = seen.With([](const auto& copy) { return copy; });
  EXPECT_TRUE(std::ranges::any_of(all, [](const auto& one) {
    return one.first == JobState::kRunning && one.second > 0.2 && one.second < 0.9;
  }));
  queue_->RemoveListener(listener);
  const std::size_t before = seen.With([](const auto& copy) { return copy.size(); });
  Run("echo");
  EXPECT_EQ(seen.With([](const auto& copy) { return copy.size(); }), before);
}

TEST_P(QueueTest, KeepsTheLog) {
  Start();
  const Job job = Run("log");
  std::int64_t next = 0;
  const auto lines = queue_->ReadLog(caller_, job.id, 0, &next);
  ASSERT_TRUE(lines);
  ASSERT_EQ(lines->size(), 3U);
  EXPECT_EQ(Render(MessageFromJson((*lines)[0]["message"]), Language::kEnglish),
            "attempt 1 started");
  EXPECT_EQ(Render(MessageFromJson((*lines)[1]["message"]), Language::kEnglish), "rows in: 42");
  EXPECT_THAT(Render(MessageFromJson((*lines)[2]["message"]), Language::kEnglish),
              HasSubstr("中文 and\nlines"));
  EXPECT_TRUE(FromRfc3339((*lines)[1]["time"].get<std::string>()));
  EXPECT_TRUE(queue_->ReadLog(caller_, job.id, next)->empty());
  EXPECT_FALSE(queue_->ReadLog(caller_, job.id, next + 1));
}

TEST_P(QueueTest, AnInputErrorIsNotTriedAgain) {
  Start();
  const Job job = Run("fail", {{"notes", NotesPath()}});
  ASSERT_EQ(job.state, JobState::kFailed);
  EXPECT_EQ(job.error->code, ErrorCode::kUnprocessable);
  EXPECT_EQ(job.error->ToString(), "column '年龄' is missing");
  EXPECT_EQ(Render(job.error->hint, Language::kEnglish), "look at the header");
  EXPECT_EQ(Notes().size(), 1U);
  EXPECT_THAT(LogText(job), HasSubstr("column '年龄' is missing"));
}

TEST_P(QueueTest, AnExceptionAndAnUnknownKindAreErrors) {
  Start();
  EXPECT_EQ(Run("throw").error->ToString(), "the job failed unexpectedly: unexpected words");
  const Job unknown = Run("nonsense");
  ASSERT_EQ(unknown.state, JobState::kFailed);
  EXPECT_EQ(unknown.error->code, ErrorCode::kNotFound);
  EXPECT_THAT(unknown.error->ToString(),
              HasSubstr("no job kind 'nonsense'; this build has: bad_alloc crash"));
}

TEST_P(QueueTest, ACrashIsTriedAgainAndThenReportedAsSuch) {
  Start();
  const Job job = Run("crash", {{"notes", NotesPath()}}, {.max_attempts = 2});
  ASSERT_EQ(job.state, JobState::kFailed);
  EXPECT_THAT(job.error->ToString(), HasSubstr("SIGSEGV"));
  EXPECT_THAT(job.error->ToString(), HasSubstr("about to crash on purpose"));
  EXPECT_EQ(job.attempt, 2);
  EXPECT_EQ(Notes().size(), 2U);
  EXPECT_EQ(Run("echo").state, JobState::kSucceeded) << "it harms nothing else";
  EXPECT_THAT(Run("exit", {}, {.max_attempts = 1}).error->ToString(), HasSubstr("status 7"));
}

TEST_P(QueueTest, OutOfMemoryIsReportedAsSuchAndTriedOnceMore) {
  Start();
  const std::int64_t limit = std::int64_t{400} << 20;
  const Job eater = Submit("eat", {{"notes", NotesPath()}},
                           {.limits = {.memory_bytes = limit}, .max_attempts = 5});
  const Job other = Submit("echo");
  EXPECT_EQ(Await(other).state, JobState::kSucceeded);
  const Job job = Await(eater);
  ASSERT_EQ(job.state, JobState::kFailed);
  EXPECT_EQ(job.error->code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(job.error->ToString(), "the job ran out of memory: its limit is 400 MB");
  EXPECT_EQ(Notes().size(), 2U);
  const Job thrown = Run("bad_alloc", {}, {.limits = {.memory_bytes = limit}, .max_attempts = 1});
  EXPECT_EQ(thrown.error->ToString(), "the job ran out of memory: its limit is 400 MB");
}

TEST_P(QueueTest, CancelsWithinTwoSeconds) {
  Start();
  for (const char* kind : {"polite", "stubborn"}) {
    fs::remove(NotesPath());
    const Job job = Submit(kind, {{"notes", NotesPath()}});
    ASSERT_TRUE(Eventually([&] { return Notes().size() == 1; }));
    const pid_t pid = std::stoi(Notes()[0]);
    ASSERT_TRUE(Alive(pid));
    const std::int64_t asked = SteadyMs();
    ASSERT_TRUE(queue_->Cancel(caller_, job.id));
    const Job ended = Await(job, 5'000);
    EXPECT_EQ(ended.state, JobState::kCancelled) << kind;
    EXPECT_LT(SteadyMs() - asked, 2'000) << kind;
    EXPECT_FALSE(Alive(pid)) << kind;
    EXPECT_FALSE(ended.error);
    const auto again = queue_->Cancel(caller_, job.id);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, ErrorCode::kConflict);
  }
}

TEST_P(QueueTest, CancelsAQueuedJobAtOnce) {
  Start([](auto& options) { options.max_running = 1; });
  const Job first = Submit("polite");
  ASSERT_TRUE(Eventually([&] { return queue_->running() == 1; }));
  const Job second = Submit("echo", {{"notes", NotesPath()}});
  const auto cancelled = queue_->Cancel(caller_, second.id);
  ASSERT_TRUE(cancelled);
  EXPECT_EQ(cancelled->state, JobState::kCancelled);
  ASSERT_TRUE(queue_->Cancel(caller_, first.id));
  EXPECT_EQ(Await(first).state, JobState::kCancelled);
  EXPECT_TRUE(Notes().empty());
}

TEST_P(QueueTest, EndsAJobAtItsTimeLimit) {
  Start();
  const Job job = Run("stubborn", {}, {.limits = {.time_ms = 1'000}});
  ASSERT_EQ(job.state, JobState::kFailed);
  EXPECT_EQ(job.error->code, ErrorCode::kTimeout);
  EXPECT_EQ(job.error->ToString(), "the job took longer than its limit of 1 s");
}

TEST_P(QueueTest, BacksOffBetweenAttempts) {
  Start([](auto& options) { options.retry_base_ms = 300; });
  const Job job = Run("flaky", {{"notes", NotesPath()}, {"succeed_at", 3}});
  ASSERT_EQ(job.state, JobState::kSucceeded);
  EXPECT_EQ(job.output, 3);
  EXPECT_FALSE(job.error) << "a job that succeeded in the end has no error";
  const auto times = Notes();
  ASSERT_EQ(times.size(), 3U);
  EXPECT_GE(std::stoll(times[1]) - std::stoll(times[0]), 300);
  EXPECT_GE(std::stoll(times[2]) - std::stoll(times[1]), 600);
  EXPECT_THAT(LogText(job), HasSubstr("the source does not answer"));
}

TEST_P(QueueTest, GivesUpASilentProcess) {
  Start([](auto& options) { options.lease_ms = 4'000; });
  const Job job = Run("freeze", {{"notes", NotesPath()}}, {.max_attempts = 1});
  ASSERT_EQ(job.state, JobState::kFailed);
  EXPECT_EQ(job.error->ToString(), "the job's process was silent for 4 s and was given up");
}

TEST_P(QueueTest, OpenJobsFollowAFolderThatMoves) {
  queue_ = std::make_unique<JobQueue>(*database_, Options());
  const Json given{{"itself", folder_.path()},
                   {"inside", folder_.path() + "/workspaces/w"},
                   {"list", {{{"deep", folder_.path() + "/jobs"}}}},
                   {"beside", folder_.path() + "-other/x"},
                   {"marked", "aimass-data:/workspaces/w"},
                   {"mark", "aimass-data:"}};
  const Job job = Submit("resume", given);
  EXPECT_EQ(queue_->Get(caller_, job.id)->parameters, given);
  JobQueue::Options moved = Options();
  moved.data_folder = "/elsewhere";
  const JobQueue there(*database_, moved);
  Json expected = given;
  expected["itself"] = "/elsewhere";
  expected["inside"] = "/elsewhere/workspaces/w";
  expected["list"][0]["deep"] = "/elsewhere/jobs";
  EXPECT_EQ(there.Get(caller_, job.id)->parameters, expected);
}

TEST_P(QueueTest, AClockThatIsSetBackHoldsNothingUp) {
  queue_ = std::make_unique<JobQueue>(*database_, Options());
  const Job job = Submit("echo", {{"value", 1}});
  constexpr std::int64_t kYearMs = std::int64_t{365} * 24 * 3600 * 1000;
  ASSERT_TRUE(database_->Execute("UPDATE jobs SET not_before_ms = ?", {NowUnixMs() + kYearMs}));
  queue_.reset();
  Start();
  EXPECT_EQ(Await(job).state, JobState::kSucceeded);
}

TEST_P(QueueTest, TakesOverByItsOwnClockWhatAnotherServerLeft) {
  Start([](auto& options) {
    options.lease_ms = 3'000;
    options.max_running = 1;
  });
  const Job blocker = Submit("stubborn", {{"notes", NotesPath()}});
  ASSERT_TRUE(Eventually([&] { return queue_->running() == 1; }));
  const Job job = Submit("echo", {{"value", 1}});
  // Its lease ends in a year: the other server's clock was wrong, or ours was set back.
  constexpr std::int64_t kYearMs = std::int64_t{365} * 24 * 3600 * 1000;
  ASSERT_TRUE(database_->Execute(
      "UPDATE jobs SET state = 'running', owner = 'another', attempt = 1, lease_until_ms = ? "
      "WHERE id = ?",
      {NowUnixMs() + kYearMs, job.id}));
  ASSERT_TRUE(queue_->Cancel(caller_, blocker.id));
  EXPECT_EQ(Await(job).state, JobState::kSucceeded);
  EXPECT_THAT(LogText(job), HasSubstr("goes on from its last checkpoint"));
}

TEST_P(QueueTest, ARestartGoesOnFromTheCheckpoint) {
  Start();
  const Job job = Submit("resume", {{"notes", NotesPath()}, {"batches", 12}});
  ASSERT_TRUE(Eventually([&] { return Notes().size() >= 4; }));
  const std::int64_t stopping = SteadyMs();
  queue_.reset();
  EXPECT_LT(SteadyMs() - stopping, 5'000);
  EXPECT_EQ(database_->Select("SELECT state FROM jobs")->at(0).Text(0), "queued");
  Start();
  const Job ended = Await(job);
  ASSERT_EQ(ended.state, JobState::kSucceeded);
  EXPECT_EQ(ended.output["done"], 12);
  EXPECT_EQ(ended.attempt, 2);
  const auto notes = Notes();
  EXPECT_EQ(std::set(notes.begin(), notes.end()).size(), 12U);
  EXPECT_LE(notes.size(), 13U) << "at most one batch is done twice";
}

TEST_P(QueueTest, AKilledServerTakesItsJobsWithItAndTheNextOneResumes) {
  // Jobs are queued by one queue that never starts them, run by a process, and resumed here.
  queue_ = std::make_unique<JobQueue>(*database_, Options());
  const Job resume = Submit("resume", {{"notes", NotesPath()}, {"batches", 15}});
  const std::string pid_notes = folder_.path() + "/pid";
  const Job stubborn = Submit("stubborn", {{"notes", pid_notes}});
  queue_.reset();
  std::string binary = OwnPath();
  std::string verb = "serve";
  std::string folder = folder_.path();
  std::string url = place_.url();
  char* arguments[] = {binary.data(), verb.data(), folder.data(), url.data(), nullptr};
  pid_t server = -1;
  ASSERT_EQ(posix_spawn(&server, binary.c_str(), nullptr, nullptr, arguments, environ), 0);
  EXPECT_TRUE(Eventually([&] {
    return Notes().size() >= 3 && fs::exists(pid_notes) && fs::file_size(pid_notes) > 0;
  }));
  kill(server, SIGKILL);
  waitpid(server, nullptr, 0);
  const std::size_t done_then = Notes().size();
  pid_t child = 0;
  std::ifstream(pid_notes) >> child;
  ASSERT_GT(child, 0);
  EXPECT_TRUE(Eventually(
      [&] {
        const auto stat = ReadFile("/proc/" + std::to_string(child) + "/stat", 4096);
        return !stat ||
               stat->find(") Z") != std::string::npos;  // gone, or a zombie of whoever adopted it
      },
      5'000))
      << "the job outlived its server";
  Start();
  const Job ended = Await(resume);
  ASSERT_EQ(ended.state, JobState::kSucceeded);
  EXPECT_EQ(ended.output["attempt"], 2);
  const auto notes = Notes();
  EXPECT_GE(notes.size(), done_then);
  EXPECT_EQ(std::set(notes.begin(), notes.end()).size(), 15U);
  EXPECT_LE(notes.size(), 16U);
  EXPECT_THAT(LogText(resume), HasSubstr("the server was restarted"));
  ASSERT_TRUE(queue_->Cancel(caller_, stubborn.id));
  EXPECT_EQ(Await(stubborn).state, JobState::kCancelled);
}

TEST_P(QueueTest, CommitsAndThenTellsListeners) {
  std::vector<std::string> order;
  Start({}, [&](JobQueue& queue) {
    queue.OnCommit("echo", [&](const Job& job, const Json& output) -> Result<Json> {
      order.push_back("commit " + std::string(StateName(job.state)));
      return Json{{"committed", output["parameters"]["x"]}};
    });
    for (const char* name : {"first", "second"}) {
      queue.AfterCommit("echo", [&order, name](const Job& job) {
        order.push_back(std::string(name) + " " + std::string(StateName(job.state)) + " " +
                        job.output["committed"].get<std::string>());
      });
    }
  });
  const Job job = Run("echo", {{"x", "y"}});
  EXPECT_EQ(job.output, (Json{{"committed", "y"}}));
  EXPECT_THAT(order, ElementsAre("commit running", "first succeeded y", "second succeeded y"));
}

TEST_P(QueueTest, AFailedCommitFailsTheJobAndAnUnavailableOneIsRepeated) {
  std::atomic<int> calls = 0;
  Start({}, [&](JobQueue& queue) {
    queue.OnCommit("echo", [&](const Job&, const Json&) -> Result<Json> {
      if (++calls < 3) return Fail(ErrorCode::kUnavailable, "busy");
      return Json(calls.load());
    });
    queue.OnCommit("log", [](const Job&, const Json&) -> Result<Json> {
      return Fail(ErrorCode::kConflict, "dataset '{}' exists", "sales");
    });
    queue.OnCommit(
        "sleep", [](const Job&, const Json&) -> Result<Json> { throw std::runtime_error("boom"); });
  });
  EXPECT_EQ(Run("echo").output, 3);
  const Job failed = Run("log");
  ASSERT_EQ(failed.state, JobState::kFailed);
  EXPECT_EQ(failed.error->ToString(), "dataset 'sales' exists");
  EXPECT_EQ(Run("sleep").error->ToString(), "the job's result could not be committed: boom");
}

TEST_P(QueueTest, AResultThatWasNotCommittedIsCommittedAfterARestart) {
  std::atomic<int> calls = 0;
  Start({}, [&](JobQueue& queue) {
    queue.OnCommit("echo", [&](const Job&, const Json&) -> Result<Json> {
      ++calls;
      return Fail(ErrorCode::kUnavailable, "the server dies here");
    });
  });
  const Job job = Submit("echo", {{"notes", NotesPath()}});
  ASSERT_TRUE(Eventually([&] { return calls > 0; }));
  queue_.reset();
  std::string token;
  Start({}, [&](JobQueue& queue) {
    queue.OnCommit("echo", [&](const Job& again, const Json& output) -> Result<Json> {
      token = again.id;
      return output["attempt"];
    });
  });
  const Job ended = Await(job);
  EXPECT_EQ(ended.state, JobState::kSucceeded);
  EXPECT_EQ(ended.output, 1) << "the result of the first attempt";
  EXPECT_EQ(token, job.id);
  EXPECT_EQ(Notes().size(), 1U) << "the process did not run again";
}

TEST_P(QueueTest, IsFairBetweenWorkspaces) {
  queue_ = std::make_unique<JobQueue>(*database_, Options());
  std::vector<Job> all;
  for (int i = 0; i < 6; ++i) all.push_back(Submit("sleep", {{"notes", NotesPath()}, {"ms", 1}}));
  caller_.workspace = "w2";
  for (int i = 0; i < 2; ++i) all.push_back(Submit("sleep", {{"notes", NotesPath()}, {"ms", 1}}));
  queue_.reset();
  Start([](auto& options) { options.max_running = 1; });
  for (const Job& job : all) EXPECT_EQ(Await(job).state, JobState::kSucceeded);
  auto order = Notes();
  std::erase(order, "end");
  EXPECT_THAT(order, ElementsAre("w1", "w2", "w1", "w2", "w1", "w1", "w1", "w1"));
}

TEST_P(QueueTest, RunsOneJobOfAGroupAtATime) {
  Start();
  std::vector<Job> all;
  for (int i = 0; i < 4; ++i) {
    all.push_back(Submit("sleep", {{"notes", NotesPath()}, {"ms", 150}}, {.group = "dataset:1"}));
  }
  for (const Job& job : all) EXPECT_EQ(Await(job).state, JobState::kSucceeded);
  EXPECT_THAT(Notes(), ElementsAre("w1", "end", "w1", "end", "w1", "end", "w1", "end"));
}

TEST_P(QueueTest, TheSameIdempotencyKeyGivesTheSameJob) {
  Start();
  const Job first = Submit("echo", {{"notes", NotesPath()}}, {.idempotency_key = "k"});
  const Job second = Submit("echo", {{"notes", NotesPath()}}, {.idempotency_key = "k"});
  EXPECT_EQ(first.id, second.id);
  Guarded<std::set<std::string>> ids;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        const auto job =
            queue_->Submit(caller_, "echo", {{"notes", NotesPath()}}, {.idempotency_key = "race"});
        ids.With([&](auto& set) { set.insert(job ? job->id : job.error().ToString()); });
      });
    }
  }
  EXPECT_EQ(ids.With([](const auto& set) { return set.size(); }), 1U);
  const auto other_kind = queue_->Submit(caller_, "log", {}, {.idempotency_key = "k"});
  ASSERT_FALSE(other_kind);
  EXPECT_EQ(other_kind.error().code, ErrorCode::kConflict);
  caller_.workspace = "w2";
  EXPECT_NE(Submit("echo", {}, {.idempotency_key = "k"}).id, first.id);
}

TEST_P(QueueTest, RunsAHundredJobs) {
  std::atomic<int> most = 0;
  Start();
  std::vector<Job> all;
  for (int i = 0; i < 100; ++i) all.push_back(Submit("echo", {{"notes", NotesPath()}}));
  for (const Job& job : all) {
    most = std::max<int>(most, static_cast<int>(queue_->running()));
    EXPECT_EQ(Await(job).state, JobState::kSucceeded);
  }
  EXPECT_LE(most, 4);
  const auto notes = Notes();
  EXPECT_EQ(notes.size(), 100U);
  EXPECT_EQ(std::set(notes.begin(), notes.end()).size(), 100U);
  EXPECT_EQ(queue_->queued(), 0U);
}

TEST_P(QueueTest, ListsPagesOfTheWorkspaceOnly) {
  queue_ = std::make_unique<JobQueue>(*database_, Options());
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(Submit(i % 2 == 0 ? "echo" : "log").id);
  Caller other = caller_;
  other.workspace = "w2";
  EXPECT_TRUE(queue_->List(other, {})->items.empty());
  const auto hidden = queue_->Get(other, ids[0]);
  ASSERT_FALSE(hidden);
  EXPECT_EQ(hidden.error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(queue_->Cancel(other, ids[0]));
  EXPECT_FALSE(queue_->ReadLog(other, ids[0]));
  std::vector<std::string> seen;
  JobFilter filter{.limit = 2};
  do {
    const auto page = queue_->List(caller_, filter);
    ASSERT_TRUE(page);
    for (const Job& job : page->items) seen.push_back(job.id);
    filter.cursor = page->next_cursor;
  } while (!filter.cursor.empty());
  std::ranges::reverse(ids);
  EXPECT_EQ(seen, ids);
  EXPECT_EQ(queue_->List(caller_, {.kind = "log"})->items.size(), 2U);
  EXPECT_EQ(queue_->List(caller_, {.state = JobState::kQueued})->items.size(), 5U);
  EXPECT_TRUE(queue_->List(caller_, {.state = JobState::kFailed})->items.empty());
}

TEST_P(QueueTest, RefusesMoreThanItsBoundAndForgetsOldJobs) {
  queue_ = std::make_unique<JobQueue>(*database_, [this] {
    auto options = Options();
    options.max_queued = 3;
    return options;
  }());
  std::vector<Job> all;
  for (int i = 0; i < 3; ++i) all.push_back(Submit("echo"));
  const auto refused = queue_->Submit(caller_, "echo", {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kResourceExhausted);
  Start();
  for (const Job& job : all) Await(job);
  Start([](auto& options) { options.keep_finished = 1; });
  EXPECT_TRUE(Eventually([&] { return queue_->List(caller_, {})->items.size() == 1; }));
  EXPECT_EQ(queue_->List(caller_, {})->items[0].id, all[2].id);
  EXPECT_TRUE(Eventually([&] { return !fs::exists(folder_.path() + "/jobs/" + all[0].id); }));
}

TEST_P(QueueTest, AMissingBinaryIsAnError) {
  Start([](auto& options) { options.binary = "/no/such/aimass"; });
  const Job job = Run("echo", {}, {.max_attempts = 1});
  ASSERT_EQ(job.state, JobState::kFailed);
  EXPECT_THAT(job.error->ToString(),
              HasSubstr("cannot run '/no/such/aimass': No such file or directory"));
}

}  // namespace
}  // namespace aimass
