#include "main/cli/upload.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>

#include "base/clock.h"
#include "base/file.h"

namespace aimass::cli {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kChunkBytes =
    8u << 20;                 // what is sent again, at most, after a broken connection
constexpr int kMaxTries = 8;  // without a single new byte in between

std::string Base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto at = [&](std::size_t k) -> std::uint32_t {
      return i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0;
    };
    const std::uint32_t triple = at(0) << 16 | at(1) << 8 | at(2);
    text += kDigits[triple >> 18 & 63];
    text += kDigits[triple >> 12 & 63];
    text += i + 1 < bytes.size() ? kDigits[triple >> 6 & 63] : '=';
    text += i + 2 < bytes.size() ? kDigits[triple & 63] : '=';
  }
  return text;
}

// A file that removes itself, for standard input: an upload must know its length and be able to go
// back.
class Spool {
 public:
  Spool() = default;
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;
  ~Spool() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove(path_, ignored);
  }

  [[nodiscard]] Status Fill(int from) {
    const char* const folder = std::getenv("TMPDIR");
    path_ = std::string(folder == nullptr || *folder == '\0' ? "/tmp" : folder) +
            "/aimass-stdin-XXXXXX";
    const FileDescriptor file(mkstemp(path_.data()));
    if (!file.valid()) return std::unexpected(SystemError(errno, "create", path_));
    std::array<char, 1 << 16> block;
    while (true) {
      const ssize_t got = read(from, block.data(), block.size());
      if (got < 0 && errno == EINTR && !Interrupted()) continue;
      if (Interrupted()) return Fail(ErrorCode::kCancelled, "stopped by Ctrl-C");
      if (got < 0) return std::unexpected(SystemError(errno, "read", "standard input"));
      if (got == 0) break;
      for (ssize_t written = 0; written < got;) {
        const ssize_t put =
            write(file.get(), block.data() + written, static_cast<std::size_t>(got - written));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return std::unexpected(SystemError(errno, "write", path_));
        written += put;
      }
    }
    return {};
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Where the address of a begun upload is remembered between two runs of the command.
fs::path MemoOf(const Client& server, const std::string& path, const struct stat& file) {
  const char* const cache = std::getenv("XDG_CACHE_HOME");
  const char* const home = std::getenv("HOME");
  fs::path folder = cache != nullptr && *cache != '\0'
                        ? fs::path(cache)
                        : fs::path(home == nullptr ? "" : home) / ".cache";
  const std::string what = fmt::format("{}\n{}\n{}\n{}.{}", server.url(), path, file.st_size,
                                       file.st_mtim.tv_sec, file.st_mtim.tv_nsec);
  return folder / "aimass" / "uploads" / Sha256(what);
}

std::optional<std::int64_t> IntegerHeader(const Client::Reply& reply, std::string_view name) {
  const auto found = reply.headers.find(name);
  if (found == reply.headers.end()) return std::nullopt;
  std::int64_t value = 0;
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// One upload of one open file.
class Tus {
 public:
  Tus(Context& context, Client& server, int file, std::int64_t length)
      : context_(context),
        server_(server),
        file_(file),
        length_(length),
        line_(context.language()) {}

  // The path of a new upload.
  [[nodiscard]] Result<std::string> Create(const std::string& name) {
    ASSIGN_OR_RETURN(const Client::Reply reply,
                     server_.Send({.method = "POST",
                                   .path = "/api/v1/uploads",
                                   .headers = {{"Tus-Resumable", "1.0.0"},
                                               {"Upload-Length", std::to_string(length_)},
                                               {"Upload-Metadata", "filename " + Base64(name)}}}));
    const auto location = reply.headers.find("location");
    if (location == reply.headers.end()) {
      return Fail(ErrorCode::kUnavailable, "{} does not answer like an AI Mass server: {}",
                  server_.url(), "no Location");
    }
    std::string path = location->second;
    if (path.starts_with("http")) path = path.substr(path.find('/', path.find("://") + 3));
    return path;
  }

  // How far the server has it; nullopt where it does not know the upload (any more).
  [[nodiscard]] Result<std::optional<std::int64_t>> Offset(const std::string& path) {
    ASSIGN_OR_RETURN(
        const Client::Reply reply,
        server_.SendRaw({.method = "HEAD", .path = path, .headers = {{"Tus-Resumable", "1.0.0"}}}));
    if (reply.status == 404 || reply.status == 410 || reply.status == 403) return std::nullopt;
    if (reply.status >= 400) return std::unexpected(ErrorOfReply(reply.status, "", ""));
    return IntegerHeader(reply, "upload-offset");
  }

  [[nodiscard]] Status SendFrom(const std::string& path, std::int64_t offset) {
    int tries = 0;
    while (offset < length_) {
      auto sent = SendChunk(path, offset);
      if (sent) {
        offset = *sent;
        tries = 0;
        continue;
      }
      const ErrorCode code = sent.error().code;
      const bool again = code == ErrorCode::kUnavailable || code == ErrorCode::kTimeout ||
                         code == ErrorCode::kConflict || code == ErrorCode::kResourceExhausted;
      if (!again || ++tries > kMaxTries) return std::unexpected(sent.error());
      SleepMs(std::int64_t{100} << std::min(tries, 6));
      const auto there = Offset(path);
      if (there && *there) {
        if (**there > offset) tries = 0;
        offset = **there;
      } else if (there) {
        return std::unexpected(sent.error());
      }
    }
    line_.Clear();
    return {};
  }

 private:
  Result<std::int64_t> SendChunk(const std::string& path, std::int64_t offset) {
    Client::Request request{.method = "PATCH",
                            .path = path,
                            .headers = {{"Tus-Resumable", "1.0.0"},
                                        {"Content-Type", "application/offset+octet-stream"},
                                        {"Upload-Offset", std::to_string(offset)}}};
    request.body.resize(
        static_cast<std::size_t>(std::min<std::int64_t>(kChunkBytes, length_ - offset)));
    std::size_t filled = 0;
    while (filled < request.body.size()) {
      const ssize_t got = pread(file_, request.body.data() + filled, request.body.size() - filled,
                                static_cast<off_t>(offset + static_cast<std::int64_t>(filled)));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return std::unexpected(SystemError(errno, "read", "file"));
      if (got == 0) {
        return Fail(ErrorCode::kUnprocessable, "the file became shorter while it was uploaded");
      }
      filled += static_cast<std::size_t>(got);
    }
    request.on_sent = [&](std::int64_t sent) {
      if (context_.json() && !TerminalWidth(STDERR_FILENO)) return;
      line_.Update(
          {.fraction = length_ == 0
                           ? 1.0
                           : static_cast<double>(offset + sent) / static_cast<double>(length_),
           .step = context_.Text(Msg("uploading {} of {}", Bytes(offset + sent), Bytes(length_)))});
    };
    ASSIGN_OR_RETURN(const Client::Reply reply, server_.Send(request));
    const auto now = IntegerHeader(reply, "upload-offset");
    if (!now || *now <= offset) {
      return Fail(ErrorCode::kUnavailable, "{} does not answer like an AI Mass server: {}",
                  server_.url(), "no Upload-Offset");
    }
    return *now;
  }

  Context& context_;
  Client& server_;
  int file_;
  std::int64_t length_;
  ProgressLine line_;
};

}  // namespace

Result<std::string> UploadFile(Context& context, const std::string& path, const std::string& name) {
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat state{};
  if (!file.valid() || fstat(file.get(), &state) != 0)
    return std::unexpected(SystemError(errno, "read", path));
  Tus tus(context, *server, file.get(), state.st_size);

  const fs::path memo = MemoOf(*server, path, state);
  std::string address;
  std::int64_t offset = 0;
  if (const auto remembered = ReadFile(memo, 4096); remembered && remembered->starts_with('/')) {
    ASSIGN_OR_RETURN(const auto there, tus.Offset(*remembered));
    if (there && *there < state.st_size) {
      address = *remembered;
      offset = *there;
      if (!context.json())
        context.Note(Msg("Going on with an earlier upload at {}", Bytes(offset)));
    }
  }
  if (address.empty()) {
    ASSIGN_OR_RETURN(address, tus.Create(name));
    // Only a convenience: without the memo, the next run starts from the beginning.
    std::error_code ignored;
    fs::create_directories(memo.parent_path(), ignored);
    [[maybe_unused]] const Status kept = WriteFileAtomic(memo, address, 0600);
  }
  RETURN_IF_ERROR(tus.SendFrom(address, offset));
  std::error_code ignored;
  fs::remove(memo, ignored);
  return address.substr(address.rfind('/') + 1);
}

Result<Json> SourceOf(Context& context, const std::string& place) {
  if (place.starts_with("http://") || place.starts_with("https://")) return Json{{"url", place}};
  if (place == "-") {
    if (isatty(STDIN_FILENO) != 0) context.Note(Msg("Reading standard input; end it with Ctrl-D"));
    Spool spool;
    RETURN_IF_ERROR(spool.Fill(STDIN_FILENO));
    ASSIGN_OR_RETURN(const std::string id, UploadFile(context, spool.path(), "stdin"));
    return Json{{"upload", id}};
  }
  std::error_code error;
  const fs::path path = fs::absolute(place, error);
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    return Fail(ErrorCode::kNotFound, "there is no file or folder '{}'", place);
  }
  ASSIGN_OR_RETURN([[maybe_unused]] Client* const server, context.Server());
  if (context.connection().same_machine()) return Json{{"path", path.lexically_normal().string()}};
  if (fs::is_directory(status)) {
    return WithHint(
        Fail(ErrorCode::kInvalidArgument, "'{}' is a folder; a far server takes files only", place),
        Msg("import its files one by one with --append, or pack them into a .zip"));
  }
  if (!fs::is_regular_file(status)) {  // a pipe: <(command)
    const FileDescriptor pipe(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!pipe.valid()) return std::unexpected(SystemError(errno, "read", path));
    Spool spool;
    RETURN_IF_ERROR(spool.Fill(pipe.get()));
    ASSIGN_OR_RETURN(const std::string id,
                     UploadFile(context, spool.path(), path.filename().string()));
    return Json{{"upload", id}};
  }
  ASSIGN_OR_RETURN(const std::string id,
                   UploadFile(context, path.string(), path.filename().string()));
  return Json{{"upload", id}};
}

}  // namespace aimass::cli
