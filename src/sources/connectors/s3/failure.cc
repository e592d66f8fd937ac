#include "sources/connectors/s3/failure.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/excerpt.h"
#include "base/json.h"
#include "base/percent.h"
#include "native/curl/download.h"
#include "sources/connectors/s3/answers.h"

namespace aimass::connectors::s3 {
namespace {

constexpr std::size_t kWords = 300;

// An answer that is an error, and what it was asked for.
class Failure {
 public:
  Failure(const curl::Answer& answer, const Place& place, const Asked& asked)
      : answer_(answer),
        place_(place),
        asked_(asked),
        refusal_(ParseRefusal(answer.body).value_or(Refusal())) {}

  std::unexpected<Error> Say() const {
    const std::string& code = refusal_.code;
    if (answer_.status == 412 || code == "PreconditionFailed") return Changed();
    if (code == "RequestTimeTooSkewed") return WrongClock();
    if (code == "NoSuchBucket") return NoBucket();
    if (IsRegion()) return OtherRegion();
    if (code == "SecondLevelDomainForbidden" || code == "PathStyleDomainForbidden") {
      return WithHint(Fail(ErrorCode::kUnprocessable,
                           "this object store wants the bucket in the name of the host"),
                      Msg("set addressing to virtual"));
    }
    if (code == "InvalidObjectState") return Archived();
    if (const auto sign_in = SignIn()) return std::unexpected(*sign_in);
    if (code == "InvalidBucketName") {
      return WithHint(Fail(ErrorCode::kUnprocessable, "'{}' is no name of a bucket", place_.bucket),
                      Msg("letters, digits, '-' and '.'; folders in it are set by prefix"));
    }
    if (IsBusy(answer_)) {
      return Fail(ErrorCode::kUnavailable, "the object store is busy: {}", Words());
    }
    if (answer_.status == 404 && !asked_.path.empty())
      return Fail(ErrorCode::kNotFound, "there is no file '{}'", asked_.path);
    if (code.empty()) {  // no object store has answered
      return WithHint(Fail(ErrorCode::kUnprocessable, "'{}' answered with status {}",
                           place_.Address(), answer_.status),
                      Msg("endpoint is the address of the object store's S3 API, not of its "
                          "console"));
    }
    if (answer_.status == 404) return NoBucket();
    if (answer_.status == 403 || answer_.status == 401) return NotAllowed();
    return Fail(ErrorCode::kUnprocessable, "the object store refuses it: {}", Words());
  }

 private:
  [[nodiscard]] std::string Header(std::string_view name) const {
    const std::string_view value = answer_.Header(name);
    return IsUtf8(value) ? Excerpt(value, kWords) : std::string();
  }

  [[nodiscard]] std::string Words() const {
    const std::string code =
        refusal_.code.empty() ? fmt::format("{}", answer_.status) : Excerpt(refusal_.code, kWords);
    if (refusal_.message.empty()) return code;
    return fmt::format("{} ({})", Excerpt(refusal_.message, kWords), code);
  }

  [[nodiscard]] std::unexpected<Error> Changed() const {
    return Fail(ErrorCode::kUnavailable, "file '{}' changed while it was read", asked_.path);
  }

  [[nodiscard]] std::unexpected<Error> NoBucket() const {
    return WithHint(
        Fail(ErrorCode::kNotFound, "'{}' has no bucket '{}'", place_.Address(), place_.bucket),
        Msg("check bucket, endpoint and region"));
  }

  [[nodiscard]] std::unexpected<Error> WrongClock() const {
    std::string there = refusal_.server_time;
    if (there.empty()) there = Header("date");
    return WithHint(
        Fail(ErrorCode::kUnauthenticated,
             "the clocks differ too much: here it is {}, at the object store {}",
             ToRfc3339(asked_.sent_ms), there),
        refusal_.allowed_skew_ms > 0
            ? Msg("set the clock of the machine that runs AI Mass (timedatectl set-ntp true); {} "
                  "minutes are allowed",
                  refusal_.allowed_skew_ms / 60'000)
            : Msg("set the clock of the machine that runs AI Mass (timedatectl set-ntp true)"));
  }

  // Of the bucket, where it is another one than was asked.
  [[nodiscard]] std::string Region() const {
    if (!refusal_.region.empty()) return refusal_.region;
    return Header("x-amz-bucket-region");
  }

  [[nodiscard]] bool IsRegion() const {
    const bool elsewhere = answer_.status >= 300 && answer_.status < 400 && answer_.status != 304;
    return elsewhere || refusal_.code == "PermanentRedirect" ||
           refusal_.code == "TemporaryRedirect" ||
           refusal_.code == "IllegalLocationConstraintException" ||
           (refusal_.code == "AuthorizationHeaderMalformed" && !Region().empty());
  }

  [[nodiscard]] std::unexpected<Error> OtherRegion() const {
    const std::string region = Region();
    if (!region.empty() && region != place_.region) {
      return WithHint(
          Fail(ErrorCode::kUnprocessable, "the bucket '{}' is in the region '{}', not in '{}'",
               place_.bucket, region, place_.region),
          Msg("set region to {}, and endpoint to the one of that region or to nothing", region));
    }
    std::string elsewhere = refusal_.endpoint;
    if (elsewhere.empty()) elsewhere = curl::WithoutSecrets(Header("location"));
    if (elsewhere.empty()) elsewhere = "?";
    return WithHint(Fail(ErrorCode::kUnprocessable, "the bucket '{}' must be asked for at '{}'",
                         place_.bucket, elsewhere),
                    Msg("set endpoint, and region, to that"));
  }

  [[nodiscard]] std::unexpected<Error> Archived() const {
    return WithHint(Fail(ErrorCode::kUnprocessable,
                         "file '{}' lies in an archive ({}) and cannot be read there", asked_.path,
                         refusal_.storage_class.empty() ? "?" : refusal_.storage_class),
                    Msg("restore it first, or let the table leave it out"));
  }

  // Why nobody is let in who says to be this one.
  [[nodiscard]] std::optional<Error> SignIn() const {
    const std::string& code = refusal_.code;
    const auto unauthenticated = [](Message message, Message hint) {
      return Error{.code = ErrorCode::kUnauthenticated,
                   .message = std::move(message),
                   .hint = std::move(hint)};
    };
    if (code == "InvalidAccessKeyId" || code == "InvalidSecurity") {
      return unauthenticated(Msg("the object store knows no access key '{}'", asked_.access_key),
                             Msg("check access_key; one that came with a session token needs "
                                 "session_token too"));
    }
    if (code == "SignatureDoesNotMatch") {
      return unauthenticated(
          Msg("the secret key does not belong to the access key '{}'", asked_.access_key),
          Msg("check secret_key: all of it, and no space before or behind it"));
    }
    if (code == "ExpiredToken" || code == "TokenRefreshRequired" ||
        code == "SecurityTokenExpired") {
      return unauthenticated(Msg("the session token of '{}' has expired", asked_.access_key),
                             Msg("give access_key, secret_key and session_token anew, or a key "
                                 "without a token"));
    }
    if (code == "InvalidToken" || code == "InvalidSecurityToken") {
      return unauthenticated(
          Msg("the session token does not belong to the access key '{}'", asked_.access_key),
          Msg("a key without a token goes without session_token"));
    }
    if (code == "AuthorizationHeaderMalformed") {
      return unauthenticated(Msg("the object store does not take the signature: {}", Words()),
                             Msg("check region and access_key"));
    }
    return std::nullopt;
  }

  [[nodiscard]] std::unexpected<Error> NotAllowed() const {
    const Message policy =
        Msg("let its owner allow that; this is enough: {}", PolicyFor(place_, asked_.folder));
    if (asked_.access_key.empty()) {
      return WithHint(
          asked_.path.empty()
              ? Fail(ErrorCode::kPermissionDenied, "not everybody may list the bucket '{}'",
                     place_.bucket)
              : Fail(ErrorCode::kPermissionDenied, "not everybody may read '{}' of the bucket '{}'",
                     asked_.path, place_.bucket),
          Msg("set access_key and secret_key"));
    }
    return WithHint(asked_.path.empty()
                        ? Fail(ErrorCode::kPermissionDenied,
                               "the access key '{}' may not list the bucket '{}' (s3:ListBucket)",
                               asked_.access_key, place_.bucket)
                        : Fail(ErrorCode::kPermissionDenied,
                               "the access key '{}' may not read '{}' of the bucket '{}' "
                               "(s3:GetObject)",
                               asked_.access_key, asked_.path, place_.bucket),
                    policy);
  }

  const curl::Answer& answer_;
  const Place& place_;
  const Asked& asked_;
  Refusal refusal_;
};

std::string Quoted(const std::string& text) { return Json(text).dump(); }

}  // namespace

Error FailureOf(const curl::Answer& answer, const Place& place, const Asked& asked) {
  return Failure(answer, place, asked).Say().error();
}

bool IsBusy(const curl::Answer& answer) {
  constexpr std::array<int, 5> kStatuses{429, 500, 502, 503, 504};
  if (std::ranges::find(kStatuses, answer.status) != kStatuses.end()) return true;
  if (answer.status != 400 && answer.status != 409) return false;
  const auto refusal = ParseRefusal(answer.body);
  return refusal && (refusal->code == "RequestTimeout" || refusal->code == "OperationAborted");
}

std::string PolicyFor(const Place& place, std::string_view folder) {
  const std::string objects = fmt::format("{}/{}*", place.bucket, folder);
  if (place.vendor == Vendor::kOss) {
    return fmt::format(
        R"({{"Version":"1","Statement":[{{"Effect":"Allow","Action":"oss:ListObjects","Resource":{}}},)"
        R"({{"Effect":"Allow","Action":"oss:GetObject","Resource":{}}}]}})",
        Quoted("acs:oss:*:*:" + place.bucket), Quoted("acs:oss:*:*:" + objects));
  }
  if (place.vendor == Vendor::kCos) {
    const std::string account = place.bucket.substr(place.bucket.rfind('-') + 1);  // NAME-APPID
    const std::string resource = fmt::format("qcs::cos:{}:uid/{}:", place.region, account);
    return fmt::format(
        R"({{"version":"2.0","statement":[{{"effect":"allow","action":"name/cos:GetBucket","resource":{}}},)"
        R"({{"effect":"allow","action":"name/cos:GetObject","resource":{}}}]}})",
        Quoted(resource + place.bucket + "/*"), Quoted(resource + objects));
  }
  const std::string_view partition = place.region.starts_with("cn-") ? "aws-cn" : "aws";
  const std::string resource = fmt::format("arn:{}:s3:::", partition);
  return fmt::format(
      R"({{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"s3:ListBucket","Resource":{}}},)"
      R"({{"Effect":"Allow","Action":"s3:GetObject","Resource":{}}}]}})",
      Quoted(resource + place.bucket), Quoted(resource + objects));
}

}  // namespace aimass::connectors::s3
