#include "sources/connectors/s3/arrival.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <utility>

#include "sources/connectors/s3/answers.h"

namespace aimass::connectors::s3 {
namespace {

// The number that `text` begins with, which is taken away; -1: with none.
std::int64_t TakeNumber(std::string_view& text) {
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return -1;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

// "bytes 100-199/1000": 100 and 1000; -1 for what it does not say.
std::pair<std::int64_t, std::int64_t> RangeIn(std::string_view text) {
  if (!text.starts_with("bytes ")) return {-1, -1};
  text.remove_prefix(std::string_view("bytes ").size());
  const std::int64_t from = TakeNumber(text);
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return {from, -1};
  text.remove_prefix(slash + 1);
  return {from, TakeNumber(text)};
}

}  // namespace

Result<Arrival> Arrival::Open(const SourceFile& file, std::string etag,
                              const FetchRequest& request) {
  if (file.bytes > request.max_bytes) {
    return Fail(ErrorCode::kPayloadTooLarge, "file '{}' has {} bytes, more than the {} allowed",
                file.path, file.bytes, request.max_bytes);
  }
  Arrival arrival(file, std::move(etag), request);
  if (!request.only_hash) {
    arrival.to_ =
        FileDescriptor(open(request.to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!arrival.to_.valid()) return std::unexpected(SystemError(errno, "create", request.to));
  }
  return arrival;
}

std::unexpected<Error> Arrival::Changed() {
  changed_ = true;
  return Fail(ErrorCode::kUnavailable, "file '{}' changed while it was read", file_->path);
}

Status Arrival::BeginAgain() {
  if (to_.valid() && (ftruncate(to_.get(), 0) != 0 || lseek(to_.get(), 0, SEEK_SET) != 0))
    return std::unexpected(SystemError(errno, "write", request_->to));
  sum_ = Sha256Sum();
  have_ = 0;
  return {};
}

Status Arrival::Check(const curl::Answer& answer) {
  const std::string etag = BareEtag(answer.Header("etag"));
  if (!etag_.empty() && !etag.empty() && etag != etag_) return Changed();
  if (answer.status == 206) {
    const auto [from, total] = RangeIn(answer.Header("content-range"));
    if (from != have_ || (total >= 0 && total != file_->bytes)) return Changed();
    return {};
  }
  std::string_view length = answer.Header("content-length");
  if (!length.empty() && TakeNumber(length) != file_->bytes) return Changed();
  if (have_ > 0) return BeginAgain();  // it sends all of it again
  return {};
}

Status Arrival::Take(const curl::Answer& answer, std::string_view bytes) {
  if (!std::exchange(checked_, true)) RETURN_IF_ERROR(Check(answer));
  if (static_cast<std::int64_t>(bytes.size()) > file_->bytes - have_) return Changed();
  sum_.Add(bytes);
  have_ += static_cast<std::int64_t>(bytes.size());
  while (to_.valid() && !bytes.empty()) {
    const ssize_t written = write(to_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return std::unexpected(SystemError(errno, "write", request_->to));
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (request_->progress) request_->progress(have_);
  return {};
}

FetchedFile Arrival::Finish() { return {.file = *file_, .sha256 = sum_.Hex()}; }

}  // namespace aimass::connectors::s3
