#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace aimass::connectors::s3 {

/// Whose object store it is, as far as the host's name tells: what differs between them.
enum class Vendor : std::uint8_t { kAws, kOss, kCos, kOther };

struct PlaceSettings {
  std::string endpoint;  // "https://minio.example.com:9000"; empty: AWS of the region
  std::string region;    // empty: the one that the endpoint's name says, else us-east-1
  std::string bucket;
  std::string addressing;  // "auto", "path": /BUCKET/KEY, "virtual": BUCKET.HOST/KEY
};

/// Where a bucket is asked for its objects.
struct Place {
  std::string scheme;  // "https"
  std::string host;    // in lower case; with the port where that is not the scheme's own
  std::string base;    // in front of a key: "/BUCKET/", or "/" where the host names the bucket
  std::string bucket;
  std::string region;
  Vendor vendor = Vendor::kOther;

  /// The path that lists the bucket, and that of an object; percent-encoded once, as S3 signs it.
  [[nodiscard]] std::string BucketPath() const;
  [[nodiscard]] std::string ObjectPath(std::string_view key) const;
  [[nodiscard]] std::string Address() const { return scheme + "://" + host; }
};

/// Errors   kUnprocessable naming the endpoint or the bucket that is none.
[[nodiscard]] Result<Place> PlaceOf(const PlaceSettings& settings);

}  // namespace aimass::connectors::s3
