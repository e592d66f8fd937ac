#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http/problem.h"

namespace aimass::http {

struct HeadLimits {
  std::size_t max_bytes = 32u << 10;  // request line and fields
  std::size_t max_fields = 100;
  std::size_t max_target = 8u << 10;  // of the request line
};

/// The request line and the fields, names in lower case; a field that came twice is joined by ", ".
struct Head {
  std::string method;
  std::string target;
  int version = 11;  // 10 or 11
  std::vector<std::pair<std::string, std::string>> fields;
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = true;

  [[nodiscard]] std::string_view Field(std::string_view lower_case_name) const;
  [[nodiscard]] bool has_body() const { return chunked || content_length.value_or(0) > 0; }
};

/// One HTTP/1 request out of a byte stream: the head by Beast's parser, with everything refused
/// that two readers could understand in two ways (request smuggling): Content-Length beside
/// Transfer-Encoding, either of them twice, codings other than chunked, folded fields, bare CR or
/// LF, a bad chunk.
///
/// One object per request; one thread.
class RequestParser {
 public:
  explicit RequestParser(HeadLimits limits);
  ~RequestParser();

  /// Takes the head from the front of `bytes`: how many bytes it was, or 0 while more are needed
  /// (then call again with the same and more). Errors: 400, 414, 431, 501, 505.
  [[nodiscard]] std::expected<std::size_t, HttpError> TakeHead(std::string_view bytes);
  [[nodiscard]] const Head& head() const;

  /// Takes body bytes from the front of `bytes`: how many were used; what they hold is appended to
  /// `out`. Errors   400 for a bad chunk.
  [[nodiscard]] std::expected<std::size_t, HttpError> TakeBody(std::string_view bytes,
                                                               std::string* out);
  [[nodiscard]] bool done() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace aimass::http
