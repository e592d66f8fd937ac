#include "base/pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <stdexcept>
#include <string>
#include <thread>

#include "base/guarded.h"

namespace aimass {
namespace {

Task<Result<int>> Double(Pool& pool, int value) {
  CO_ASSIGN_OR_RETURN(const int doubled,
                      co_await RunOn(pool, [value]() -> Result<int> { return 2 * value; }));
  co_return doubled;
}

TEST(Pool, RunsACoroutinesWorkAndReturnsItsValue) {
  Pool pool("work", 2, 10);
  const Result<int> result = SyncWait(Double(pool, 21));
  ASSERT_TRUE(result);
  EXPECT_EQ(*result, 42);
}

TEST(Pool, PassesErrorsOn) {
  Pool pool("work", 1, 10);
  const auto fails = [](Pool& p) -> Task<Result<int>> {
    co_return co_await RunOn(
        p, []() -> Result<int> { return Fail(ErrorCode::kTimeout, "'{}' is missing", "x"); });
  };
  const Result<int> result = SyncWait(fails(pool));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kTimeout);
}

TEST(Pool, HandsWhatWorkThrowsToTheAwaiter) {
  Pool pool("work", 1, 10);
  const auto throws = [](Pool& p) -> Task<Result<std::string>> {
    try {
      co_return co_await RunOn(
          p, []() -> Result<std::string> { throw std::runtime_error("a defect"); });
    } catch (const std::runtime_error& defect) {
      co_return std::string(defect.what());
    }
  };
  EXPECT_EQ(SyncWait(throws(pool)).value(), "a defect");
  // Nor does work that nobody awaits take the thread with it.
  ASSERT_TRUE(pool.Submit([] { throw std::runtime_error("another"); }));
  EXPECT_EQ(SyncWait(Double(pool, 21)).value(), 42);
}

TEST(Pool, RefusesWhatItsQueueCannotHold) {
  std::latch running(1);
  std::latch release(1);
  Pool pool("tiny", 1, 1);
  ASSERT_TRUE(pool.Submit([&] {
    running.count_down();
    release.wait();
  }));
  running.wait();
  ASSERT_TRUE(pool.Submit([] {}));
  const Result<int> refused = SyncWait(Double(pool, 1));
  release.count_down();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kResourceExhausted);
  EXPECT_NE(refused.error().ToString().find("'tiny'"), std::string::npos);
}

TEST(Pool, RunsWhatItAcceptedBeforeItCloses) {
  std::atomic<int> done = 0;
  {
    Pool pool("work", 2, 1000);
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(pool.Submit([&done] { ++done; }));
  }
  EXPECT_EQ(done, 100);
}

class RecordingExecutor final : public Executor {
 public:
  void Post(std::move_only_function<void()> work) override {
    posted.With([&work](auto& list) { list.push_back(std::move(work)); });
  }
  Guarded<std::vector<std::move_only_function<void()>>> posted;
};

TEST(Pool, ResumesOnTheExecutorOfTheAwaitingThread) {
  RecordingExecutor executor;
  Pool pool("work", 1, 10);
  std::thread::id resumed_on;
  Executor::SetCurrent(&executor);
  Start(Double(pool, 1),
        [&resumed_on](const Result<int>&) { resumed_on = std::this_thread::get_id(); });
  Executor::SetCurrent(nullptr);
  std::vector<std::move_only_function<void()>> posted;
  while (posted.empty()) executor.posted.With([&posted](auto& list) { posted.swap(list); });
  EXPECT_EQ(resumed_on, std::thread::id{});
  posted.front()();
  EXPECT_EQ(resumed_on, std::this_thread::get_id());
}

}  // namespace
}  // namespace aimass
