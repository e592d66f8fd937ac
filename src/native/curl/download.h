#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "base/cancel.h"
#include "base/error.h"

namespace aimass::curl {

struct DownloadOptions {
  std::int64_t max_bytes = std::int64_t{64} << 30;
  std::int64_t time_limit_ms = std::int64_t{6} * 3600 * 1000;
  std::int64_t stall_ms = 60'000;  // give up after this long below 1 byte/s
  int max_redirects = 5;
  bool public_only = false;  // refuse addresses of this machine and of private networks
  std::string user;          // who signs in (Basic), at the address itself only; empty: nobody
  std::string password;
  /// Told when the file begins to arrive, by what a later attempt can go on with it: a strong ETag
  /// or a date, as If-Range takes it; empty: not at all.
  std::function<void(const std::string& validator)> on_start = {};
};

struct Download {
  std::string etag;           // empty where the server sends none
  std::string last_modified;  // likewise
  std::string content_type;
  std::string final_url;  // after redirects
  std::int64_t bytes = 0;
};

/// Fetches an http:// or https:// address into the file `path`. Where `path` already has bytes of
/// an earlier attempt and `validator` names what they are of, goes on behind them (Range,
/// If-Range); begins again where the server has something else by now. Decodes no
/// Content-Encoding. Errors   kInvalidArgument (not http or https), kNotFound (404, 410),
/// kPermissionDenied (401, 403, not public),
///          kPayloadTooLarge, kTimeout, kUnavailable (anything else; the address without its
///          secrets), kStorageFull, kCancelled.
[[nodiscard]] Result<Download> Fetch(
    const std::string& url, const std::string& path, const std::string& validator,
    const DownloadOptions& options, const CancelToken& cancel,
    const std::function<void(std::int64_t done, std::int64_t total)>& progress);

/// What a server says of an address without sending it (HEAD): bytes is -1 where it does not say.
/// Errors   those of Fetch().
[[nodiscard]] Result<Download> Look(const std::string& url, const DownloadOptions& options,
                                    const CancelToken& cancel);

/// Whether an IPv4 (4 bytes) or IPv6 (16 bytes) address, in network order, belongs to the public
/// Internet.
[[nodiscard]] bool IsPublicAddress(std::span<const std::uint8_t> address);

/// `url` without user name, password and query, for messages and logs.
[[nodiscard]] std::string WithoutSecrets(const std::string& url);

}  // namespace aimass::curl
