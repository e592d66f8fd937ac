#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/error.h"
#include "main/cli/client.h"

namespace aimass {
class ServerInstance;
}

namespace aimass::cli {

struct CommonOptions;

/// How a verb reaches its server. In this order:
///   --server/--key, AIMASS_URL/AIMASS_KEY    that server
///   --data, AIMASS_DATA, ./aimass-data where it exists, ~/.aimass
///     DATA/server.json names a live server    that one, with DATA/admin.key
///     else                                    a server in this process on 127.0.0.1:0, for this
///     command only
class Connection {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Connection>> Open(const CommonOptions& common,
                                                                Language language);
  ~Connection();

  [[nodiscard]] Client& client() { return *client_; }
  /// The server runs in this process and ends with the command.
  [[nodiscard]] bool embedded() const { return embedded_ != nullptr; }
  /// The server reads the same files as we do: a path can be named instead of uploading its
  /// content.
  [[nodiscard]] bool same_machine() const { return same_machine_; }
  [[nodiscard]] const std::string& data() const { return data_; }
  /// The data folder was not there, and is made now: empty.
  [[nodiscard]] bool made_data() const { return made_data_; }
  void Close();

 private:
  Connection();
  std::unique_ptr<ServerInstance> embedded_;
  std::unique_ptr<Client> client_;
  std::string data_;
  bool same_machine_ = false;
  bool made_data_ = false;
};

/// The data folder of a command: `given` (--data), AIMASS_DATA, ./aimass-data where it exists,
/// ~/.aimass.
[[nodiscard]] std::string DataFolderOf(const std::string& given);

/// AIMASS_CONFIG, ./aimass.yaml where it exists, /etc/aimass/aimass.yaml.
[[nodiscard]] std::string DefaultConfigFile();

/// Ends early on Ctrl-C.
void SleepMs(std::int64_t ms);

/// The address of the live server that DATA/server.json names; empty where there is none.
[[nodiscard]] std::string LiveServer(const std::string& data);

}  // namespace aimass::cli
