#include "sources/connectors/elasticsearch/client.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/base64.h"
#include "base/wait.h"
#include "native/curl/download.h"

namespace aimass::connectors::elasticsearch {
namespace {

constexpr std::int64_t kMsPerSecond = 1000;
constexpr int kAttempts = 5;
constexpr int kFirstPauseMs = 500;
constexpr int kGreetTimeout = 10;  // seconds
constexpr int kTellTimeout = 5;
constexpr std::size_t kMaxAnswerBytes = std::size_t{64} << 20;
constexpr int kMaxDepth = 200;  // of an answer; mappings may have 20 levels of two objects each

// What signs in goes to the address that was given, and nowhere else.
curl::ClientOptions HttpOptionsOf(const Options& options) {
  return {.stall_ms = options.timeout_s * kMsPerSecond,
          .use_proxy = false,
          .verify = options.verify,
          .ca_file = options.ca_file,
          .user = options.user,
          .password = options.password};
}

std::vector<std::string> HeadersOf(const Options& options) {
  std::vector<std::string> headers = {"Content-Type: application/json", "Accept: application/json"};
  if (!options.api_key.empty()) {
    const bool parts = options.api_key.contains(':');
    headers.push_back("Authorization: ApiKey " +
                      (parts ? ToBase64(options.api_key) : options.api_key));
  }
  return headers;
}

bool IsBusy(int status) { return status == 429 || status == 502 || status == 503 || status == 504; }

int NumberAt(std::string_view version, int part) {
  for (; part > 0 && version.contains('.'); --part) version.remove_prefix(version.find('.') + 1);
  int number = 0;
  if (part == 0) std::from_chars(version.data(), version.data() + version.size(), number);
  return number;
}

}  // namespace

Result<std::vector<std::string>> AddressesOf(std::string_view text) {
  std::vector<std::string> addresses;
  for (std::string_view left = text; !left.empty();) {
    const std::size_t comma = std::min(left.find(','), left.size());
    std::string address(left.substr(0, comma));
    left.remove_prefix(std::min(comma + 1, left.size()));
    std::erase(address, ' ');
    while (address.ends_with('/')) address.pop_back();
    const std::size_t host = address.find("://");
    const bool web = address.starts_with("http://") || address.starts_with("https://");
    if (!web || address.size() <= host + 3 || address.find_first_of("?#") != std::string::npos) {
      return Fail(ErrorCode::kUnprocessable,
                  "'{}' must be an http:// or https:// address without a query",
                  curl::WithoutSecrets(address));
    }
    if (address.find('@', host) != std::string::npos) {
      return Fail(ErrorCode::kUnprocessable,
                  "an address holds no user and no password: they are settings of their own");
    }
    addresses.push_back(std::move(address));
  }
  if (!addresses.empty()) return addresses;
  return Fail(ErrorCode::kUnprocessable,
              "'{}' must be an http:// or https:// address without a query", text);
}

std::string Server::Name() const {
  return fmt::format("{} {}", opensearch ? "OpenSearch" : "Elasticsearch", version);
}

bool Server::AtLeast(int major, int minor) const {
  const int has = NumberAt(version, 0);
  return has > major || (has == major && NumberAt(version, 1) >= minor);
}

bool Server::HasShardDoc() const { return opensearch ? AtLeast(3, 3) : AtLeast(7, 12); }

Result<Server> ServerOf(const Json& answer) {
  const Json& version = MemberOf(answer, "version");
  Server server{.cluster = TextAt(answer, "cluster_name"),
                .version = TextAt(version, "number"),
                .opensearch = TextAt(version, "distribution") == "opensearch"};
  if (server.version.empty()) {
    return WithHint(
        Fail(ErrorCode::kUnprocessable, "what answers there is no Elasticsearch and no OpenSearch"),
        Msg("check the address: the port is 9200 unless it was changed"));
  }
  if (server.opensearch ? server.AtLeast(2, 4) : server.AtLeast(7, 10)) return server;
  return WithHint(
      Fail(ErrorCode::kUnprocessable, "{} cannot be read as it is at one moment", server.Name()),
      Msg("Elasticsearch 7.10 and OpenSearch 2.4, and later ones, can"));
}

Client::Client(Options options)
    : options_(std::move(options)), http_(HttpOptionsOf(options_)), headers_(HeadersOf(options_)) {}

Asked Client::About(std::string_view table) const {
  const bool by_key = options_.user.empty() && !options_.api_key.empty();
  return {.user = by_key ? std::string_view("api_key") : options_.user,
          .table = table,
          .writes = options_.writes};
}

Result<Server> Client::Greet() {
  curl::Request request;
  request.stall_ms = std::min(kGreetTimeout, options_.timeout_s) * kMsPerSecond;
  ASSIGN_OR_RETURN(const curl::Answer answer, SendToAny(std::move(request), "/", {}));
  if (answer.status == 401 || answer.status == 403 || IsBusy(answer.status))
    return FailureOf(answer.status, answer.body, About({}));
  auto json = ParseJson(answer.body);
  // Without the module for it, as Elastic tests plug-ins, a server does not say it there.
  if (answer.status == 405) {
    json = Ask("GET", "/_nodes/_local?filter_path=cluster_name,nodes.*.version", nullptr, {}, {});
    if (!json) return std::unexpected(std::move(json).error());
    const Json& nodes = MemberOf(*json, "nodes");
    if (nodes.is_object() && !nodes.empty())
      (*json)["version"] = {{"number", MemberOf(nodes.front(), "version")}};
  }
  return ServerOf(json ? *json : Json());
}

Result<curl::Answer> Client::SendToAny(curl::Request request, const std::string& path,
                                       const CancelToken& cancel) {
  request.headers = headers_;
  for (std::size_t tried = 1;; ++tried) {
    request.url = address() + path;
    auto answer = http_.Send(request, cancel);
    if (answer) reached_ = true;
    const bool next = !answer && tried < options_.addresses.size() &&
                      (answer.error().code == ErrorCode::kUnavailable ||
                       answer.error().code == ErrorCode::kTimeout);
    if (!next) return answer;
    node_ = (node_ + 1) % options_.addresses.size();
  }
}

Result<std::string> Client::AskText(std::string_view method, const std::string& path,
                                    const std::string& body, std::string_view table,
                                    std::size_t max_bytes, const CancelToken& cancel) {
  const curl::Request request{
      .method = std::string(method), .url = {}, .body = body, .max_body_bytes = max_bytes};
  for (int attempt = 0;; ++attempt) {
    auto answer = SendToAny(request, path, cancel);
    if (answer && answer->status < 300) return std::move(answer->body);
    auto failure = answer ? FailureOf(answer->status, answer->body, About(table))
                          : std::unexpected(answer.error());
    // Only what may be over in a moment: a node that is busy, or was reached before.
    const bool again = failure.error().code == ErrorCode::kUnavailable &&
                       (answer ? IsBusy(answer->status) : reached_);
    if (!again || attempt + 1 == kAttempts) return failure;
    RETURN_IF_ERROR(Wait(kFirstPauseMs << attempt, cancel));
  }
}

Result<Json> Client::Ask(std::string_view method, const std::string& path, const Json& body,
                         std::string_view table, const CancelToken& cancel) {
  ASSIGN_OR_RETURN(const std::string text,
                   AskText(method, path, body.is_null() ? std::string() : body.dump(), table,
                           kMaxAnswerBytes, cancel));
  auto json = ParseJson(text, kMaxDepth);
  if (json) return json;
  return Fail(ErrorCode::kUnavailable, "what the database sent is no JSON: {}",
              Render(json.error().message, Language::kEnglish));
}

void Client::Tell(std::string_view method, const std::string& path, const Json& body) {
  const curl::Request request{.method = std::string(method),
                              .url = address() + path,
                              .headers = headers_,
                              .body = body.is_null() ? std::string() : body.dump(),
                              .stall_ms = kTellTimeout * kMsPerSecond};
  static_cast<void>(http_.Send(request, CancelToken()));
}

}  // namespace aimass::connectors::elasticsearch
