#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace aimass {

/// The bytes of a file, read through the page cache. Movable; the view dies with it.
class MappedFile {
 public:
  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  [[nodiscard]] static Result<MappedFile> Open(const std::string& path);
  [[nodiscard]] std::string_view bytes() const { return {data_, size_}; }

 private:
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace aimass
