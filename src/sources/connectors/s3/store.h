#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"
#include "native/curl/client.h"
#include "sources/connectors/s3/answers.h"
#include "sources/connectors/s3/place.h"
#include "sources/connectors/s3/sign.h"

namespace aimass::connectors::s3 {

struct ListRequest {
  std::string prefix;      // of keys
  bool one_level = false;  // nothing behind a further slash
  std::string token;       // of the page; empty: the first
};

struct GetRequest {
  std::string key;
  std::string path;         // what messages call it
  std::string etag;         // it must still be this one; empty: any
  std::int64_t from = 0;    // of its bytes
  std::int64_t count = -1;  // at most so many of them; -1: all
  std::function<Status(const curl::Answer& answer, std::string_view bytes)> sink = {};
};

/// Signed requests about one bucket, each with the retries that it needs.
///
/// Errors   those of FailureOf() and curl::Client. Never a secret in a message.
/// Threads  one at a time.
class Store {
 public:
  /// `folder`: of the source's settings, for messages.
  Store(Place place, Credentials credentials, std::string folder, curl::ClientOptions options);

  [[nodiscard]] Result<Listing> List(const ListRequest& request, const CancelToken& cancel);
  /// An answer with status 200 or 206; its body is the sink's. A transfer that breaks behind the
  /// first byte is not begun again.
  [[nodiscard]] Result<curl::Answer> Get(const GetRequest& request, const CancelToken& cancel);

  [[nodiscard]] const Place& place() const { return place_; }
  [[nodiscard]] const Credentials& credentials() const { return credentials_; }

 private:
  struct Question {
    std::string path;  // of the address
    std::vector<std::pair<std::string, std::string>> query = {};
    std::map<std::string, std::string> headers = {};  // names in lower case
    std::string object = {};                          // what messages call it
    std::function<Status(const curl::Answer& answer, std::string_view bytes)> sink = {};
  };
  [[nodiscard]] Result<curl::Answer> Ask(const Question& question, const CancelToken& cancel);
  [[nodiscard]] curl::Request Signed(const Question& question, std::int64_t now_ms) const;

  Place place_;
  Credentials credentials_;
  std::string folder_;
  curl::Client client_;
  bool answered_ = false;  // once, so that it is worth to ask again
};

}  // namespace aimass::connectors::s3
