#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace aimass::connectors::s3 {

struct ListedObject {
  std::string key;   // any bytes
  std::string etag;  // without its quotes; empty where the store says none
  std::string last_modified;
  std::string storage_class;
  std::int64_t bytes = 0;
};

/// A page of ListObjectsV2.
struct Listing {
  std::vector<ListedObject> objects;
  std::string next;  // the token of the page behind it; empty: it is the last one
};

/// Errors   kUnprocessable where it is no such page.
[[nodiscard]] Result<Listing> ParseListing(std::string_view xml);

/// What an object store says instead of an answer.
struct Refusal {
  std::string code;  // "NoSuchBucket"
  std::string message;
  std::string region;    // the right one, where another was asked
  std::string endpoint;  // likewise
  std::string server_time;
  std::string storage_class;
  std::int64_t allowed_skew_ms = 0;
};

/// None where it is no such thing: a proxy, or something else altogether, has answered.
[[nodiscard]] std::optional<Refusal> ParseRefusal(std::string_view xml);

/// An ETag as it is compared: without quotes, and without the W/ that proxies put in front.
[[nodiscard]] std::string BareEtag(std::string_view etag);

/// Whether objects of this class must be brought back from an archive before they are read.
[[nodiscard]] bool IsArchive(std::string_view storage_class);

}  // namespace aimass::connectors::s3
