// One request, whole and in two pieces (the first byte says where): both readings must be the same.
// Then its address, and its body where that is compressed.
#include <memory>

#include "api/http/compress.h"
#include "api/http/parser.h"
#include "api/http/url.h"
#include "input.h"

namespace {

using namespace aimass;
using http::RequestParser;

struct Reading {
  int status = 0;  // of a refusal; 0: accepted, or more is needed
  std::size_t used = 0;
  std::string method, target, coding, body;
  bool done = false;
  bool operator==(const Reading&) const = default;
};

/// Reads `bytes` as a connection does, of which the first `split` came earlier.
Reading Read(std::string_view bytes, std::size_t split) {
  RequestParser parser({});
  auto taken = parser.TakeHead(bytes.substr(0, split));
  if (taken && *taken == 0) {
    split = bytes.size();
    taken = parser.TakeHead(bytes);
  }
  if (!taken) return {.status = taken.error().status};
  if (*taken == 0) return {};
  fuzz::Require(*taken <= bytes.size(), "a head is not longer than what came");
  Reading reading{.used = *taken,
                  .method = parser.head().method,
                  .target = parser.head().target,
                  .coding = std::string(parser.head().Field("content-encoding"))};
  while (!parser.done()) {
    if (reading.used == split) split = bytes.size();
    if (reading.used == bytes.size()) break;
    const auto used =
        parser.TakeBody(bytes.substr(reading.used, split - reading.used), &reading.body);
    if (!used) return {.status = used.error().status};
    fuzz::Require(*used > 0 || parser.done(), "a body goes on or ends");
    reading.used += *used;
  }
  reading.done = parser.done();
  return reading;
}

void CheckAddress(std::string_view text) {
  const auto target = http::ParseTarget(text);
  if (!target) return;
  for (const std::string& segment : http::SplitPath(target->path)) {
    const auto decoded = http::PercentDecode(segment, false);
    if (!decoded) continue;
    const auto again = http::PercentDecode(http::PercentEncode(*decoded), false);
    fuzz::Require(again && *again == *decoded, "a segment survives writing and reading");
  }
  const auto query = http::ParseQuery(target->query);
  if (!query) return;
  std::string written;
  for (const auto& [name, value] : *query) {
    written += "&" + http::PercentEncode(name) + "=" + http::PercentEncode(value);
  }
  const auto again = http::ParseQuery(written);
  fuzz::Require(again && *again == *query, "a query survives writing and reading");
}

void CheckBody(const Reading& reading) {
  constexpr std::size_t kMost = std::size_t{1} << 20;
  const auto coding = http::CodingOf(reading.coding);
  if (!coding || *coding == http::Coding::kIdentity) return;
  const auto decoder = http::Decoder::Make(*coding);
  std::string decoded;
  if (!decoder->Put(reading.body, kMost, &decoded)) return;
  fuzz::Require(decoded.size() <= kMost, "a compressed body keeps to its limit");
  static_cast<void>(decoder->Finish());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes = fuzz::Text(data + 1, size - 1);
  const Reading whole = Read(bytes, bytes.size());
  fuzz::Require(whole == Read(bytes, bytes.size() * data[0] / 256), "pieces change nothing");
  if (whole.status != 0) return 0;
  CheckAddress(whole.target);
  CheckBody(whole);
  return 0;
}
