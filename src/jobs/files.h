#pragma once

#include <string>

#include "store/doctor.h"

namespace aimass {

/// What the queue keeps in DATA/jobs, for the doctor: one folder per job that the metadata knows.
[[nodiscard]] FileOwner JobFiles(std::string data_folder);

}  // namespace aimass
