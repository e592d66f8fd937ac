// libarchive 3.6: gzip, zstd, xz, bzip2 streams; zip and tar archives.
#include "native/archive/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>

#include "base/file.h"

namespace aimass::archive {
namespace {
namespace fs = std::filesystem;

using Reader = std::unique_ptr<struct ::archive, decltype(&archive_read_free)>;

std::string Words(struct ::archive* reader) {
  const char* const text = archive_error_string(reader);
  return text == nullptr ? "" : text;
}

std::unexpected<Error> Damaged(const std::string& name, struct ::archive* reader) {
  return WithHint(Fail(ErrorCode::kUnprocessable, "'{}' cannot be unpacked, it is damaged: {}",
                       name, Words(reader)),
                  Msg("it may have been cut off on its way; copy or download it again"));
}

Reader NewReader() {
  Reader reader(archive_read_new(), &archive_read_free);
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_bzip2(reader.get());
  archive_read_support_filter_xz(reader.get());
  archive_read_support_filter_zstd(reader.get());
  archive_read_support_format_zip(reader.get());
  archive_read_support_format_tar(reader.get());
  archive_read_support_format_raw(reader.get());
  archive_read_support_format_empty(reader.get());
  return reader;
}

struct Work {
  const std::string& name;
  const Limits& limits;
  const CancelToken& cancel;
  const std::function<void(double)>& progress;
  std::int64_t packed_bytes = 0;
  std::int64_t total = 0;
};

Status WriteBlock(int fd, const char* data, std::size_t size, const fs::path& path) {
  while (size > 0) {
    const ssize_t written = write(fd, data, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return std::unexpected(SystemError(errno, "write", path));
    data += written;
    size -= static_cast<std::size_t>(written);
  }
  return {};
}

Result<Member> UnpackMember(struct ::archive* reader, const std::string& name,
                            const fs::path& target, Work& work) {
  const FileDescriptor fd(open(target.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.valid()) return std::unexpected(SystemError(errno, "create", target));
  Member member{.name = name, .path = target.string()};
  for (;;) {
    RETURN_IF_ERROR(work.cancel.Check());
    const void* block = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    const int status = archive_read_data_block(reader, &block, &size, &offset);
    if (status == ARCHIVE_EOF) return member;
    if (status < ARCHIVE_WARN) {
      return Damaged(work.name, reader);
    }
    // A member with holes is written as what it stands for: zeros.
    if (offset > member.bytes) {
      const la_int64_t hole = offset - member.bytes;
      if (lseek(fd.get(), hole, SEEK_CUR) < 0)
        return std::unexpected(SystemError(errno, "write", target));
      member.bytes += hole;
      work.total += hole;
    }
    work.total += static_cast<std::int64_t>(size);
    if (work.total > work.limits.max_bytes) {
      return Fail(ErrorCode::kPayloadTooLarge,
                  "'{}' unpacks to more than the {} bytes that are allowed", work.name,
                  work.limits.max_bytes);
    }
    if (work.total > work.limits.ratio_from_bytes &&
        work.total / std::max<std::int64_t>(work.packed_bytes, 1) > work.limits.max_ratio) {
      return Fail(ErrorCode::kPayloadTooLarge,
                  "'{}' unpacks to more than {} times its size, which looks like an attack",
                  work.name, work.limits.max_ratio);
    }
    RETURN_IF_ERROR(WriteBlock(fd.get(), static_cast<const char*>(block), size, target));
    member.bytes += static_cast<std::int64_t>(size);
    if (work.progress && work.packed_bytes > 0) {
      work.progress(static_cast<double>(archive_filter_bytes(reader, -1)) /
                    static_cast<double>(work.packed_bytes));
    }
  }
}

}  // namespace

Packing Detect(std::string_view bytes) {
  if (bytes.starts_with("\x1f\x8b")) return Packing::kGzip;
  if (bytes.starts_with("\x28\xb5\x2f\xfd")) return Packing::kZstd;
  if (bytes.starts_with(std::string_view("\xfd"
                                         "7zXZ\0",
                                         6))) {
    return Packing::kXz;
  }
  if (bytes.starts_with("BZh") && bytes.size() > 4 && bytes[3] >= '1' && bytes[3] <= '9' &&
      bytes.substr(4).starts_with("1AY&SY")) {
    return Packing::kBzip2;
  }
  if (bytes.starts_with("PK\x03\x04") || bytes.starts_with("PK\x05\x06")) return Packing::kZip;
  if (bytes.size() >= 262 && bytes.substr(257, 5) == "ustar") return Packing::kTar;
  return Packing::kNone;
}

Result<std::vector<Member>> Unpack(const std::string& path, const std::string& folder,
                                   const Limits& limits, const CancelToken& cancel,
                                   const std::function<void(double)>& progress,
                                   const std::string& shown) {
  RETURN_IF_ERROR(MakeFolder(folder));
  const std::string& known = shown.empty() ? path : shown;
  Work work{.name = known, .limits = limits, .cancel = cancel, .progress = progress};
  std::error_code ignored;
  work.packed_bytes = static_cast<std::int64_t>(fs::file_size(path, ignored));
  const Reader reader = NewReader();
  if (archive_read_open_filename(reader.get(), path.c_str(), std::size_t{1} << 18) != ARCHIVE_OK) {
    return Damaged(known, reader.get());
  }
  std::vector<Member> members;
  const auto discard = [&members, &folder](Error error) {
    std::error_code gone;
    for (std::size_t i = 0; i <= members.size(); ++i) {
      fs::remove(fs::path(folder) / fmt::format("member-{:05}", i), gone);
    }
    return std::unexpected(std::move(error));
  };
  for (;;) {
    struct archive_entry* entry = nullptr;
    const int status = archive_read_next_header(reader.get(), &entry);
    if (status == ARCHIVE_EOF) break;
    if (status < ARCHIVE_WARN) {
      return discard(Damaged(known, reader.get()).error());
    }
    if (archive_entry_filetype(entry) != AE_IFREG) continue;  // folders, links, devices
    const bool stream = archive_format(reader.get()) == ARCHIVE_FORMAT_RAW;
    const char* name = archive_entry_pathname_utf8(entry);
    if (name == nullptr) name = archive_entry_pathname(entry);
    if (static_cast<int>(members.size()) >= limits.max_members) {
      return discard(Fail(ErrorCode::kPayloadTooLarge,
                          "'{}' has more than the {} members that are allowed", known,
                          limits.max_members)
                         .error());
    }
    const fs::path target = fs::path(folder) / fmt::format("member-{:05}", members.size());
    auto member = UnpackMember(reader.get(), stream || name == nullptr ? "" : name, target, work);
    if (!member) return discard(std::move(member).error());
    members.push_back(std::move(*member));
  }
  return members;
}

bool ZipHas(const std::string& path, const std::string& name) {
  const Reader reader(archive_read_new(), &archive_read_free);
  archive_read_support_format_zip(reader.get());
  if (archive_read_open_filename(reader.get(), path.c_str(), std::size_t{1} << 16) != ARCHIVE_OK)
    return false;
  struct archive_entry* entry = nullptr;
  while (archive_read_next_header(reader.get(), &entry) == ARCHIVE_OK) {
    const char* const found = archive_entry_pathname(entry);
    if (found != nullptr && name == found) return true;
  }
  return false;
}

}  // namespace aimass::archive
