#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "jobs/job.h"
#include "table/schema.h"

namespace aimass {

// What the jobs that write tables have in common.

/// What a reader or a writer of the job may use: half of the job's limit.
[[nodiscard]] std::int64_t MemoryOf(const JobSpec& spec);
[[nodiscard]] int ThreadsOf(const JobSpec& spec);

/// A table needs columns, and names that differ regardless of case. Errors: kUnprocessable.
[[nodiscard]] Status CheckColumns(const Schema& schema);

/// What the names of the Parquet files begin with that the job writes.
[[nodiscard]] std::string PartPrefix(std::string_view job_id);
/// Removes them from `folder`; one that cannot be removed stays.
void RemoveParts(const std::filesystem::path& folder, std::string_view job_id);

/// Where the job's RejectLog lies while it runs.
[[nodiscard]] std::string RejectsPath(const JobSpec& spec);
/// Copies it into the dataset's folder; its path there.
[[nodiscard]] Result<std::string> KeepRejects(const JobSpec& spec, const std::string& folder);

}  // namespace aimass
