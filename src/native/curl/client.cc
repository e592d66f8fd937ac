// libcurl 7.88.
#include "native/curl/client.h"

#include <algorithm>
#include <array>

#include "native/curl/download.h"
#include "native/curl/handle.h"

namespace aimass::curl {
namespace {

constexpr std::size_t kMaxErrorBytes = std::size_t{64} << 10;

using Words = std::array<char, CURL_ERROR_SIZE>;

struct Transfer {
  const Request* request = nullptr;
  const CancelToken* cancel = nullptr;
  Gate gate;
  Answer answer;
  Status taken;            // by the sink
  bool too_large = false;  // the answer
  bool enough = false;     // of what an error says
};

bool Good(int status) { return status >= 200 && status < 300; }

// "HTTP/1.1 206 Partial Content", "HTTP/2 404"
int StatusIn(std::string_view line) {
  const std::size_t space = line.find(' ');
  int status = 0;
  if (space == std::string_view::npos) return status;
  for (const char c : line.substr(space + 1, 3)) {
    if (c < '0' || c > '9') return 0;
    status = status * 10 + (c - '0');
  }
  return status;
}

std::size_t OnHeader(char* data, std::size_t size, std::size_t count, void* user) {
  auto& answer = static_cast<Transfer*>(user)->answer;
  const std::string_view line(data, size * count);
  if (line.starts_with("HTTP/")) {  // an interim answer (1xx) may stand in front
    answer.status = StatusIn(line);
    answer.headers.clear();
    return line.size();
  }
  if (const std::size_t colon = line.find(':'); colon != std::string_view::npos)
    answer.headers[LowerCase(Trimmed(line.substr(0, colon)))] = Trimmed(line.substr(colon + 1));
  return line.size();
}

std::size_t OnBody(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string_view bytes(data, size * count);
  Answer& answer = transfer.answer;
  if (Good(answer.status) && transfer.request->sink) {
    transfer.taken = transfer.request->sink(answer, bytes);
    return transfer.taken ? bytes.size() : 0;
  }
  const std::size_t room =
      (Good(answer.status) ? transfer.request->max_body_bytes : kMaxErrorBytes) -
      answer.body.size();
  answer.body.append(bytes.substr(0, room));
  if (bytes.size() <= room) return bytes.size();
  (Good(answer.status) ? transfer.too_large : transfer.enough) = true;
  return 0;
}

int OnProgress(void* user, curl_off_t /*total*/, curl_off_t /*now*/, curl_off_t /*up*/,
               curl_off_t /*up_total*/) {
  return static_cast<Transfer*>(user)->cancel->cancelled() ? 1 : 0;
}

bool IsTls(CURLcode code) {
  return code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION ||
         code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CERTPROBLEM ||
         code == CURLE_SSL_CIPHER;
}

bool IsOutOfReach(CURLcode code) {
  return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST;
}

// A port for encrypted connections hangs up on others, or sends what is no HTTP.
bool MayBeTls(CURLcode code) {
  return code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR ||
         code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_WEIRD_SERVER_REPLY;
}

std::unexpected<Error> FailureOf(CURLcode code, const Gate& gate, const Words& words,
                                 const std::string& url, bool answered) {
  const std::string address = WithoutSecrets(url);
  if (IsTls(code) && !gate.refused) {
    return WithHint(
        Fail(ErrorCode::kUnavailable, "no encrypted connection to '{}': {}", address,
             words.front() != 0 ? words.data() : curl_easy_strerror(code)),
        Msg("give ca_file: the authority that signed the server's certificate; where the port is "
            "for connections that are not encrypted, write http://"));
  }
  Error failure = CheckTransfer(code, gate, address).error();
  if (gate.refused) return std::unexpected(std::move(failure));
  if (IsOutOfReach(code)) {
    failure.hint =
        Msg("check host and port, that the server runs, and that no firewall is between");
  } else if (!answered && url.starts_with("http://") && MayBeTls(code)) {
    failure.hint = Msg("if it is a port for encrypted connections, write https://");
  }
  return std::unexpected(std::move(failure));
}

HeaderList HeadersOf(const Request& request) {
  HeaderList headers(nullptr, &curl_slist_free_all);
  for (const std::string& header : request.headers)
    headers.reset(curl_slist_append(headers.release(), header.c_str()));
  if (!request.body.empty()) headers.reset(curl_slist_append(headers.release(), "Expect:"));
  return headers;
}

void SetUpServer(CURL* handle, const ClientOptions& options) {
  if (!options.use_proxy) curl_easy_setopt(handle, CURLOPT_PROXY, "");
  curl_easy_setopt(handle, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, options.verify ? 1L : 0L);
  curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, options.verify ? 2L : 0L);
  if (!options.ca_file.empty()) {
    curl_easy_setopt(handle, CURLOPT_CAINFO, options.ca_file.c_str());
    curl_easy_setopt(handle, CURLOPT_CAPATH, nullptr);
  }
  if (options.user.empty()) return;
  curl_easy_setopt(handle, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
  curl_easy_setopt(handle, CURLOPT_USERNAME, options.user.c_str());
  curl_easy_setopt(handle, CURLOPT_PASSWORD, options.password.c_str());
}

void SetUpRequest(CURL* handle, const Request& request) {
  curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
  if (request.method == "GET") return;
  curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE,
                   static_cast<curl_off_t>(request.body.size()));
  curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body.c_str());
  curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

}  // namespace

struct Client::State {
  Handle handle = NewHandle();
  bool answered = false;  // at least once
};

std::string_view Answer::Header(std::string_view name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

Client::Client(ClientOptions options)
    : options_(std::move(options)), state_(std::make_unique<State>()) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Answer> Client::Send(const Request& request, const CancelToken& cancel) {
  RETURN_IF_ERROR(cancel.Check());
  CURL* const handle = state_->handle.get();
  Transfer transfer{.request = &request, .cancel = &cancel};
  transfer.gate.public_only = options_.public_only;
  Words words{};
  const HeaderList headers = HeadersOf(request);
  SetUpTransfer(handle, request.url, request.stall_ms > 0 ? request.stall_ms : options_.stall_ms,
                options_.time_limit_ms, transfer.gate);
  SetUpServer(handle, options_);
  SetUpRequest(handle, request);
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &OnHeader);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &OnBody);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, &OnProgress);
  curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, words.data());
  const CURLcode code = curl_easy_perform(handle);
  curl_easy_reset(handle);  // nothing of this request stays, but for its connection

  RETURN_IF_ERROR(cancel.Check());
  RETURN_IF_ERROR(transfer.taken);
  if (transfer.too_large) {
    return Fail(ErrorCode::kPayloadTooLarge, "'{}' is larger than the {} bytes that are allowed",
                WithoutSecrets(request.url), request.max_body_bytes);
  }
  if (code == CURLE_OK || transfer.enough) {
    state_->answered = true;
    return std::move(transfer.answer);
  }
  return FailureOf(code, transfer.gate, words, request.url, state_->answered);
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
