#pragma once

#include <string>

#include "store/doctor.h"

namespace aimass {

/// What the registry keeps in DATA/workspaces/<id>/models, for the doctor: the folder of each
/// version, and its files with the checksums of SHA256SUMS.
[[nodiscard]] FileOwner ModelFiles(std::string data_folder);

}  // namespace aimass
