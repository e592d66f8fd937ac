// A file of the format 'excel', read to its end.
#include "fuzz/format.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  aimass::fuzz::ReadAll("excel", aimass::fuzz::Text(data, size));
  return 0;
}
