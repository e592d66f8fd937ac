// The program of these tests is also the binary that job processes run, and a server that can be
// killed:
//   jobs_test run-job SPEC            one job
//   jobs_test serve FOLDER URL        a queue that runs until it is killed
#include <gtest/gtest.h>

#include <cstdio>
#include <string_view>
#include <thread>

#include "base/log.h"
#include "jobs/queue.h"
#include "jobs/testing/kinds.h"

namespace {

int Serve(const std::string& folder, const std::string& url) {
  auto database = aimass::Database::Open(url);
  if (!database) return 1;
  aimass::JobQueue queue(**database,
                         {.data_folder = folder, .binary = "/proc/self/exe", .max_running = 2});
  if (!queue.Start()) return 1;
  std::this_thread::sleep_for(std::chrono::minutes(5));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view verb = argc > 1 ? argv[1] : "";
  if (verb == "run-job" && argc == 3)
    return aimass::RunJobProcess(aimass::testing::TestKinds(), argv[2]);
  if (verb == "serve" && argc == 4) return Serve(argv[2], argv[3]);
  aimass::SetLogLevel(aimass::LogLevel::kError);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
