// All of it as aimass.yaml; the first line also as an address, a duration and a time.
#include "base/clock.h"
#include "base/config.h"
#include "input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace aimass;
  const std::string_view text = fuzz::Text(data, size);
  const std::string_view line = text.substr(0, text.find('\n'));
  if (const auto listen = ParseListen(line)) {
    fuzz::Require(!listen->host.empty(), "an address has a host");
  }
  if (const auto ms = ParseDurationMs(line)) fuzz::Require(*ms >= 0, "a duration is not negative");
  if (const auto time = FromRfc3339(line)) {
    const auto again = FromRfc3339(ToRfc3339(*time));
    fuzz::Require(again && *again == *time, "a time survives writing and reading");
  }
  const fuzz::MemoryFile file(text);
  const auto config = Config::Load({}, {}, file.path(), true);
  if (!config) {
    fuzz::Require(!Render(config.error().message, Language::kChinese).empty(),
                  "a refusal says why");
    return 0;
  }
  for (const Config::Value& value : config->values()) {
    if (value.field->kind != FieldKind::kInteger) continue;
    const auto number = static_cast<double>(config->Integer(value.field->name));
    fuzz::Require(number >= value.field->min && number <= value.field->max,
                  "a number is within its limits");
  }
  return 0;
}
