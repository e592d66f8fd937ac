#include "main/cli/client.h"

#include <curl/curl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>

#include "api/http/url.h"
#include "base/version.h"
#include "base/words.h"

namespace aimass::cli {
namespace {

// A signal handler can reach nothing but this.
std::atomic<bool> interrupted = false;

extern "C" void OnInterrupt(int signal_number) {
  if (interrupted.exchange(true)) _exit(128 + signal_number);
}

struct Transfer {
  const Client::Request* request = nullptr;
  Client::Reply* reply = nullptr;
  Status sink_status;
};

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r' || text.back() == '\n')) {
    text.remove_suffix(1);
  }
  return text;
}

std::size_t OnHeader(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string_view line = Trim(std::string_view(data, size * count));
  if (line.starts_with("HTTP/")) {
    transfer.reply->headers.clear();  // of an interim answer (100 Continue)
    const std::size_t space = line.find(' ');
    transfer.reply->status =
        space == std::string_view::npos ? 0 : std::atoi(line.data() + space + 1);
  } else if (const std::size_t colon = line.find(':'); colon != std::string_view::npos) {
    transfer.reply->headers[Lower(line.substr(0, colon))] =
        std::string(Trim(line.substr(colon + 1)));
  }
  return size * count;
}

std::size_t OnBody(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string_view piece(data, size * count);
  if (transfer.request->sink && transfer.reply->status >= 200 && transfer.reply->status < 300) {
    transfer.sink_status = transfer.request->sink(piece);
    if (!transfer.sink_status) return 0;  // ends the transfer
  } else {
    transfer.reply->body += piece;
  }
  return piece.size();
}

int OnProgress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t sent) {
  const auto& transfer = *static_cast<Transfer*>(user);
  if (transfer.request->on_sent) transfer.request->on_sent(sent);
  return interrupted.load(std::memory_order_relaxed) ? 1 : 0;
}

// The reasons that people meet, in words that can be translated.
Word ReasonOf(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_CONNECT:
      return Word{"nothing listens at that address"};
    case CURLE_COULDNT_RESOLVE_HOST:
      return Word{"the name of the host is not known"};
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
      return Word{"the connection was cut"};
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
      return Word{"its certificate is not trusted, or it does not speak TLS"};
    default:
      return Word{curl_easy_strerror(code)};
  }
}

Message Verbatim(std::string_view text) { return Message("{}", text); }

}  // namespace

struct Client::State {
  struct Cleanup {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };
  using List = std::unique_ptr<curl_slist, Cleanup>;

  std::unique_ptr<CURL, Cleanup> handle;

  static void Append(List& list, const std::string& line) {
    // curl_slist_append returns the list's head, which the unique_ptr already holds after the first
    // line.
    curl_slist* const head = curl_slist_append(list.get(), line.c_str());
    if (list == nullptr) list.reset(head);
  }
};

Client::Client(Options options) : options_(std::move(options)), state_(std::make_unique<State>()) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  state_->handle.reset(curl_easy_init());
}
Client::~Client() = default;

Result<Client::Reply> Client::SendRaw(const Request& request) {
  CURL* const handle = state_->handle.get();
  curl_easy_reset(handle);  // keeps the connection
  Reply reply;
  Transfer transfer{.request = &request, .reply = &reply, .sink_status = {}};
  State::List headers;
  bool has_type = false;
  for (const auto& [name, value] : request.headers) {
    has_type = has_type || Lower(name) == "content-type";
    State::Append(headers, name + ": " + value);
  }
  State::Append(headers, options_.language == Language::kChinese ? "Accept-Language: zh-CN,zh;q=0.9"
                                                                 : "Accept-Language: en");
  if (!options_.key.empty()) State::Append(headers, "Authorization: Bearer " + options_.key);
  if (!request.body.empty() && !has_type) State::Append(headers, "Content-Type: application/json");
  State::Append(headers, "Expect:");  // no round trip before a body

  const std::string url = options_.url + request.path;
  const std::string agent = "aimass-cli/" + std::string(Version());
  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_USERAGENT, agent.c_str());
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, 10'000L);
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout_ms));
  curl_easy_setopt(handle, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(handle, CURLOPT_ACCEPT_ENCODING, "");
  if (options_.url.starts_with("http://127.") || options_.url.starts_with("http://[::1]") ||
      options_.url.starts_with("http://localhost")) {
    curl_easy_setopt(handle, CURLOPT_NOPROXY, "*");
  }
  if (request.method == "HEAD") curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
  if (!request.body.empty() || request.method == "POST" || request.method == "PATCH" ||
      request.method == "PUT") {
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.data());
  }
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &OnHeader);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &OnBody);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, &OnProgress);
  curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &transfer);

  const CURLcode code = curl_easy_perform(handle);
  if (!transfer.sink_status) return std::unexpected(std::move(transfer.sink_status).error());
  if (code == CURLE_ABORTED_BY_CALLBACK) {
    return Fail(ErrorCode::kCancelled, "stopped by Ctrl-C");
  }
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return Fail(ErrorCode::kTimeout, "the server at {} did not answer in time", options_.url);
  }
  if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) {
    return WithHint(
        Fail(ErrorCode::kInvalidArgument, "'{}' is no address of a server", options_.url),
        Msg("expected something like http://127.0.0.1:8080"));
  }
  if (code != CURLE_OK) {
    return WithHint(
        Fail(ErrorCode::kUnavailable, "no answer from {}: {}", options_.url, ReasonOf(code)),
        Msg("is the server running? Start it with: aimass serve --data DIR"));
  }
  return reply;
}

Result<Client::Reply> Client::Send(const Request& request) {
  ASSIGN_OR_RETURN(Reply reply, SendRaw(request));
  if (reply.status >= 400) {
    return std::unexpected(ErrorOfReply(reply.status, reply.headers["content-type"], reply.body));
  }
  return reply;
}

Result<Json> Client::SendJson(std::string method, const std::string& path, const Json* body) {
  Request request{.method = std::move(method), .path = path};
  request.headers.emplace_back("Accept", "application/json");
  if (body != nullptr) request.body = body->dump();
  ASSIGN_OR_RETURN(const Reply reply, Send(request));
  if (reply.body.empty()) return Json::object();
  auto json = ParseJson(reply.body, 256);
  if (!json) {
    return Fail(ErrorCode::kUnavailable, "{} does not answer like an AI Mass server: {}",
                options_.url, json.error().ToString());
  }
  return json;
}

Result<Json> Client::Get(const std::string& path) { return SendJson("GET", path, nullptr); }
Result<Json> Client::Post(const std::string& path, const Json& body) {
  return SendJson("POST", path, &body);
}
Result<Json> Client::Patch(const std::string& path, const Json& body) {
  return SendJson("PATCH", path, &body);
}
Result<Json> Client::Put(const std::string& path, const Json& body) {
  return SendJson("PUT", path, &body);
}
Result<Json> Client::Delete(const std::string& path) { return SendJson("DELETE", path, nullptr); }

Error ErrorOfReply(int status, std::string_view content_type, std::string_view body) {
  constexpr auto kWord = [](int number) {
    switch (number) {
      case 400:
        return ErrorCode::kInvalidArgument;
      case 401:
        return ErrorCode::kUnauthenticated;
      case 403:
        return ErrorCode::kPermissionDenied;
      case 404:
        return ErrorCode::kNotFound;
      case 409:
        return ErrorCode::kConflict;
      case 413:
        return ErrorCode::kPayloadTooLarge;
      case 415:
        return ErrorCode::kUnsupported;
      case 422:
        return ErrorCode::kUnprocessable;
      case 429:
        return ErrorCode::kResourceExhausted;
      case 499:
        return ErrorCode::kCancelled;
      case 503:
        return ErrorCode::kUnavailable;
      case 504:
        return ErrorCode::kTimeout;
      case 507:
        return ErrorCode::kStorageFull;
      default:
        return ErrorCode::kInternal;
    }
  };
  Error error{.code = kWord(status), .message = {}, .hint = {}};
  if (content_type.starts_with("application/problem+json")) {
    if (const auto problem = ParseJson(body); problem && problem->is_object()) {
      error.message = Verbatim(problem->value("detail", ""));
      if (const auto hint = problem->value("hint", ""); !hint.empty()) error.hint = Verbatim(hint);
      if (!problem->value("detail", "").empty()) return error;
    }
  }
  error.message = Msg("the server answered with status {}", status);
  if (status == 401) error.hint = Msg("give a key with --key or AIMASS_KEY");
  return error;
}

std::string Encode(std::string_view text) { return http::PercentEncode(text); }

void InstallInterrupt() {
  struct sigaction action{};
  action.sa_handler = &OnInterrupt;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}
bool Interrupted() { return interrupted.load(std::memory_order_relaxed); }
void ClearInterrupt() { interrupted.store(false, std::memory_order_relaxed); }

}  // namespace aimass::cli
