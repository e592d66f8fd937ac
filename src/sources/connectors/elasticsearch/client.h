#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "native/curl/client.h"
#include "sources/connectors/elasticsearch/failure.h"

namespace aimass::connectors::elasticsearch {

struct Options {
  std::vector<std::string> addresses;  // of nodes of one cluster: "https://es-1.example.com:9200"
  std::string user;                    // who signs in; empty: nobody, or the API key
  std::string password;
  std::string api_key;  // as the server gave it ("encoded"), or "id:key"
  bool verify = true;   // of https: the certificate must be good and name the host
  std::string ca_file;
  int timeout_s = 60;   // longest wait for the next bytes of an answer
  bool writes = false;  // more than reading is asked for, so errors name that role
};

/// From a text with commas. Errors: kUnprocessable for what is no address, or holds a password.
[[nodiscard]] Result<std::vector<std::string>> AddressesOf(std::string_view text);

/// What the server says that it is.
struct Server {
  std::string cluster;
  std::string version;  // "8.19.4"
  bool opensearch = false;

  [[nodiscard]] std::string Name() const;  // "Elasticsearch 8.19.4"
  [[nodiscard]] bool AtLeast(int major, int minor) const;
  /// By what documents of a point in time are in order: `_shard_doc` differs for each;
  /// `_seq_no`, where that is not known, for each of a shard.
  [[nodiscard]] bool HasShardDoc() const;
};
/// Errors   kUnprocessable for what is neither Elasticsearch 7.10 and later nor OpenSearch 2.4.
[[nodiscard]] Result<Server> ServerOf(const Json& answer);

/// Requests to a cluster, any node of it: where one does not answer the next is asked, and where it
/// is busy the same is asked again, a few seconds long: whatever is asked must come to the same
/// when it is asked twice.
///
/// Errors   as SourceConnection's (sources/connector.h).
/// Threads  one at a time.
class Client {
 public:
  explicit Client(Options options);

  /// Asks what the server is; no longer than ten seconds.
  [[nodiscard]] Result<Server> Greet();
  /// An answer as JSON. `table` is what an error is about.
  [[nodiscard]] Result<Json> Ask(std::string_view method, const std::string& path, const Json& body,
                                 std::string_view table, const CancelToken& cancel);
  /// The same as text, of at most `max_bytes`. Errors: kPayloadTooLarge.
  [[nodiscard]] Result<std::string> AskText(std::string_view method, const std::string& path,
                                            const std::string& body, std::string_view table,
                                            std::size_t max_bytes, const CancelToken& cancel);
  /// Sends it once, and waits no longer than a few seconds: of what need not succeed.
  void Tell(std::string_view method, const std::string& path, const Json& body);

  [[nodiscard]] bool encrypted() const { return address().starts_with("https://"); }
  [[nodiscard]] const Options& options() const { return options_; }
  /// Who asks, for errors about a table.
  [[nodiscard]] Asked About(std::string_view table) const;

 private:
  [[nodiscard]] const std::string& address() const { return options_.addresses[node_]; }
  [[nodiscard]] Result<curl::Answer> SendToAny(curl::Request request, const std::string& path,
                                               const CancelToken& cancel);

  Options options_;
  curl::Client http_;
  std::vector<std::string> headers_;
  std::size_t node_ = 0;  // of the addresses, the one that answers
  bool reached_ = false;
};

}  // namespace aimass::connectors::elasticsearch
