#include "api/http/range.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace aimass::http {
namespace {

std::optional<std::uint64_t> Number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

FilePart PartOf(const Request& request, std::string_view etag, std::uint64_t size) {
  FilePart whole{.status = 200, .first = 0, .bytes = size};
  const std::string_view none_match = request.Header("if-none-match");
  if (!none_match.empty() &&
      (none_match == "*" || none_match.find(etag) != std::string_view::npos)) {
    return {.status = 304, .first = 0, .bytes = 0};
  }
  std::string_view range = request.Header("range");
  const std::string_view if_range = request.Header("if-range");
  if (!range.starts_with("bytes=") || (!if_range.empty() && if_range != etag)) return whole;
  range.remove_prefix(6);
  const std::size_t dash = range.find('-');
  if (dash == std::string_view::npos || range.find(',') != std::string_view::npos) return whole;
  const auto first = Number(range.substr(0, dash));
  const auto last = Number(range.substr(dash + 1));
  if (!first && !last) return whole;
  if (!first) {  // the last so many bytes
    if (dash != 0) return whole;
    if (*last == 0 || size == 0) return {.status = 416, .first = 0, .bytes = 0};
    const std::uint64_t bytes = std::min(*last, size);
    return {.status = 206, .first = size - bytes, .bytes = bytes};
  }
  if (dash + 1 != range.size() && !last) return whole;
  if (last && *last < *first) return whole;
  if (*first >= size) return {.status = 416, .first = 0, .bytes = 0};
  const std::uint64_t end = last ? std::min(*last, size - 1) : size - 1;
  return {.status = 206, .first = *first, .bytes = end - *first + 1};
}

}  // namespace aimass::http
