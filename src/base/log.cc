#include "base/log.h"

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/clock.h"

namespace aimass {
namespace {

constexpr std::size_t kMaxLogBytes = 50'000'000;
constexpr std::size_t kKeptLogs = 5;

std::shared_ptr<spdlog::logger> MakeLogger(spdlog::sink_ptr sink) {
  auto logger = std::make_shared<spdlog::logger>("aimass", std::move(sink));
  logger->set_pattern("%v");
  logger->set_level(spdlog::level::info);
  logger->flush_on(spdlog::level::info);
  return logger;
}

std::shared_ptr<spdlog::logger>& Logger() {
  static std::shared_ptr<spdlog::logger> logger =
      MakeLogger(std::make_shared<spdlog::sinks::stderr_sink_mt>());
  return logger;
}

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string_view NameOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "info";
}

}  // namespace

bool LogEnabled(LogLevel level) { return Logger()->should_log(ToSpdlog(level)); }

void Log(LogLevel level, std::string_view event, const Json& fields) {
  const auto& logger = Logger();
  if (!logger->should_log(ToSpdlog(level))) return;
  nlohmann::ordered_json entry;
  entry["time"] = ToRfc3339(NowUnixMs());
  entry["level"] = NameOf(level);
  entry["event"] = event;
  for (const auto& [key, value] : fields.items()) entry[key] = value;
  logger->log(ToSpdlog(level),
              entry.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

Status LogToFile(const std::string& path) {
  try {
    const auto level = Logger()->level();
    Logger() = MakeLogger(
        std::make_shared<spdlog::sinks::rotating_file_sink_mt>(path, kMaxLogBytes, kKeptLogs));
    Logger()->set_level(level);
    return {};
  } catch (const spdlog::spdlog_ex& error) {
    return Fail(ErrorCode::kInvalidArgument, "cannot write the log to '{}': {}", path,
                error.what());
  }
}

void SetLogLevel(LogLevel level) { Logger()->set_level(ToSpdlog(level)); }

Result<LogLevel> LogLevelFromName(std::string_view name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "warning") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  return Fail(ErrorCode::kInvalidArgument,
              "log level must be debug, info, warning or error, got '{}'", name);
}

}  // namespace aimass
