#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace aimass {

/// The folder that holds everything: layout and format are in docs/formats/data-folder.md.
///
/// While the object lives, its process holds the folder: a second Open(), here or elsewhere, fails.
/// Threads  any, read-only after Open().
class DataFolder {
 public:
  static constexpr int kFormat = 1;

  /// Creates what is missing and takes the lock. A folder that becomes a data folder is closed to
  /// other users (0700); the mode of an older one stays as it is.
  /// Errors   kConflict: another process holds it (the message names its pid); kPermissionDenied:
  /// cannot be
  ///          written; kInvalidArgument: is a file, or a folder with other things in it;
  ///          kUnsupported: was written by a newer release.
  [[nodiscard]] static Result<DataFolder> Open(const std::string& path);

  [[nodiscard]] const std::string& path() const { return path_; }  // absolute
  [[nodiscard]] std::string DatabaseUrl() const;                   // the embedded SQLite
  [[nodiscard]] std::string WorkspaceFolder(std::string_view workspace) const;  // workspaces/<id>
  [[nodiscard]] std::string JobsFolder() const { return path_ + "/jobs"; }
  [[nodiscard]] std::string TempFolder() const { return path_ + "/tmp"; }  // emptied at Open()

 private:
  DataFolder(std::string path, FileDescriptor lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  FileDescriptor lock_;
};

/// The pid of the process that holds the data folder, 0 where none does. Takes no lock.
[[nodiscard]] std::int64_t DataFolderHolder(const std::string& path);

/// A lock between the one who deletes files that metadata referenced and the one who takes a
/// backup. Held by a backup while it makes its snapshot of metadata and files (seconds), and by
/// every deletion.
class DeletionGate {
 public:
  /// Waits up to `timeout_ms`. Errors: kUnavailable. Threads, processes: any.
  [[nodiscard]] static Result<DeletionGate> Enter(const std::string& data_folder,
                                                  std::int64_t timeout_ms = 60'000);

 private:
  explicit DeletionGate(FileDescriptor lock) : lock_(std::move(lock)) {}
  FileDescriptor lock_;
};

/// Deletes files or whole folders inside the data folder, never between a backup's metadata and its
/// files. What does not exist is no error. Call it after the transaction that removed the
/// references. A symbolic link goes, what it points to stays.
/// Errors   kInvalidArgument for a path outside of the data folder, or that a link on its way leads
///          to another place inside it; kUnavailable; kPermissionDenied.
[[nodiscard]] Status DeleteFiles(const std::string& data_folder,
                                 const std::vector<std::string>& paths);

}  // namespace aimass
