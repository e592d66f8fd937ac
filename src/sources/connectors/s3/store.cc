#include "sources/connectors/s3/store.h"

#include <algorithm>
#include <charconv>

#include "base/clock.h"
#include "base/wait.h"
#include "sources/connectors/s3/failure.h"

namespace aimass::connectors::s3 {
namespace {

constexpr int kAttempts = 6;        // where the store is busy: 0.2 + 0.4 + … + 3.2 s
constexpr int kBrokenAttempts = 3;  // where the connection breaks
constexpr std::int64_t kFirstWaitMs = 200;
constexpr std::int64_t kLongestWaitMs = 20'000;
constexpr std::string_view kPageKeys = "1000";

// Of the attempt that comes now, from 1; longer where the store says so.
std::int64_t WaitBefore(int attempt, std::string_view retry_after) {
  std::int64_t seconds = 0;
  std::from_chars(retry_after.data(), retry_after.data() + retry_after.size(), seconds);
  const std::int64_t own = kFirstWaitMs << (attempt - 1);
  return std::min(kLongestWaitMs, std::max(own, std::min<std::int64_t>(seconds, 60) * 1000));
}

void Hide(std::string& text, const std::string& secret) {
  if (secret.empty()) return;
  for (std::size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at))
    text.replace(at, secret.size(), "");
}

bool Good(const curl::Answer& answer) { return answer.status == 200 || answer.status == 206; }

}  // namespace

Store::Store(Place place, Credentials credentials, std::string folder, curl::ClientOptions options)
    : place_(std::move(place)),
      credentials_(std::move(credentials)),
      folder_(std::move(folder)),
      client_(std::move(options)) {}

Result<Listing> Store::List(const ListRequest& request, const CancelToken& cancel) {
  Question question{.path = place_.BucketPath(),
                    .query = {{"list-type", "2"},
                              {"encoding-type", "url"},
                              {"max-keys", std::string(kPageKeys)},
                              {"prefix", request.prefix}}};
  if (request.one_level) question.query.emplace_back("delimiter", "/");
  if (!request.token.empty()) question.query.emplace_back("continuation-token", request.token);
  ASSIGN_OR_RETURN(const curl::Answer answer, Ask(question, cancel));
  return ParseListing(answer.body);
}

Result<curl::Answer> Store::Get(const GetRequest& request, const CancelToken& cancel) {
  Question question{
      .path = place_.ObjectPath(request.key), .object = request.path, .sink = request.sink};
  if (!request.etag.empty()) question.headers["if-match"] = '"' + request.etag + '"';
  if (request.count >= 0) {
    question.headers["range"] =
        fmt::format("bytes={}-{}", request.from, request.from + request.count - 1);
  } else if (request.from > 0) {
    question.headers["range"] = fmt::format("bytes={}-", request.from);
  }
  return Ask(question, cancel);
}

curl::Request Store::Signed(const Question& question, std::int64_t now_ms) const {
  const std::string query = CanonicalQuery(question.query);
  curl::Request request{.url =
                            place_.Address() + question.path + (query.empty() ? "" : "?" + query)};
  Unsigned to_sign{.path = question.path,
                   .query = question.query,
                   .headers = question.headers,
                   .payload_sha256 = std::string(kNoPayload)};
  const bool signs = !credentials_.access_key.empty();
  const std::string stamp = StampOf(now_ms);
  if (signs) {
    to_sign.headers["host"] = place_.host;
    to_sign.headers["x-amz-content-sha256"] = to_sign.payload_sha256;
    to_sign.headers["x-amz-date"] = stamp;
    if (!credentials_.session_token.empty())
      to_sign.headers["x-amz-security-token"] = credentials_.session_token;
  }
  for (const auto& [name, value] : to_sign.headers) request.headers.push_back(name + ": " + value);
  if (signs) {
    request.headers.push_back("authorization: " +
                              Authorization(to_sign, credentials_, place_.region, "s3", stamp));
  }
  return request;
}

Result<curl::Answer> Store::Ask(const Question& question, const CancelToken& cancel) {
  bool taken = false;
  for (int attempt = 1;; ++attempt) {
    const std::int64_t now_ms = NowUnixMs();
    curl::Request request = Signed(question, now_ms);
    if (question.sink) {
      request.sink = [&](const curl::Answer& answer, std::string_view bytes) {
        taken = true;
        return question.sink(answer, bytes);
      };
    }
    auto answer = client_.Send(request, cancel);
    if (!answer) {
      const bool again = answer.error().code == ErrorCode::kUnavailable && answered_ && !taken &&
                         attempt < kBrokenAttempts;
      if (!again) return answer;
      RETURN_IF_ERROR(Wait(WaitBefore(attempt, {}), cancel));
      continue;
    }
    answered_ = true;
    if (Good(*answer)) return answer;
    if (!IsBusy(*answer) || attempt == kAttempts) {
      // A store could repeat what it was sent.
      Hide(answer->body, credentials_.secret_key);
      Hide(answer->body, credentials_.session_token);
      return std::unexpected(FailureOf(*answer, place_,
                                       {.access_key = credentials_.access_key,
                                        .folder = folder_,
                                        .path = question.object,
                                        .sent_ms = now_ms}));
    }
    RETURN_IF_ERROR(Wait(WaitBefore(attempt, answer->Header("retry-after")), cancel));
  }
}

}  // namespace aimass::connectors::s3
