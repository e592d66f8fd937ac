// aimass predict: rows of a file, or one row with its reasons.
#include <fmt/format.h>

#include "main/cli/job_wait.h"
#include "main/cli/nouns.h"
#include "main/cli/output.h"
#include "main/cli/routes.h"
#include "main/cli/upload.h"
#include "main/cli/words.h"

namespace aimass::cli {
namespace {

struct PredictOptions {
  std::string model, file;
  std::optional<std::string> out, row, format;
  bool explain = false;
};

}  // namespace

void AddPredictCommand(Verb& root) {
  auto given = std::make_shared<PredictOptions>();
  static_cast<void>(root);
}

}  // namespace aimass::cli
