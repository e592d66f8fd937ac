#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace aimass::cli {

/// A client of the REST API over libcurl, with one connection that it keeps.
///
/// Errors of the server arrive as Error: code, detail and hint of the problem document, already in
/// the reader's language. kUnavailable where no server answers; kCancelled after Ctrl-C. Threads
/// one.
class Client {
 public:
  struct Options {
    std::string url;  // "http://127.0.0.1:8080", without a slash at the end
    std::string key;
    Language language = Language::kEnglish;
  };
  using Headers = std::vector<std::pair<std::string, std::string>>;
  struct Request {
    std::string method = "GET";
    std::string path;  // "/api/v1/jobs?limit=5", encoded
    Headers headers;
    std::string body;
    std::function<Status(std::string_view piece)>
        sink;                     // the answer's body, where the status is 2xx
    std::int64_t timeout_ms = 0;  // 0: none; a server that stops is noticed anyway
    std::function<void(std::int64_t sent_bytes)> on_sent;
  };
  struct Reply {
    int status = 0;
    std::map<std::string, std::string, std::less<>> headers;  // names in lower case
    std::string body;
  };

  explicit Client(Options options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] Result<Json> Get(const std::string& path);
  [[nodiscard]] Result<Json> Post(const std::string& path, const Json& body = Json::object());
  [[nodiscard]] Result<Json> Patch(const std::string& path, const Json& body);
  [[nodiscard]] Result<Json> Put(const std::string& path, const Json& body);
  [[nodiscard]] Result<Json> Delete(const std::string& path);

  /// Any request; a status of 400 and above is an Error.
  [[nodiscard]] Result<Reply> Send(const Request& request);
  /// The same without turning a status into an Error; only a failed transfer is one.
  [[nodiscard]] Result<Reply> SendRaw(const Request& request);

  [[nodiscard]] const std::string& url() const { return options_.url; }
  [[nodiscard]] const std::string& key() const { return options_.key; }

 private:
  struct State;
  [[nodiscard]] Result<Json> SendJson(std::string method, const std::string& path,
                                      const Json* body);

  Options options_;
  std::unique_ptr<State> state_;
};

/// The error that a problem document, or any other answer of `status`, stands for.
[[nodiscard]] Error ErrorOfReply(int status, std::string_view content_type, std::string_view body);

/// `text` as one segment of a path or one value of a query: everything but letters, digits and -._~
/// as %XX.
[[nodiscard]] std::string Encode(std::string_view text);

/// Ctrl-C: from InstallInterrupt() on, the first one is remembered and ends the running transfer
/// (kCancelled), the second ends the process.
void InstallInterrupt();
[[nodiscard]] bool Interrupted();
/// After it was handled: requests work again.
void ClearInterrupt();

}  // namespace aimass::cli
