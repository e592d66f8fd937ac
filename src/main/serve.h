#pragma once

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
  /// Errors   kConflict where another process holds the data folder, kUnavailable where the address
  /// is taken.
  [[nodiscard]] static Result<std::unique_ptr<ServerInstance>> Start(const Config& config);
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

/// `aimass serve`: runs until SIGINT or SIGTERM, then drains. Returns the exit code.
int Serve(const Config& config);

}  // namespace aimass
