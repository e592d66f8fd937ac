#include "jobs/testing/kinds.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "base/clock.h"
#include "base/file.h"

namespace aimass::testing {
namespace {

void SleepMs(std::int64_t ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

// Appends one line to the file that the parameters name: what the tests count.
void Note(const JobContext& context, const std::string& line) {
  const std::string file = context.spec().parameters.value("notes", "");
  if (!file.empty()) std::ofstream(file, std::ios::app) << line << "\n";
}

Result<Json> Echo(JobContext& context) {
  Note(context, context.spec().id);
  const char* policy = getenv("OMP_WAIT_POLICY");
  const char* threads = getenv("OMP_NUM_THREADS");
  return Json{{"parameters", context.spec().parameters},
              {"workspace", context.spec().caller.workspace},
              {"attempt", context.spec().attempt},
              {"threads", context.spec().limits.threads},
              {"wait_policy", policy == nullptr ? "" : policy},
              {"omp_threads", threads == nullptr ? "" : threads},
              {"folder_exists", std::filesystem::is_directory(context.spec().work_folder)}};
}

Result<Json> Steps(JobContext& context) {
  for (int i = 0; i <= 10; ++i) {
    context.Report(
        {.fraction = i / 10.0, .step = Msg("step {}", i), .rows = i * 100, .eta_ms = {}});
    SleepMs(300);
    RETURN_IF_ERROR(context.cancel().Check());
  }
  return Json(11);
}

Result<Json> LogLines(JobContext& context) {
  context.Log(Msg("rows in: {}", 42));
  context.Log(Msg("a text with \"quotes\", 中文 and\nlines"));
  return Json();
}

Result<Json> FailInput(JobContext& context) {
  Note(context, "attempt");
  return WithHint(Fail(ErrorCode::kUnprocessable, "column '{}' is missing", "年龄"),
                  Msg("look at the header"));
}

Result<Json> Throw(JobContext&) { throw std::runtime_error("unexpected words"); }

Result<Json> Crash(JobContext& context) {
  Note(context, "attempt");
  std::fprintf(stderr, "about to crash on purpose\n");
  signal(SIGSEGV, SIG_DFL);  // sanitizers have a handler of their own
  raise(SIGSEGV);
  return Json();
}

// Touches memory in steps until somebody stops it, by mmap: a sanitizer's allocator has limits of
// its own.
Result<Json> Eat(JobContext& context) {
  Note(context, "attempt");
  const std::size_t step = std::size_t{16} << 20;
  for (int i = 0; i < 400; ++i) {
    void* block = mmap(nullptr, step, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) throw std::bad_alloc();
    auto* bytes = static_cast<volatile char*>(block);
    for (std::size_t at = 0; at < step; at += 4096) bytes[at] = 1;
    SleepMs(5);
  }
  return Json("nobody stopped it");
}

Result<Json> OutOfMemory(JobContext& context) {
  Note(context, "attempt");
  throw std::bad_alloc();
}

Result<Json> Stubborn(JobContext& context) {
  Note(context, std::to_string(getpid()));
  for (int i = 0; i < 600; ++i) SleepMs(100);
  return Json("never cancelled");
}

Result<Json> Polite(JobContext& context) {
  Note(context, std::to_string(getpid()));
  for (int i = 0; i < 600; ++i) {
    SleepMs(50);
    RETURN_IF_ERROR(context.cancel().Check());
  }
  return Json("never cancelled");
}

// Unavailable until the file of notes has `succeed_at` lines.
Result<Json> Flaky(JobContext& context) {
  Note(context, std::to_string(NowUnixMs()));
  if (context.spec().attempt < context.spec().parameters.value("succeed_at", 3)) {
    return Fail(ErrorCode::kUnavailable, "the source does not answer");
  }
  return Json(context.spec().attempt);
}

// Does `batches` batches, one note each, and a checkpoint after each: goes on where the last
// attempt stopped.
Result<Json> Resume(JobContext& context) {
  const Json state = context.LoadCheckpoint().value_or(Json{{"done", 0}});
  int done = state.value("done", 0);
  const int batches = context.spec().parameters.value("batches", 10);
  while (done < batches) {
    SleepMs(100);
    Note(context, std::to_string(done));
    ++done;
    RETURN_IF_ERROR(context.SaveCheckpoint({{"done", done}}));
    context.Report(
        {.fraction = static_cast<double>(done) / batches, .step = Msg("batch {}", done)});
    RETURN_IF_ERROR(context.cancel().Check());
  }
  return Json{{"done", done}, {"attempt", context.spec().attempt}};
}

Result<Json> Sleep(JobContext& context) {
  Note(context, context.spec().caller.workspace);
  SleepMs(context.spec().parameters.value("ms", 100));
  Note(context, "end");
  return Json();
}

Result<Json> Exit(JobContext&) {
  std::fprintf(stderr, "leaving early\n");
  _exit(7);
}

// Stops itself: no heartbeat, no result, no end.
Result<Json> Freeze(JobContext& context) {
  Note(context, "attempt");
  raise(SIGSTOP);
  return Json();
}

}  // namespace

JobKindRegistry TestKinds() {
  JobKindRegistry kinds("job kind");
  kinds.Add({"echo", {"Echo", "回声"}, Echo});
  kinds.Add({"steps", {"Steps", "步骤"}, Steps});
  kinds.Add({"log", {"Log", "日志"}, LogLines});
  kinds.Add({"fail", {"Fail", "失败"}, FailInput});
  kinds.Add({"throw", {"Throw", "抛出"}, Throw});
  kinds.Add({"crash", {"Crash", "崩溃"}, Crash});
  kinds.Add({"eat", {"Eat memory", "吃内存"}, Eat});
  kinds.Add({"bad_alloc", {"Out of memory", "内存不足"}, OutOfMemory});
  kinds.Add({"stubborn", {"Stubborn", "固执"}, Stubborn});
  kinds.Add({"polite", {"Polite", "有礼"}, Polite});
  kinds.Add({"flaky", {"Flaky", "不稳"}, Flaky});
  kinds.Add({"resume", {"Resume", "续作"}, Resume});
  kinds.Add({"sleep", {"Sleep", "睡眠"}, Sleep});
  kinds.Add({"exit", {"Exit", "退出"}, Exit});
  kinds.Add({"freeze", {"Freeze", "冻结"}, Freeze});
  return kinds;
}

}  // namespace aimass::testing
