#include "jobs/job.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/clock.h"

namespace aimass {
namespace {

constexpr int kFormat = 1;
constexpr std::array<std::string_view, 5> kStates{"queued", "running", "succeeded", "failed",
                                                  "cancelled"};

}  // namespace

std::string_view StateName(JobState state) { return kStates[static_cast<std::size_t>(state)]; }

Result<JobState> StateFromName(std::string_view name) {
  for (std::size_t i = 0; i < kStates.size(); ++i) {
    if (kStates[i] == name) return static_cast<JobState>(i);
  }
  return Fail(ErrorCode::kInvalidArgument,
              "no job state '{}'; there are: queued running succeeded failed cancelled", name);
}

Json ToJson(const JobSpec& spec) {
  return Json{{"format", kFormat},
              {"id", spec.id},
              {"kind", spec.kind},
              {"caller", ToJson(spec.caller)},
              {"parameters", spec.parameters},
              {"limits",
               {{"memory_bytes", spec.limits.memory_bytes},
                {"threads", spec.limits.threads},
                {"time_ms", spec.limits.time_ms}}},
              {"work_folder", spec.work_folder},
              {"attempt", spec.attempt}};
}

Result<JobSpec> JobSpecFromJson(const Json& json) {
  ASSIGN_OR_RETURN(const std::int64_t format, GetInteger(json, "format"));
  if (format != kFormat) {
    return Fail(ErrorCode::kUnsupported, "the job spec has format {}, expected {}", format,
                kFormat);
  }
  JobSpec spec;
  ASSIGN_OR_RETURN(spec.id, GetString(json, "id"));
  ASSIGN_OR_RETURN(spec.kind, GetString(json, "kind"));
  ASSIGN_OR_RETURN(spec.work_folder, GetString(json, "work_folder"));
  ASSIGN_OR_RETURN(const std::int64_t attempt, GetInteger(json, "attempt", 1));
  spec.attempt = static_cast<int>(attempt);
  spec.caller = CallerFromJson(json.value("caller", Json::object()));
  spec.parameters = json.value("parameters", Json::object());
  const Json limits = json.value("limits", Json::object());
  ASSIGN_OR_RETURN(spec.limits.memory_bytes, GetInteger(limits, "memory_bytes", 0));
  ASSIGN_OR_RETURN(const std::int64_t threads, GetInteger(limits, "threads", 0));
  spec.limits.threads = static_cast<int>(threads);
  ASSIGN_OR_RETURN(spec.limits.time_ms, GetInteger(limits, "time_ms", 0));
  return spec;
}

Json ToJson(const Progress& progress) {
  const double fraction =
      std::isfinite(progress.fraction) ? std::clamp(progress.fraction, 0.0, 1.0) : 0.0;
  Json json{{"fraction", fraction}, {"step", ToJson(progress.step)}};
  if (progress.rows) json["rows"] = *progress.rows;
  if (progress.eta_ms) json["eta_ms"] = *progress.eta_ms;
  return json;
}

Progress ProgressFromJson(const Json& json) {
  Progress progress;
  if (!json.is_object()) return progress;
  const auto integer = [&json](const char* key) -> std::optional<std::int64_t> {
    const auto found = json.find(key);
    if (found == json.end() || !found->is_number()) return std::nullopt;
    return found->get<std::int64_t>();
  };
  if (const auto found = json.find("fraction"); found != json.end() && found->is_number()) {
    progress.fraction = std::clamp(found->get<double>(), 0.0, 1.0);
  }
  progress.step = MessageFromJson(json.value("step", Json::object()));
  progress.rows = integer("rows");
  progress.eta_ms = integer("eta_ms");
  return progress;
}

Json ToJson(const Job& job, Language language) {
  const auto time = [](std::int64_t ms) { return ms == 0 ? Json() : Json(ToRfc3339(ms)); };
  Json json{
      {"id", job.id},
      {"kind", job.kind},
      {"state", StateName(job.state)},
      {"progress", job.state == JobState::kSucceeded ? 1.0 : job.progress.fraction},
      {"step", Render(job.progress.step, language)},
      {"rows", job.progress.rows ? Json(*job.progress.rows) : Json()},
      {"eta_ms", job.progress.eta_ms && job.state == JobState::kRunning ? Json(*job.progress.eta_ms)
                                                                        : Json()},
      {"attempt", job.attempt},
      {"output", job.output},
      {"error", Json()},
      {"created_at", time(job.created_ms)},
      {"started_at", time(job.started_ms)},
      {"finished_at", time(job.finished_ms)}};
  if (job.error) {
    json["error"] = {
        {"code", CodeName(job.error->code)},
        {"detail", Describe(*job.error, language)},
        {"hint", job.error->hint.empty() ? Json() : Json(Render(job.error->hint, language))}};
  }
  return json;
}

}  // namespace aimass
