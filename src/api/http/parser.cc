// The only file that includes Beast: 20 seconds of compiler are enough.
#include "api/http/parser.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/optional.hpp>
#include <cctype>

#include "api/http/chunks.h"

namespace aimass::http {
namespace {

namespace beast = boost::beast;
using beast::error_code;
using beast::string_view;

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

template <typename... Args>
std::unexpected<HttpError> Refuse(int status, fmt::format_string<const Args&...> format,
                                  const Args&... args) {
  const ErrorCode code = status == 400 ? ErrorCode::kInvalidArgument : ErrorCode::kUnsupported;
  return std::unexpected(HttpError{
      .status = status,
      .error = {.code = code, .message = Message{fmt::string_view(format), args...}, .hint = {}}});
}

}  // namespace

std::string_view Head::Field(std::string_view lower_case_name) const {
  for (const auto& [name, value] : fields) {
    if (name == lower_case_name) return value;
  }
  return {};
}

class RequestParser::Impl final : public beast::http::basic_parser<true> {
 public:
  explicit Impl(HeadLimits limits) : limits_(limits) {
    body_limit(boost::none);  // the route decides, see connection_read.cc
    header_limit(static_cast<std::uint32_t>(limits.max_bytes + 4));
    eager(false);
  }

  std::expected<std::size_t, HttpError> TakeHead(std::string_view bytes) {
    // One empty line before a request is to be ignored (RFC 9112, 2.2).
    std::size_t skipped = 0;
    while (bytes.starts_with("\r\n") && skipped < 8) {
      bytes.remove_prefix(2);
      skipped += 2;
    }
    const std::size_t end = bytes.find("\r\n\r\n");
    const std::string_view seen = bytes.substr(0, end == std::string_view::npos ? end : end + 4);
    if (auto checked = Check(seen, end != std::string_view::npos); !checked) {
      return std::unexpected(checked.error());
    }
    if (end == std::string_view::npos) return 0;

    error_code error;
    const std::size_t used = put({seen.data(), seen.size()}, error);
    if (error && error != beast::http::error::need_more) {
      if (error == beast::http::error::bad_version) {
        return Refuse(505, "the HTTP version must be 1.0 or 1.1");
      }
      return Refuse(400, "the request head is malformed: {}", error.message());
    }
    if (used != seen.size() || !is_header_done()) {
      return Refuse(400, "the request head is malformed: {}", "incomplete");
    }
    if (auto framed = CheckFraming(); !framed) return std::unexpected(framed.error());
    head_.keep_alive = keep_alive();
    left_ = head_.content_length.value_or(0);
    return used + skipped;
  }

  std::expected<std::size_t, HttpError> TakeBody(std::string_view bytes, std::string* out) {
    if (head_.chunked) {
      const std::size_t used = chunks_.Put(bytes, out);
      if (chunks_.bad()) return Refuse(400, "the body's chunks are malformed");
      return used;
    }
    const auto used = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
    out->append(bytes.substr(0, used));
    left_ -= used;
    return used;
  }

  [[nodiscard]] bool done() const { return head_.chunked ? chunks_.done() : left_ == 0; }
  const Head& head() const { return head_; }

 private:
  /// What Beast lets pass or would only notice later.
  std::expected<void, HttpError> Check(std::string_view seen, bool complete) const {
    const std::size_t line_end = seen.find("\r\n");
    if (std::min(line_end, seen.size()) > limits_.max_target) {
      return Refuse(414, "the request line may have {} bytes", limits_.max_target);
    }
    if (seen.size() > limits_.max_bytes || (!complete && seen.size() >= limits_.max_bytes)) {
      return Refuse(431, "the request head may have {} bytes", limits_.max_bytes);
    }
    std::size_t lines = 0;
    for (std::size_t i = 0; i < seen.size(); ++i) {
      const char c = seen[i];
      if (c == '\0') return Refuse(400, "the request head must not hold a NUL character");
      if (c == '\n' && (i == 0 || seen[i - 1] != '\r')) {
        return Refuse(400, "a line of the request head must end with CR LF");
      }
      if (c == '\r' && i + 1 < seen.size() && seen[i + 1] != '\n') {
        return Refuse(400, "a line of the request head must end with CR LF");
      }
      if (c == '\n') {
        ++lines;
        if (i + 1 < seen.size() && (seen[i + 1] == ' ' || seen[i + 1] == '\t')) {
          return Refuse(400, "a header field must not be folded over lines");
        }
      }
    }
    if (lines > limits_.max_fields + 2) {
      return Refuse(431, "the request may have {} header fields", limits_.max_fields);
    }
    return {};
  }

  std::expected<void, HttpError> CheckFraming() {
    if (lengths_ > 1) return Refuse(400, "Content-Length must stand once");
    if (encodings_ > 1) return Refuse(400, "Transfer-Encoding must stand once");
    if (lengths_ > 0 && encodings_ > 0) {
      return Refuse(400, "Content-Length and Transfer-Encoding must not stand together");
    }
    if (hosts_ > 1) return Refuse(400, "Host must stand once");
    if (hosts_ == 0 && head_.version == 11) return Refuse(400, "HTTP/1.1 needs a Host field");
    if (encodings_ > 0) {
      const std::string_view value = head_.Field("transfer-encoding");
      if (head_.version == 10) return Refuse(400, "HTTP/1.0 has no Transfer-Encoding");
      if (Lower(value) != "chunked") {
        return Refuse(501, "Transfer-Encoding must be chunked, got '{}'", value);
      }
      head_.chunked = true;
    }
    if (lengths_ > 0) {
      const std::string_view value = head_.Field("content-length");
      const bool digits = !value.empty() && value.size() <= 18 &&
                          std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; });
      if (!digits) return Refuse(400, "Content-Length must be a number, got '{}'", value);
      head_.content_length = std::stoull(std::string(value));
    }
    return {};
  }

  void on_request_impl(beast::http::verb, string_view method, string_view target, int version,
                       error_code&) override {
    head_.method.assign(method.data(), method.size());
    head_.target.assign(target.data(), target.size());
    head_.version = version;
  }
  void on_response_impl(int, string_view, int, error_code&) override {}
  void on_field_impl(beast::http::field, string_view name, string_view value,
                     error_code&) override {
    const std::string lower = Lower({name.data(), name.size()});
    if (lower == "content-length") ++lengths_;
    if (lower == "transfer-encoding") ++encodings_;
    if (lower == "host") ++hosts_;
    for (auto& [known, text] : head_.fields) {
      if (known != lower) continue;
      text.append(", ").append(value.data(), value.size());
      return;
    }
    head_.fields.emplace_back(lower, std::string(value.data(), value.size()));
  }
  // The body is not Beast's business: eager(false) ends its work with the head.
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view body, error_code&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code&) override {
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  const HeadLimits limits_;
  Head head_;
  ChunkDecoder chunks_;
  std::uint64_t left_ = 0;  // of a body with a Content-Length
  int lengths_ = 0;
  int encodings_ = 0;
  int hosts_ = 0;
};

RequestParser::RequestParser(HeadLimits limits) : impl_(std::make_unique<Impl>(limits)) {}
RequestParser::~RequestParser() = default;

std::expected<std::size_t, HttpError> RequestParser::TakeHead(std::string_view bytes) {
  return impl_->TakeHead(bytes);
}
const Head& RequestParser::head() const { return impl_->head(); }
std::expected<std::size_t, HttpError> RequestParser::TakeBody(std::string_view bytes,
                                                              std::string* out) {
  return impl_->TakeBody(bytes, out);
}
bool RequestParser::done() const { return impl_->done(); }

}  // namespace aimass::http
