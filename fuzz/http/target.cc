// One request, whole and in two pieces (the first byte says where): both readings must be the same.
#include "api/http/parser.h"
#include "fuzz/scratch.h"

namespace {

using aimass::http::RequestParser;

struct Reading {
  int status = 0;  // of a refusal; 0: accepted, or more is needed
  std::size_t used = 0;
  std::string method, target, body;
  bool done = false;
  bool operator==(const Reading&) const = default;
};

Reading Read(std::string_view bytes, std::size_t split) {
  Reading reading;
  RequestParser parser({});
  auto taken = parser.TakeHead(bytes.substr(0, split));
  if (taken && *taken == 0) taken = parser.TakeHead(bytes);
  if (!taken) {
    reading.status = taken.error().status;
    return reading;
  }
  if (*taken == 0) return reading;
  if (*taken > bytes.size()) abort();
  reading.method = parser.head().method;
  reading.target = parser.head().target;
  reading.used = *taken;
  while (!parser.done()) {
    const std::size_t end = reading.used < split ? split : bytes.size();
    const auto body =
        parser.TakeBody(bytes.substr(reading.used, end - reading.used), &reading.body);
    if (!body) {
      reading = {.status = body.error().status};
      return reading;
    }
    reading.used += *body;
    if (*body == 0 && end == bytes.size()) break;
    if (*body == 0) split = 0;
  }
  reading.done = parser.done();
  return reading;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes = aimass::fuzz::Text(data + 1, size - 1);
  const std::size_t split = bytes.size() * data[0] / 256;
  if (Read(bytes, split) != Read(bytes, bytes.size())) abort();
  return 0;
}
