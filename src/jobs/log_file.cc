#include "jobs/log_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

namespace aimass::jobs {
namespace {

std::string Line(std::int64_t time_ms, int attempt, const Message& message) {
  const Json line{{"time", ToRfc3339(time_ms)}, {"attempt", attempt}, {"message", ToJson(message)}};
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

void LogFile::Append(std::int64_t time_ms, int attempt, const Message& message) const {
  const FileDescriptor fd(open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  const off_t size = fd.valid() ? lseek(fd.get(), 0, SEEK_END) : -1;
  if (size < 0) {
    Log(LogLevel::kWarning, "job_log_unwritable",
        {{"path", path_}, {"error", std::strerror(errno)}});
    return;
  }
  std::string line = Line(time_ms, attempt, message);
  if (size >= kMaxBytes) return;
  if (size + static_cast<off_t>(line.size()) > kMaxBytes) {
    line = Line(time_ms, attempt, Msg("the log is full; further lines are dropped"));
    line.resize(std::max<std::size_t>(line.size(), static_cast<std::size_t>(kMaxBytes - size)),
                ' ');
    line[line.find('\n')] = ' ';
    line.back() = '\n';
  }
  if (write(fd.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    Log(LogLevel::kWarning, "job_log_unwritable",
        {{"path", path_}, {"error", std::strerror(errno)}});
  }
}

Result<std::vector<Json>> LogFile::Read(std::int64_t offset, std::int64_t* next_offset) const {
  std::vector<Json> lines;
  if (next_offset != nullptr) *next_offset = offset;
  const auto text = ReadFile(path_, static_cast<std::size_t>(kMaxBytes) * 2);
  if (!text) {
    if (text.error().code == ErrorCode::kNotFound) return lines;
    return std::unexpected(text.error());
  }
  if (offset < 0 || offset > static_cast<std::int64_t>(text->size())) {
    return Fail(ErrorCode::kInvalidArgument, "the log has {} bytes, found offset {}", text->size(),
                offset);
  }
  std::size_t from = static_cast<std::size_t>(offset);
  for (auto end = text->find('\n', from); end != std::string::npos; end = text->find('\n', from)) {
    Json line = Json::parse(text->begin() + static_cast<std::ptrdiff_t>(from),
                            text->begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
    from = end + 1;
    if (line.is_object()) lines.push_back(std::move(line));
  }
  if (next_offset != nullptr) *next_offset = static_cast<std::int64_t>(from);
  return lines;
}

}  // namespace aimass::jobs
