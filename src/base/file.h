#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"

namespace aimass {

/// A POSIX file descriptor that closes itself.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.Release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor() { Reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  int Release();
  void Reset();

 private:
  int fd_ = -1;
};

/// The whole content. Errors: kNotFound, kPermissionDenied, kPayloadTooLarge over `max_bytes`.
[[nodiscard]] Result<std::string> ReadFile(const std::filesystem::path& path,
                                           std::size_t max_bytes = std::size_t{1} << 30);

/// Replaces `path` atomically: temporary file beside it, fsync, rename, fsync of the folder.
/// After success the content survives a power cut; after an error the old content is untouched.
/// Errors   kStorageFull, kPermissionDenied, kInternal.
[[nodiscard]] Status WriteFileAtomic(const std::filesystem::path& path, std::string_view content,
                                     int mode = 0644);

/// The same, but only where `path` does not exist yet: exactly one of several writers wins.
/// Errors   kConflict when it exists.
[[nodiscard]] Status CreateFileAtomic(const std::filesystem::path& path, std::string_view content,
                                      int mode = 0644);

/// fsync of a file or a folder that something else wrote.
[[nodiscard]] Status SyncPath(const std::filesystem::path& path);

/// Creates the folder and its parents, durably. Errors as above.
[[nodiscard]] Status MakeFolder(const std::filesystem::path& path);

/// The Error for a failed system call on `path`: names the path, what was tried and the system's
/// words.
[[nodiscard]] Error SystemError(int error_number, std::string_view action,
                                const std::filesystem::path& path);

/// Lower-case hex SHA-256 of a text, or of a file read in blocks.
[[nodiscard]] std::string Sha256(std::string_view content);
[[nodiscard]] Result<std::string> Sha256File(const std::filesystem::path& path);

}  // namespace aimass
