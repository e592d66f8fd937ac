// Strict JSON: what is accepted means the same when it is written and read again.
#include "base/json.h"
#include "fuzz/scratch.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace aimass;
  const auto json = ParseJson(fuzz::Text(data, size));
  if (!json) return 0;
  const auto again = ParseJson(json->dump());
  if (!again || *again != *json) abort();
  static_cast<void>(ErrorFromJson(*json).ToString());
  static_cast<void>(Render(MessageFromJson(*json), Language::kChinese));
  return 0;
}
