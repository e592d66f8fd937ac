// libcurl 7.88.
#include "native/curl/http.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "native/connection_failure.h"
#include "native/curl/handle.h"

namespace aimass::curl {
namespace {

using Words = std::array<char, CURL_ERROR_SIZE>;

// One answer on its way.
struct Transfer {
  const CancelToken* cancel = nullptr;
  std::size_t max_bytes = 0;
  bool too_large = false;
  std::string body = {};
};

std::size_t OnBody(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::size_t bytes = size * count;
  if (transfer.body.size() + bytes > transfer.max_bytes) {
    transfer.too_large = true;
    return 0;
  }
  transfer.body.append(data, bytes);
  return bytes;
}

int OnProgress(void* user, curl_off_t /*total*/, curl_off_t /*now*/, curl_off_t /*up_total*/,
               curl_off_t /*up*/) {
  return static_cast<Transfer*>(user)->cancel->cancelled() ? 1 : 0;
}

struct Place {
  std::string host;
  int port = 0;
};

Place PlaceOf(const std::string& url) {
  Place place;
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parts(curl_url(), &curl_url_cleanup);
  const auto part = [&](CURLUPart which, unsigned flags) {
    char* text = nullptr;
    if (curl_url_get(parts.get(), which, &text, flags) != CURLUE_OK) return std::string();
    std::string copy = text;
    curl_free(text);
    return copy;
  };
  if (curl_url_set(parts.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return place;
  place.host = part(CURLUPART_HOST, 0);
  const std::string port = part(CURLUPART_PORT, CURLU_DEFAULT_PORT);
  std::from_chars(port.data(), port.data() + port.size(), place.port);
  return place;
}

std::unexpected<Error> FailureOf(CURLcode code, const Words& words, const std::string& url,
                                 bool answered) {
  const Place place = PlaceOf(url);
  const std::string_view said = words.front() != 0 ? words.data() : curl_easy_strerror(code);
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_URL_MALFORMAT:
      return Unreachable(place.host, place.port, said);
    case CURLE_OPERATION_TIMEDOUT:
      return Fail(ErrorCode::kTimeout, "{}:{} did not answer in time: {}", place.host, place.port,
                  said);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
      return WithHint(Unencrypted(place.host, place.port, said),
                      Msg("give ca_file, or set tls to on; where the port is for connections that "
                          "are not encrypted, write http://"));
    default:
      break;
  }
  // A port for encrypted connections hangs up, or sends what is no HTTP.
  if (url.starts_with("http://") && !answered) {
    return WithHint(BrokenConnection(said),
                    Msg("if it is a port for encrypted connections, write https://"));
  }
  return BrokenConnection(said);
}

}  // namespace

struct HttpClient::State {
  explicit State(HttpOptions o) : options(std::move(o)) {}

  Status SetUp() {
    CURL* const curl = handle.get();
    if (curl == nullptr) return Fail(ErrorCode::kResourceExhausted, "no memory for a connection");
    for (const char* header :
         {"Content-Type: application/json", "Accept: application/json", "Expect:"}) {
      if (!Add(header)) return Fail(ErrorCode::kResourceExhausted, "no memory for a connection");
    }
    if (!options.authorization.empty() && !Add("Authorization: " + options.authorization))
      return Fail(ErrorCode::kResourceExhausted, "no memory for a connection");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "aimass");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, words.data());
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(options.connect_timeout_s));
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, options.verify ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, options.verify ? 2L : 0L);
    if (options.verify && !options.ca_file.empty())
      curl_easy_setopt(curl, CURLOPT_CAINFO, options.ca_file.c_str());
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &OnBody);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &OnProgress);
    if (!options.user.empty()) {
      curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
      curl_easy_setopt(curl, CURLOPT_USERNAME, options.user.c_str());
      curl_easy_setopt(curl, CURLOPT_PASSWORD, options.password.c_str());
    }
    ready = true;
    return {};
  }

  bool Add(const std::string& header) {
    curl_slist* const longer = curl_slist_append(headers.get(), header.c_str());
    if (longer == nullptr) return false;
    static_cast<void>(headers.release());  // it is the beginning of `longer`
    headers.reset(longer);
    return true;
  }

  HttpOptions options;
  HeaderList headers{nullptr, &curl_slist_free_all};
  Words words{};  // what curl says of an error; outlives the handle
  Handle handle = NewHandle();
  bool ready = false;
  bool answered = false;  // at least once
};

HttpClient::HttpClient(HttpOptions options) : state_(std::make_unique<State>(std::move(options))) {}
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;
HttpClient::~HttpClient() = default;

Result<HttpAnswer> HttpClient::Send(const HttpRequest& request, const CancelToken& cancel) {
  RETURN_IF_ERROR(cancel.Check());
  if (!state_->ready) RETURN_IF_ERROR(state_->SetUp());
  CURL* const curl = state_->handle.get();
  Transfer transfer{.cancel = &cancel, .max_bytes = request.max_bytes};
  state_->words.fill(0);
  const int timeout_s = request.timeout_s > 0 ? request.timeout_s : state_->options.timeout_s;
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(timeout_s));
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  if (request.method == "GET") {
    curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
  } else {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.c_str());
  }
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  const CURLcode code = curl_easy_perform(curl);
  if (transfer.too_large) {
    return Fail(ErrorCode::kPayloadTooLarge, "an answer of the database is larger than {} MiB",
                request.max_bytes >> 20);
  }
  if (code == CURLE_ABORTED_BY_CALLBACK) RETURN_IF_ERROR(cancel.Check());
  if (code != CURLE_OK) return FailureOf(code, state_->words, request.url, state_->answered);
  state_->answered = true;
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  return HttpAnswer{.status = static_cast<int>(status), .body = std::move(transfer.body)};
}

std::string EscapedPart(std::string_view text) {
  constexpr std::string_view kPlain = "-_.~*,";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       kPlain.contains(c);
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace aimass::curl
