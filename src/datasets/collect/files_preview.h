#pragma once

#include <string>

#include "datasets/format.h"
#include "sources/service.h"

namespace aimass {

/// How SourceService::Preview() looks into files: at the first one of the table that is small
/// enough to be read for it, as an import without options would read it. `formats` must outlive it.
[[nodiscard]] SourceService::FilePreview FilePreviewOf(const FormatRegistry& formats,
                                                       std::string temp_folder);

}  // namespace aimass
