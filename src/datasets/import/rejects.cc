#include "datasets/import/rejects.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

namespace aimass {
namespace {
constexpr std::size_t kMaxRaw = std::size_t{64} << 10;
constexpr std::size_t kFlushAt = std::size_t{1} << 18;
}  // namespace

Result<RejectLog> RejectLog::Open(const std::string& path, std::int64_t bytes, std::int64_t count) {
  RejectLog log;
  log.path_ = path;
  log.file_ = FileDescriptor(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!log.file_.valid() || ftruncate(log.file_.get(), bytes) != 0 ||
      lseek(log.file_.get(), 0, SEEK_END) < 0) {
    return std::unexpected(SystemError(errno, "open", path));
  }
  log.bytes_ = bytes;
  log.count_ = count;
  return log;
}

Status RejectLog::Add(const Reject& reject) {
  Json line{{"file", reject.file}, {"line", reject.line}, {"reason", ToJson(reject.reason)}};
  line["text"] = reject.raw.substr(0, kMaxRaw);
  if (reject.raw.size() > kMaxRaw) line["cut"] = true;
  const std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  bytes_ += static_cast<std::int64_t>(text.size());
  ++count_;
  buffer_ += text;
  return buffer_.size() > kFlushAt ? Flush() : Status{};
}

Status RejectLog::Flush() {
  std::string_view left = buffer_;
  while (!left.empty()) {
    const ssize_t written = write(file_.get(), left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return std::unexpected(SystemError(errno, "write", path_));
    left.remove_prefix(static_cast<std::size_t>(written));
  }
  buffer_.clear();
  if (fsync(file_.get()) != 0) return std::unexpected(SystemError(errno, "sync", path_));
  return {};
}

Result<std::vector<Json>> ReadRejects(const std::string& path, std::int64_t offset,
                                      std::int64_t limit) {
  std::ifstream file(path);
  if (!file) return Fail(ErrorCode::kNotFound, "the rejected rows were deleted");
  std::vector<Json> entries;
  std::string line;
  for (std::int64_t i = 0; i < offset + limit && std::getline(file, line); ++i) {
    if (i < offset) continue;
    Json entry = Json::parse(line, nullptr, false);
    if (entry.is_object()) entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace aimass
