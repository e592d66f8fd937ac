// Strict JSON: what is accepted is valid for a second reader too, and means the same when it is
// written and read again.
#include "base/json.h"

#include <simdjson.h>

#include "input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace aimass;
  const std::string_view text = fuzz::Text(data, size);
  const auto json = ParseJson(text);
  if (!json) {
    fuzz::Require(!Render(json.error().message, Language::kChinese).empty(), "a refusal says why");
    return 0;
  }
  simdjson::dom::parser parser;
  const auto error = parser.parse(text.data(), text.size()).error();
  // Integers beyond 64 bits are numbers for us and none for simdjson.
  fuzz::Require(error == simdjson::SUCCESS || error == simdjson::NUMBER_ERROR,
                "a second reader accepts it");
  const auto again = ParseJson(json->dump());
  fuzz::Require(again && *again == *json, "written and read again it is the same");
  const Error restored = ErrorFromJson(*json);
  fuzz::Require(ErrorFromJson(ToJson(restored)).ToString() == restored.ToString(),
                "an error survives its way as JSON");
  static_cast<void>(Render(MessageFromJson(*json), Language::kChinese));
  return 0;
}
