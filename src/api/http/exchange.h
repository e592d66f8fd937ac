#pragma once

// Internal to the connection*.cc.

#include <filesystem>
#include <memory>
#include <string>

#include "api/http/connection.h"
#include "base/file.h"

namespace aimass::http {

inline constexpr std::size_t kReadBlock = 64u << 10;  // of one read from the socket
inline constexpr std::size_t kSpoolBlock = 1u << 20;  // of a body that goes to or comes from a file

/// A temporary file of one request; gone with it, unless the handler moved it away.
struct TempFile {
  TempFile() = default;
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;
  ~TempFile() {
    std::error_code ignored;
    if (!path.empty()) std::filesystem::remove(path, ignored);
  }
  std::string path;
  FileDescriptor file;
};

/// One request and its answer.
struct Connection::Exchange {
  Plan plan;
  int version = 11;
  bool keep_alive = true;
  bool body_unread = false;
  int status = 0;
  std::unique_ptr<Decoder> decoder;
  TempFile spool;
  std::size_t body_bytes = 0;  // decoded
};

}  // namespace aimass::http
