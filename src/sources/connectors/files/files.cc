// Files: a folder of the server's machine, or addresses below one http(s) address.
#include "sources/files.h"

#include <array>
#include <memory>

#include "sources/connectors/files/folder.h"
#include "sources/connectors/files/web.h"

namespace aimass::connectors::files {
namespace {

constexpr std::array kFields = {
    Field{
        .name = "folder",
        .label = {"Folder on the server's machine (or address)", "服务器上的文件夹（或 address）"}},
    Field{.name = "address",
          .label = {"http(s) address that tables are relative to (or folder)",
                    "表名所相对的 http(s) 地址（或 folder）"}},
    Field{.name = "user", .label = {"User, for address", "用户（用于 address）"}},
    Field{.name = "password",
          .label = {"Password, for address", "密码（用于 address）"},
          .kind = FieldKind::kSecret},
    Field{.name = "timeout_s",
          .label = {"Longest wait for an answer (seconds)", "等待回答的最长时间（秒）"},
          .kind = FieldKind::kInteger,
          .default_value = "60",
          .min = 1,
          .max = 3600},
};

Result<std::unique_ptr<FileConnection>> ConnectFiles(const Settings& settings,
                                                     const Surroundings& here) {
  const std::string& folder = settings.at("folder");
  const std::string& address = settings.at("address");
  if (folder.empty() == address.empty()) {
    return Fail(ErrorCode::kUnprocessable,
                "a source of files needs either a 'folder' or an 'address'");
  }
  if (!folder.empty()) return OpenFolder(folder, here);
  return OpenWeb({.address = address,
                  .user = settings.at("user"),
                  .password = settings.at("password"),
                  .timeout_ms = IntegerOf(settings, "timeout_s") * 1000,
                  .private_addresses = here.private_addresses});
}

}  // namespace

void Register(ConnectorRegistry& registry) {
  registry.Add({.name = "files",
                .label = {"Files (folder or http addresses)", "文件（文件夹或 http 地址）"},
                .fields = kFields,
                .can = {.incremental = true, .files = true},
                .connect_files = ConnectFiles});
}

}  // namespace aimass::connectors::files
