#include "datasets/collect/attempts.h"

#include <chrono>
#include <thread>

namespace aimass {
namespace {

constexpr int kAttempts = 3;

}  // namespace

Result<Json> WithAttempts(JobContext& context,
                          const std::function<Result<Json>(bool last)>& attempt) {
  for (int number = 1;; ++number) {
    auto output = attempt(number == kAttempts);
    if (output || output.error().code != ErrorCode::kUnavailable || number == kAttempts)
      return output;
    context.Log(Msg("{}; from the beginning, attempt {}",
                    Render(output.error().message, Language::kEnglish), number + 1));
    std::this_thread::sleep_for(std::chrono::seconds(number));
    RETURN_IF_ERROR(context.cancel().Check());
  }
}

}  // namespace aimass
