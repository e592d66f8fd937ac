#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/error.h"

namespace aimass {

class Config;  // base/config.h

/// A whole server in this process: data folder, metadata, jobs, HTTP. `aimass serve` runs one until
/// a signal; the command line runs one on 127.0.0.1:0 for the length of a command where no server
/// holds the data folder.
///
/// Start() installs no signal handlers. Threads: Start and Stop on one thread.
class ServerInstance {
 public:
  enum class Purpose : std::uint8_t {
    kServer,
    kCommand
  };  // how long it is going to hold the folder
  /// Errors   kConflict where another process holds the data folder, kUnavailable where the address
  /// is taken.
  [[nodiscard]] static Result<std::unique_ptr<ServerInstance>> Start(
      const Config& config, Purpose purpose = Purpose::kServer);
  ~ServerInstance();  // Stop()

  [[nodiscard]] const std::string& address() const;  // "http://127.0.0.1:43117"
  [[nodiscard]] std::string key() const;             // what stands in DATA/admin.key
  /// Drains running requests, ends job processes, removes DATA/server.json.
  void Stop();

 private:
  struct State;
  explicit ServerInstance(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// `aimass serve`: waits for a command that holds the data folder, then runs until SIGINT or
/// SIGTERM, then drains. `ready` gets the server's address as soon as it answers. A failed start is
/// also logged, unless the log is a terminal, where the caller tells the error in words.
[[nodiscard]] Status Serve(const Config& config,
                           const std::function<void(const std::string& address)>& ready);

}  // namespace aimass
