#include "api/local_file.h"

#include "store/user_path.h"

namespace aimass {

Status MayNamePaths(const http::Request& request) {
  if (request.from_loopback && request.caller.role == "admin") return {};
  return WithHint(
      Fail(ErrorCode::kPermissionDenied,
           "a path of the server's machine may be read by an administrator on that machine only"),
      Msg("upload the file to /api/v1/uploads instead"));
}

Result<std::string> LocalFile(const http::Request& request, const std::string& path,
                              const std::string& data_folder) {
  RETURN_IF_ERROR(MayNamePaths(request));
  ASSIGN_OR_RETURN(const std::filesystem::path real, UserPath(path, data_folder));
  std::error_code error;
  if (!std::filesystem::is_regular_file(real, error))
    return Fail(ErrorCode::kUnprocessable, "there is no file '{}' on the server's machine", path);
  return real.string();
}

}  // namespace aimass
