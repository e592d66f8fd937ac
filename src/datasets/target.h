#pragma once

#include <optional>
#include <string>

#include "datasets/catalog.h"
#include "jobs/job.h"

namespace aimass {

/// The dataset that a job is going to write.
struct WriteTarget {
  std::string id;
  std::string name;
  std::string folder;
  std::optional<DatasetInfo> existing;
};

/// Errors   kConflict (create: the name is taken), kNotFound (append: there is no such dataset),
///          kInvalidArgument for the name.
[[nodiscard]] Result<WriteTarget> TargetOf(const DatasetCatalog& catalog, const Caller& caller,
                                           const std::string& name, WriteMode mode);

/// The group of jobs (SubmitOptions) of which one at a time may write the dataset.
[[nodiscard]] std::string WriteGroup(const Caller& caller, const std::string& name);

/// The version that the job wrote, as its parameters and its output say; origin, inputs and details
/// are the caller's to fill in.
/// Errors   kInvalidArgument where either lacks something.
[[nodiscard]] Result<DatasetCommit> CommitOf(const Job& job, const Json& output);
/// Messages of a job (MessageFromJson) as texts in its parameter `language`, for its output.
[[nodiscard]] Json TextsFor(const Job& job, const Json& messages);

/// Removes the files that a failed or cancelled job left and no version names.
void RemoveUnnamedFiles(const DatasetCatalog& catalog, const Job& job);

}  // namespace aimass
