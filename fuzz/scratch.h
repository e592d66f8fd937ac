#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace aimass::fuzz {

[[nodiscard]] inline std::string_view Text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// A file in memory with that content, for readers that want a path.
class MemoryFile {
 public:
  MemoryFile(std::string_view name, std::string_view content)
      : fd_(memfd_create(std::string(name).c_str(), MFD_CLOEXEC)) {
    while (!content.empty()) {
      const ssize_t written = write(fd_, content.data(), content.size());
      if (written <= 0) abort();
      content.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { close(fd_); }
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

}  // namespace aimass::fuzz
