#include "models/learner.h"

namespace aimass {

std::string_view TaskName(TaskKind task) {
  switch (task) {
    case TaskKind::kBinary:
      return "binary";
    case TaskKind::kMulticlass:
      return "multiclass";
    case TaskKind::kRegression:
      return "regression";
  }
  return "binary";
}

Result<TaskKind> TaskFromName(std::string_view name) {
  for (const TaskKind task : {TaskKind::kBinary, TaskKind::kMulticlass, TaskKind::kRegression}) {
    if (TaskName(task) == name) return task;
  }
  return Fail(ErrorCode::kInvalidArgument,
              "no task '{}'; there are: auto, binary, multiclass, regression", name);
}

}  // namespace aimass
