#include "sources/connectors/s3/sign.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/checksum.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/percent.h"

namespace aimass::connectors::s3 {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kEnd = "aws4_request";

}  // namespace

std::string CanonicalQuery(const std::vector<std::pair<std::string, std::string>>& query) {
  std::vector<std::pair<std::string, std::string>> encoded;
  for (const auto& [name, value] : query)
    encoded.emplace_back(PercentEncode(name), PercentEncode(value));
  std::ranges::sort(encoded);
  std::string text;
  for (const auto& [name, value] : encoded) {
    if (!text.empty()) text += '&';
    text.append(name).append("=").append(value);
  }
  return text;
}

std::string StampOf(std::int64_t unix_ms) {
  std::string stamp;
  for (const char c : ToRfc3339(unix_ms).substr(0, 19)) {
    if (c != '-' && c != ':') stamp += c;
  }
  return stamp + "Z";
}

std::string Authorization(const Unsigned& request, const Credentials& credentials,
                          std::string_view region, std::string_view service,
                          std::string_view stamp) {
  std::string headers;
  std::string names;
  for (const auto& [name, value] : request.headers) {
    headers.append(name).append(":").append(value).append("\n");
    names.append(names.empty() ? "" : ";").append(name);
  }
  const std::string canonical =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, request.path,
                  CanonicalQuery(request.query), headers, names, request.payload_sha256);
  const std::string_view day = stamp.substr(0, 8);
  const std::string scope = fmt::format("{}/{}/{}/{}", day, region, service, kEnd);
  const std::string to_sign =
      fmt::format("{}\n{}\n{}\n{}", kAlgorithm, stamp, scope, Sha256(canonical));
  std::string key = "AWS4" + credentials.secret_key;
  for (const std::string_view part : {day, region, service, kEnd}) key = HmacSha256(key, part);
  return fmt::format("{} Credential={}/{},SignedHeaders={},Signature={}", kAlgorithm,
                     credentials.access_key, scope, names, ToHex(HmacSha256(key, to_sign)));
}

}  // namespace aimass::connectors::s3
