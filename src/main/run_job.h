#pragma once

#include <string>

namespace aimass {

/// `aimass run-job SPEC`: runs one job in this process, with every kind of job that this build has.
/// Returns the exit code. Called by the server's executor, through the command line.
int RunJob(const std::string& spec_path);

}  // namespace aimass
