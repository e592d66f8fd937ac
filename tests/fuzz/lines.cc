// A file of the format 'json': an array, an object, or an object per line.
#include <memory>

#include "table.h"

namespace aimass::formats::json {
void Register(FormatRegistry& registry);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace aimass;
  static const auto formats = [] {
    auto all = std::make_unique<FormatRegistry>("format");
    formats::json::Register(*all);
    return all;
  }();
  fuzz::ReadTable(**formats->Find("json"), {}, OnMisfit::kWiden, *formats, fuzz::Text(data, size));
  return 0;
}
