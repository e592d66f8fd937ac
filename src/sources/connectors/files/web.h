#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "sources/files.h"

namespace aimass::connectors::files {

struct WebOptions {
  std::string address;  // http:// or https://; tables are relative to it
  std::string user;     // empty: nobody signs in
  std::string password;
  std::int64_t timeout_ms = 60'000;
  bool private_addresses = false;
};

/// Addresses below one address. A table is one of them: nobody can list what a web server has.
/// Errors   kUnprocessable for an address that is none.
[[nodiscard]] Result<std::unique_ptr<FileConnection>> OpenWeb(WebOptions options);

}  // namespace aimass::connectors::files
