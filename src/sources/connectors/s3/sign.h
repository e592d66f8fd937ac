#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace aimass::connectors::s3 {

struct Credentials {
  std::string access_key;  // empty: nobody signs
  std::string secret_key;
  std::string session_token;
};

/// What is asked for, as it is signed.
struct Unsigned {
  std::string method = "GET";
  std::string path = "/";  // percent-encoded once
  std::vector<std::pair<std::string, std::string>> query = {};
  std::map<std::string, std::string> headers = {};  // names in lower case, values trimmed
  std::string payload_sha256;
};

/// The SHA-256 of no bytes.
inline constexpr std::string_view kNoPayload =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// "a=1&b=%20": percent-encoded, in the order that is signed.
[[nodiscard]] std::string CanonicalQuery(
    const std::vector<std::pair<std::string, std::string>>& query);

/// "20130524T000000Z"
[[nodiscard]] std::string StampOf(std::int64_t unix_ms);

/// The header Authorization of AWS Signature Version 4 over all of `request`. `stamp` stands in its
/// header x-amz-date too.
///
/// Threads  pure function.
/// Source   AWS, "Create a signed AWS API request", for S3: the path is not normalised and encoded
///          once only.
[[nodiscard]] std::string Authorization(const Unsigned& request, const Credentials& credentials,
                                        std::string_view region, std::string_view service,
                                        std::string_view stamp);

}  // namespace aimass::connectors::s3
