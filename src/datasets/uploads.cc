#include "datasets/uploads.h"

#include <fcntl.h>
#include <simdjson.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <vector>

#include "base/base64.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/json.h"

namespace aimass {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kLifeMs = 24 * 3'600'000;
constexpr std::size_t kMaxMetadata = 4096;
constexpr std::size_t kCopyBlock = std::size_t{1} << 20;

// Appends the file `from` to `to`, synced. On an error `to` is cut back to `offset`.
Status AppendFile(const std::string& from, int to, const std::string& to_path,
                  std::int64_t offset) {
  const FileDescriptor source(open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!source.valid()) return std::unexpected(SystemError(errno, "open", from));
  const auto fail = [&](const char* action) {
    const int error = errno;
    if (ftruncate(to, offset) != 0)
      return Status(std::unexpected(SystemError(errno, "cut", to_path)));
    return Status(std::unexpected(SystemError(error, action, to_path)));
  };
  // Bytes behind the offset come from a piece whose end was never acknowledged.
  if (ftruncate(to, offset) != 0) return std::unexpected(SystemError(errno, "cut", to_path));
  if (lseek(to, offset, SEEK_SET) < 0) return fail("seek in");
  std::vector<char> block(kCopyBlock);
  for (;;) {
    const ssize_t got = read(source.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail("read");
    if (got == 0) break;
    for (ssize_t done = 0; done < got;) {
      const ssize_t written = write(to, block.data() + done, static_cast<std::size_t>(got - done));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return fail("write");
      done += written;
    }
  }
  if (fdatasync(to) != 0) return fail("sync");
  return {};
}

// The bytes of an upload, for whoever changes it; the lock ends with the descriptor.
Result<FileDescriptor> Lock(const Upload& upload) {
  FileDescriptor file(open(upload.path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid()) return std::unexpected(SystemError(errno, "open", upload.path));
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    return Fail(ErrorCode::kConflict, "another piece of upload '{}' is being written", upload.id);
  }
  return file;
}

Json Describe(const Upload& upload) {
  return Json{{"format", 1},
              {"name", upload.name},
              {"metadata", upload.metadata},
              {"length", upload.length ? Json(*upload.length) : Json(nullptr)},
              {"offset", upload.offset},
              {"expires_ms", upload.expires_ms}};
}

Status CheckLength(std::int64_t length) {
  if (length >= 0 && length <= UploadStore::kMaxBytes) return {};
  return Fail(ErrorCode::kPayloadTooLarge, "an upload has 0 to {} bytes, this one says {}",
              UploadStore::kMaxBytes, length);
}

}  // namespace

Result<std::map<std::string, std::string>> ParseUploadMetadata(std::string_view text) {
  std::map<std::string, std::string> pairs;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    std::string_view pair = text.substr(0, comma);
    text = comma == std::string_view::npos ? "" : text.substr(comma + 1);
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    const std::size_t space = pair.find(' ');
    const std::string_view key = pair.substr(0, space);
    const auto value = space == std::string_view::npos ? "" : FromBase64(pair.substr(space + 1));
    const auto is_text = [](std::string_view text) {
      return simdjson::validate_utf8(text.data(), text.size());
    };
    if (key.empty() || !is_text(key) || !value || !pairs.emplace(key, *value).second) {
      return Fail(ErrorCode::kInvalidArgument,
                  "Upload-Metadata is `key base64,key base64` with different keys, found '{}'",
                  is_text(pair) ? pair : std::string_view("?"));
    }
    if (!is_text(*value)) {
      return Fail(ErrorCode::kInvalidArgument, "Upload-Metadata: the value of '{}' is not UTF-8",
                  key);
    }
  }
  return pairs;
}

UploadStore::UploadStore(std::string data_folder) : data_folder_(std::move(data_folder)) {}

std::string UploadStore::Folder(const Caller& caller) const {
  return data_folder_ + "/workspaces/" + caller.workspace + "/uploads";
}

Status UploadStore::Save(const Caller& caller, const Upload& upload) const {
  return WriteFileAtomic(Folder(caller) + "/" + upload.id + ".json", Describe(upload).dump(), 0600);
}

Result<Upload> UploadStore::Create(const Caller& caller, std::optional<std::int64_t> length,
                                   std::string_view metadata) {
  if (length) RETURN_IF_ERROR(CheckLength(*length));
  if (metadata.size() > kMaxMetadata) {
    return Fail(ErrorCode::kInvalidArgument, "Upload-Metadata has at most {} bytes, found {}",
                kMaxMetadata, metadata.size());
  }
  ASSIGN_OR_RETURN(const auto pairs, ParseUploadMetadata(metadata));
  Upload upload;
  upload.id = NewId();
  upload.path = Folder(caller) + "/" + upload.id + ".part";
  // Senders say "filename" (tus's own clients) or "name"; only the last part of a path counts.
  for (const char* key : {"filename", "name"}) {
    const auto found = pairs.find(key);
    if (found != pairs.end() && upload.name.empty())
      upload.name = fs::path(found->second).filename().string();
  }
  upload.metadata = metadata;
  upload.length = length;
  upload.expires_ms = NowUnixMs() + kLifeMs;
  RETURN_IF_ERROR(MakeFolder(Folder(caller)));
  RETURN_IF_ERROR(CreateFileAtomic(upload.path, "", 0600));
  RETURN_IF_ERROR(Save(caller, upload));
  return upload;
}

Result<Upload> UploadStore::Get(const Caller& caller, std::string_view id) const {
  const auto missing = [id] {
    return Fail(ErrorCode::kNotFound, "no upload '{}'; it may have expired", id);
  };
  if (!IsId(id)) return missing();
  Upload upload;
  upload.id = id;
  upload.path = fmt::format("{}/{}.part", Folder(caller), id);
  const auto text = ReadFile(fmt::format("{}/{}.json", Folder(caller), id), 1 << 16);
  if (!text) return missing();
  ASSIGN_OR_RETURN(const Json json, ParseJson(*text));
  ASSIGN_OR_RETURN(upload.name, GetString(json, "name"));
  ASSIGN_OR_RETURN(upload.metadata, GetString(json, "metadata"));
  ASSIGN_OR_RETURN(upload.offset, GetInteger(json, "offset"));
  ASSIGN_OR_RETURN(upload.expires_ms, GetInteger(json, "expires_ms"));
  ASSIGN_OR_RETURN(const std::int64_t length, GetInteger(json, "length", -1));
  if (length >= 0) upload.length = length;
  if (upload.expires_ms < NowUnixMs()) return missing();
  return upload;
}

Result<Upload> UploadStore::Append(const Caller& caller, std::string_view id, std::int64_t offset,
                                   std::optional<std::int64_t> length, const std::string& piece) {
  ASSIGN_OR_RETURN(Upload upload, Get(caller, id));
  ASSIGN_OR_RETURN(const FileDescriptor file, Lock(upload));
  ASSIGN_OR_RETURN(upload, Get(caller, id));  // as it stands now that it is ours
  if (offset != upload.offset) {
    return Fail(ErrorCode::kConflict, "upload '{}' stands at byte {}, this piece begins at {}", id,
                upload.offset, offset);
  }
  if (length) {
    if (upload.length && *upload.length != *length) {
      return Fail(ErrorCode::kConflict, "upload '{}' has {} bytes, this piece says {}", id,
                  *upload.length, *length);
    }
    RETURN_IF_ERROR(CheckLength(*length));
    upload.length = length;
  }
  std::error_code error;
  const auto bytes = static_cast<std::int64_t>(fs::file_size(piece, error));
  if (error) return std::unexpected(SystemError(error.value(), "read", piece));
  const std::int64_t end = upload.offset + bytes;
  if (end > upload.length.value_or(kMaxBytes)) {
    return Fail(ErrorCode::kPayloadTooLarge, "upload '{}' has {} bytes, this piece would end at {}",
                id, upload.length.value_or(kMaxBytes), end);
  }
  RETURN_IF_ERROR(AppendFile(piece, file.get(), upload.path, upload.offset));
  upload.offset = end;
  upload.expires_ms = NowUnixMs() + kLifeMs;
  RETURN_IF_ERROR(Save(caller, upload));
  return upload;
}

Status UploadStore::Delete(const Caller& caller, std::string_view id) {
  ASSIGN_OR_RETURN(const Upload upload, Get(caller, id));
  ASSIGN_OR_RETURN(const FileDescriptor file, Lock(upload));  // a piece would describe it anew
  std::error_code error;
  fs::remove(fmt::format("{}/{}.json", Folder(caller), id), error);
  if (error) return std::unexpected(SystemError(error.value(), "delete", upload.path));
  fs::remove(upload.path, error);
  if (error) return std::unexpected(SystemError(error.value(), "delete", upload.path));
  return {};
}

Result<std::int64_t> UploadStore::DeleteExpired() {
  std::int64_t deleted = 0;
  std::error_code error;
  for (const auto& workspace : fs::directory_iterator(data_folder_ + "/workspaces", error)) {
    Caller caller;
    caller.workspace = workspace.path().filename();
    std::vector<fs::path> parts;
    for (const auto& entry : fs::directory_iterator(Folder(caller), error)) {
      if (entry.path().extension() == ".part") parts.push_back(entry.path());
    }
    for (const fs::path& part : parts) {
      if (Get(caller, part.stem().string())) continue;
      // A part whose description was never written is younger than this only while it is being
      // made.
      const auto age = fs::file_time_type::clock::now() - fs::last_write_time(part, error);
      if (error || age < std::chrono::minutes(10)) continue;
      fs::remove(fs::path(part).replace_extension(".json"), error);
      if (fs::remove(part, error)) ++deleted;
    }
  }
  return deleted;
}

}  // namespace aimass
