#pragma once

#include <string>

#include "store/doctor.h"

namespace aimass {

/// What datasets keep in DATA/workspaces/<id>/datasets, for the doctor: the Delta table of each,
/// and the files of its newest version with their sizes. A table that an unfinished job writes
/// belongs to that job.
[[nodiscard]] FileOwner DatasetFiles(std::string data_folder);

}  // namespace aimass
