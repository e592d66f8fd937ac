#pragma once

#include "datasets/format.h"
#include "fuzz/scratch.h"

namespace aimass::fuzz {

/// Reads `content` as a table of `format`, to its end; every batch must have the schema's width.
inline void ReadAll(std::string_view format, std::string_view content) {
  static const FormatRegistry& formats = *[] {
    auto all = std::make_unique<FormatRegistry>("format");
    RegisterAllFormats(*all);
    return all.release();
  }();
  const auto type = formats.Find(format);
  if (!type) abort();
  const MemoryFile file(format, content);
  const auto settings = CheckSettings("format", (*type)->fields, {});
  if (!settings) abort();
  const FormatRequest request{.files = {{.path = file.path(), .name = "file", .valid_utf8 = false}},
                              .settings = *settings,
                              .wanted = {},
                              .reject = [](const Reject&) -> Status { return {}; },
                              .temp_folder = "/tmp",
                              .threads = 1,
                              .memory_bytes = std::int64_t{256} << 20,
                              .cancel = {}};
  auto reader = (*type)->open(request);
  if (!reader) return;
  std::int64_t rows = 0;
  for (;;) {
    auto batch = (*reader)->Next();
    if (!batch) return;
    if (!*batch) break;
    if ((*batch)->schema().columns.size() != (*reader)->schema().columns.size()) abort();
    rows += static_cast<std::int64_t>((*batch)->num_rows());
  }
  const auto verified = (*reader)->Verify();
  if (verified && verified->columns.size() != (*reader)->schema().columns.size()) abort();
}

}  // namespace aimass::fuzz
