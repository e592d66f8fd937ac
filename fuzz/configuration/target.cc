// The first line as an address and a duration, all of it as aimass.yaml.
#include "base/clock.h"
#include "base/config.h"
#include "fuzz/scratch.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace aimass;
  const std::string_view text = fuzz::Text(data, size);
  const std::string_view line = text.substr(0, text.find('\n'));
  if (const auto listen = ParseListen(line); listen && listen->host.empty()) abort();
  if (const auto ms = ParseDurationMs(line); ms && *ms < 0) abort();
  if (const auto time = FromRfc3339(line); time) static_cast<void>(ToRfc3339(*time));
  const fuzz::MemoryFile file("aimass.yaml", text);
  const auto config = Config::Load({}, {}, file.path(), true);
  if (!config) return 0;
  for (const Config::Value& value : config->values()) {
    if (value.field->kind == FieldKind::kInteger) {
      const auto number = static_cast<double>(config->Integer(value.field->name));
      if (number < value.field->min || number > value.field->max) abort();
    }
  }
  return 0;
}
