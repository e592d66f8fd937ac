#include "store/user_path.h"

#include <algorithm>

namespace aimass {
namespace fs = std::filesystem;
namespace {

// `path` is `folder` or below it; both with links followed.
bool IsWithin(const fs::path& path, const fs::path& folder) {
  const auto [end, ignored] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return end == folder.end();
}

}  // namespace

Result<fs::path> UserPath(const std::string& path, const std::string& data_folder) {
  if (!fs::path(path).is_absolute())
    return Fail(ErrorCode::kUnprocessable, "a path must be absolute, got '{}'", path);
  std::error_code error;
  fs::path real = path.find('\0') == std::string::npos ? fs::canonical(path, error) : fs::path();
  if (error || real.empty())
    return Fail(ErrorCode::kNotFound, "there is no file or folder '{}'", path);
  const fs::path own = fs::canonical(data_folder, error);
  if (IsWithin(real, own) || IsWithin(own, real))
    return Fail(ErrorCode::kPermissionDenied, "'{}' is in the data folder itself", path);
  return real;
}

}  // namespace aimass
