#include "sources/connectors/s3/place.h"

#include <algorithm>
#include <array>

#include "base/percent.h"

namespace aimass::connectors::s3 {
namespace {

constexpr std::string_view kDefaultRegion = "us-east-1";

// Of those that want the bucket in the host's name.
constexpr std::array<std::string_view, 7> kVirtualHosts{
    ".amazonaws.com", ".amazonaws.com.cn", ".aliyuncs.com",     ".myqcloud.com",
    ".volces.com",    ".ivolces.com",      ".myhuaweicloud.com"};

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::unexpected<Error> NoEndpoint(std::string_view endpoint) {
  return WithHint(
      Fail(ErrorCode::kUnprocessable,
           "the endpoint must be the address of an object store, without path, user or query, "
           "got '{}'",
           endpoint.find('@') == std::string_view::npos ? endpoint : std::string_view("…@…")),
      Msg("such as https://s3.oss-cn-hangzhou.aliyuncs.com or http://minio.example.com:9000; the "
          "bucket is a setting of its own"));
}

// Buckets of former times have capital letters and underscores.
Status CheckBucket(std::string_view bucket) {
  const bool good = !bucket.empty() && bucket.size() <= 255 && bucket != "." && bucket != ".." &&
                    std::ranges::all_of(bucket, [](char c) {
                      return IsLetter(c) || IsDigit(c) || c == '-' || c == '.' || c == '_';
                    });
  if (good) return {};
  return WithHint(Fail(ErrorCode::kUnprocessable, "'{}' is no name of a bucket", bucket),
                  Msg("letters, digits, '-' and '.'; folders in it are set by prefix"));
}

// Whether it can be a part of a host's name that a certificate for *.HOST is good for.
bool FitsHost(std::string_view bucket) {
  return bucket.size() >= 3 && bucket.size() <= 63 && std::ranges::all_of(bucket, [](char c) {
           return (c >= 'a' && c <= 'z') || IsDigit(c) || c == '-';
         });
}

std::string_view HostName(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

Vendor VendorOf(std::string_view name) {
  if (name.ends_with(".amazonaws.com") || name.ends_with(".amazonaws.com.cn")) return Vendor::kAws;
  if (name.ends_with(".aliyuncs.com")) return Vendor::kOss;
  return name.ends_with(".myqcloud.com") ? Vendor::kCos : Vendor::kOther;
}

// "s3.eu-central-1.amazonaws.com", "oss-cn-hangzhou-internal.aliyuncs.com",
// "cos.ap-guangzhou.myqcloud.com": the part in front of the vendor's.
std::string RegionIn(std::string_view name, Vendor vendor) {
  if (vendor == Vendor::kOther) return std::string(kDefaultRegion);
  for (const std::string_view end : kVirtualHosts) {
    if (!name.ends_with(end)) continue;
    std::string_view region = name.substr(0, name.size() - end.size());
    if (const std::size_t dot = region.rfind('.'); dot != std::string_view::npos)
      region.remove_prefix(dot + 1);
    for (const std::string_view before : {"s3-", "oss-"}) {
      if (region.starts_with(before)) region.remove_prefix(before.size());
    }
    if (region.ends_with("-internal")) region.remove_suffix(std::string_view("-internal").size());
    if (region.find('-') != std::string_view::npos) return std::string(region);
  }
  return std::string(kDefaultRegion);  // "s3.amazonaws.com"
}

std::string AwsHost(std::string_view region) {
  return fmt::format("s3.{}.amazonaws.com{}", region, region.starts_with("cn-") ? ".cn" : "");
}

Status CheckHost(std::string_view endpoint, std::string_view host) {
  const std::string_view name = HostName(host);
  const std::string_view port = host.substr(name.size());
  const bool literal = name.starts_with('[');
  const bool good_name = !name.empty() && std::ranges::all_of(name, [literal](char c) {
    return IsLetter(c) || IsDigit(c) || c == '-' || c == '.' || c == '_' ||
           (literal && (c == ':' || c == '[' || c == ']'));
  });
  const bool good_port = port.empty() || (port.size() >= 2 && port.size() <= 6 && port[0] == ':' &&
                                          std::ranges::all_of(port.substr(1), IsDigit));
  if (good_name && good_port) return {};
  return NoEndpoint(endpoint);
}

}  // namespace

std::string Place::BucketPath() const {
  return base.size() == 1 ? base : base.substr(0, base.size() - 1);
}

std::string Place::ObjectPath(std::string_view key) const { return base + PercentEncode(key, "/"); }

Result<Place> PlaceOf(const PlaceSettings& settings) {
  RETURN_IF_ERROR(CheckBucket(settings.bucket));
  const bool good_region = std::ranges::all_of(
      settings.region, [](char c) { return IsLetter(c) || IsDigit(c) || c == '-' || c == '_'; });
  if (!good_region) {
    return Fail(ErrorCode::kUnprocessable, "'{}' is no name of a region, such as '{}'",
                settings.region, kDefaultRegion);
  }
  Place place{.scheme = "https", .bucket = settings.bucket, .region = settings.region};
  std::string_view rest = settings.endpoint;
  if (rest.empty()) {
    if (place.region.empty()) place.region = kDefaultRegion;
    place.host = AwsHost(place.region);
  } else {
    if (const std::size_t end = rest.find("://"); end != std::string_view::npos) {
      place.scheme = rest.substr(0, end);
      rest.remove_prefix(end + 3);
    }
    if (rest.ends_with('/')) rest.remove_suffix(1);
    if (place.scheme != "https" && place.scheme != "http") return NoEndpoint(settings.endpoint);
    RETURN_IF_ERROR(CheckHost(settings.endpoint, rest));
    place.host = rest;
    std::ranges::transform(place.host, place.host.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    // As the header Host is sent, which is signed.
    const std::string_view own = place.scheme == "https" ? ":443" : ":80";
    if (place.host.ends_with(own)) place.host.resize(place.host.size() - own.size());
  }
  const std::string name(HostName(place.host));
  place.vendor = VendorOf(name);
  if (place.region.empty()) place.region = RegionIn(name, place.vendor);

  const bool named = place.host.starts_with(settings.bucket + ".");  // copied with the bucket
  const bool wanted =
      std::ranges::any_of(kVirtualHosts, [&](std::string_view end) { return name.ends_with(end); });
  const bool in_host =
      settings.addressing == "virtual" ||
      (settings.addressing == "auto" && (named || (wanted && FitsHost(settings.bucket))));
  if (in_host && !named) place.host = settings.bucket + "." + place.host;
  place.base = in_host ? "/" : "/" + settings.bucket + "/";
  return place;
}

}  // namespace aimass::connectors::s3
