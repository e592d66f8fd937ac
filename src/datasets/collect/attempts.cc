#include "datasets/collect/attempts.h"

#include <cstdint>

#include "base/wait.h"

namespace aimass {
namespace {

constexpr int kAttempts = 3;
constexpr std::int64_t kMsPerSecond = 1000;

}  // namespace

Result<Json> WithAttempts(JobContext& context,
                          const std::function<Result<Json>(bool last)>& attempt) {
  for (int number = 1;; ++number) {
    auto output = attempt(number == kAttempts);
    if (output || output.error().code != ErrorCode::kUnavailable || number == kAttempts)
      return output;
    context.Log(Msg("{}; from the beginning, attempt {}",
                    Render(output.error().message, Language::kEnglish), number + 1));
    RETURN_IF_ERROR(Wait(number * kMsPerSecond, context.cancel()));
  }
}

}  // namespace aimass
