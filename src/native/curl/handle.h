#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace aimass::curl {

/// What the transfers of this folder have in common; for no other folder.

/// Whether connections may lead to this machine and to private networks, and whether one that
/// would have was refused.
struct Gate {
  bool public_only = false;
  bool refused = false;
};

using Handle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using HeaderList = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;
[[nodiscard]] Handle NewHandle();

/// Only http and https, time-outs, no signals, and `gate`, which is asked for each address that is
/// really connected to and must outlive the transfer.
void SetUpTransfer(CURL* handle, const std::string& url, std::int64_t stall_ms,
                   std::int64_t time_limit_ms, Gate& gate);

/// Why a transfer did not come to its end. `address`: without secrets.
/// Errors   kPermissionDenied (not public), kTimeout, kInvalidArgument (not http or https),
///          kUnavailable.
[[nodiscard]] Status CheckTransfer(CURLcode code, const Gate& gate, const std::string& address);

[[nodiscard]] std::string Trimmed(std::string_view text);
[[nodiscard]] std::string LowerCase(std::string_view text);

}  // namespace aimass::curl
