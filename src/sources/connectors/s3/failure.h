#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "native/curl/client.h"
#include "sources/connectors/s3/place.h"

namespace aimass::connectors::s3 {

/// Who asked for what, when an object store refused it.
struct Asked {
  std::string access_key;  // empty: nobody signed in
  std::string folder;      // of the source's settings: the beginning of all of its keys
  std::string path;        // of the object, as its source calls it; empty: the bucket was listed
  std::int64_t sent_ms = 0;
};

/// What an answer other than 200 and 206 comes to, in plain words, with what to do about it.
///
/// Errors   kNotFound (bucket, object), kPermissionDenied (with the policy that is enough),
///          kUnauthenticated (key, signature, token, clock), kUnprocessable (another region or
///          address, archived), kUnavailable (busy; the object changed).
/// Threads  pure function.
[[nodiscard]] Error FailureOf(const curl::Answer& answer, const Place& place, const Asked& asked);

/// Whether the same request may be answered a moment later.
[[nodiscard]] bool IsBusy(const curl::Answer& answer);

/// The policy that lets somebody list the bucket and read the objects below `folder`, as the vendor
/// writes them; JSON in one line.
[[nodiscard]] std::string PolicyFor(const Place& place, std::string_view folder);

}  // namespace aimass::connectors::s3
