// https://github.com/apache/parquet-format, src/main/thrift/parquet.thrift: the numbers of fields.
#include "datasets/parquet/join.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <string_view>

#include "base/file.h"
#include "datasets/parquet/thrift.h"

namespace aimass {
namespace {
namespace fs = std::filesystem;

using thrift::Value;

constexpr std::string_view kMagic = "PAR1";
constexpr std::int64_t kMaxFooterBytes = std::int64_t{1} << 30;
constexpr std::size_t kCopyBytes = std::size_t{16} << 20;

// FileMetaData
constexpr std::int16_t kSchema = 2;
constexpr std::int16_t kFileRows = 3;
constexpr std::int16_t kRowGroups = 4;
// RowGroup
constexpr std::int16_t kColumns = 1;
constexpr std::int16_t kRowGroupOffset = 5;
constexpr std::int16_t kOrdinal = 7;
// ColumnChunk
constexpr std::int16_t kMetaData = 3;
constexpr std::array<std::int16_t, 3> kChunkOffsets{2, 4, 6};  // file, offset index, column index
// ColumnMetaData: data page, index page, dictionary page, bloom filter
constexpr std::array<std::int16_t, 4> kPageOffsets{9, 10, 11, 14};

struct Part {
  FileDescriptor file;
  std::int64_t data_bytes = 0;  // behind the first four bytes, up to the footer
  Value footer;
};

Status ReadAt(const FileDescriptor& file, std::int64_t offset, std::string* into,
              const std::string& path) {
  std::size_t done = 0;
  while (done < into->size()) {
    const ssize_t got = pread(file.get(), into->data() + done, into->size() - done,
                              offset + static_cast<std::int64_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(SystemError(errno, "read", path));
    if (got == 0) return Fail(ErrorCode::kUnprocessable, "'{}' is not a whole Parquet file", path);
    done += static_cast<std::size_t>(got);
  }
  return {};
}

Result<Part> Open(const std::string& path) {
  Part part{.file = FileDescriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC)), .footer = {}};
  struct stat info{};
  if (!part.file.valid() || fstat(part.file.get(), &info) != 0)
    return std::unexpected(SystemError(errno, "open", path));
  const auto broken = [&path] {
    return Fail(ErrorCode::kUnprocessable, "'{}' is not a whole Parquet file", path);
  };
  if (info.st_size < 12) return broken();
  std::string tail(8, '\0');
  RETURN_IF_ERROR(ReadAt(part.file, info.st_size - 8, &tail, path));
  std::int64_t footer_bytes = 0;
  for (int i = 3; i >= 0; --i)
    footer_bytes =
        footer_bytes * 256 + static_cast<unsigned char>(tail[static_cast<std::size_t>(i)]);
  part.data_bytes = info.st_size - 12 - footer_bytes;
  if (tail.substr(4) != kMagic || footer_bytes > kMaxFooterBytes || part.data_bytes < 0)
    return broken();
  std::string footer(static_cast<std::size_t>(footer_bytes), '\0');
  RETURN_IF_ERROR(ReadAt(part.file, 4 + part.data_bytes, &footer, path));
  ASSIGN_OR_RETURN(part.footer, thrift::ParseStruct(footer));
  Value* const rows = part.footer.Find(kFileRows);
  Value* const groups = part.footer.Find(kRowGroups);
  if (part.footer.Find(kSchema) == nullptr || rows == nullptr || groups == nullptr ||
      groups->kind != Value::Kind::kList) {
    return broken();
  }
  return part;
}

void Shift(Value& at, std::int16_t id, std::int64_t by) {
  Value* const offset = at.Find(id);
  if (offset != nullptr && offset->integer > 0) offset->integer += by;  // 0: not told
}

void Move(Value& group, std::int64_t by) {
  Shift(group, kRowGroupOffset, by);
  Value* const columns = group.Find(kColumns);
  if (columns == nullptr) return;
  for (Value& chunk : columns->items) {
    for (const std::int16_t id : kChunkOffsets) Shift(chunk, id, by);
    Value* const meta = chunk.Find(kMetaData);
    if (meta == nullptr) continue;
    for (const std::int16_t id : kPageOffsets) Shift(*meta, id, by);
  }
}

Status WriteAll(const FileDescriptor& file, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return std::unexpected(SystemError(errno, "write", path));
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

// `bytes` bytes behind the first four of `part`; in the kernel where both file systems allow it.
Status Copy(const Part& part, const FileDescriptor& out, const std::string& path,
            const std::string& target, const CancelToken& cancel) {
  std::int64_t at = 4;
  const std::int64_t end = at + part.data_bytes;
  bool in_kernel = true;
  while (at < end) {
    RETURN_IF_ERROR(cancel.Check());
    const auto count = static_cast<std::size_t>(
        std::min<std::int64_t>(end - at, static_cast<std::int64_t>(kCopyBytes)));
    if (in_kernel) {
      off_t from = at;
      const ssize_t copied = copy_file_range(part.file.get(), &from, out.get(), nullptr, count, 0);
      if (copied > 0) {
        at += copied;
        continue;
      }
      if (copied < 0 && errno == EINTR) continue;
      if (copied < 0 && errno == ENOSPC)
        return std::unexpected(SystemError(errno, "write", target));
      in_kernel = false;
    }
    std::string block(count, '\0');
    RETURN_IF_ERROR(ReadAt(part.file, at, &block, path));
    RETURN_IF_ERROR(WriteAll(out, block, target));
    at += static_cast<std::int64_t>(count);
  }
  return {};
}

Result<std::int64_t> WriteJoined(const std::vector<std::string>& parts, const FileDescriptor& out,
                                 const std::string& target, const CancelToken& cancel) {
  RETURN_IF_ERROR(WriteAll(out, kMagic, target));
  std::int64_t at = 4;
  std::int64_t rows = 0;
  Value footer;
  std::string schema;
  std::vector<Value> groups;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    ASSIGN_OR_RETURN(Part part, Open(parts[i]));
    const std::string its = thrift::Serialise(*part.footer.Find(kSchema));
    if (i > 0 && its != schema) {
      return Fail(ErrorCode::kUnprocessable, "'{}' has other columns than '{}'", parts[i],
                  parts.front());
    }
    RETURN_IF_ERROR(Copy(part, out, parts[i], target, cancel));
    rows += part.footer.Find(kFileRows)->integer;
    for (Value& group : part.footer.Find(kRowGroups)->items) {
      Move(group, at - 4);
      // Sixteen bits, and optional: better none than a wrong one.
      std::erase_if(group.fields, [](const auto& field) { return field.first == kOrdinal; });
      groups.push_back(std::move(group));
    }
    at += part.data_bytes;
    if (i == 0) {
      schema = its;
      footer = std::move(part.footer);
    }
  }
  footer.Find(kFileRows)->integer = rows;
  footer.Find(kRowGroups)->items = std::move(groups);
  std::string end = thrift::Serialise(footer);
  const std::size_t size = end.size();
  for (unsigned shift = 0; shift < 32; shift += 8)
    end += static_cast<char>((size >> shift) & 0xffU);
  end += kMagic;
  RETURN_IF_ERROR(WriteAll(out, end, target));
  if (fsync(out.get()) != 0) return std::unexpected(SystemError(errno, "sync", target));
  return rows;
}

}  // namespace

Result<std::int64_t> JoinParquet(const std::vector<std::string>& parts, const std::string& target,
                                 const CancelToken& cancel) {
  if (parts.empty()) return Fail(ErrorCode::kInvalidArgument, "there are no Parquet files to join");
  const std::string temporary = target + ".part";
  Result<std::int64_t> rows = 0;
  {
    const FileDescriptor out(
        open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!out.valid()) return std::unexpected(SystemError(errno, "create", temporary));
    rows = WriteJoined(parts, out, target, cancel);
  }
  std::error_code error;
  if (rows) fs::rename(temporary, target, error);
  if (error) rows = std::unexpected(SystemError(error.value(), "rename", target));
  if (!rows) {
    fs::remove(temporary, error);
    return rows;
  }
  RETURN_IF_ERROR(SyncPath(fs::path(target).parent_path()));
  return rows;
}

}  // namespace aimass
