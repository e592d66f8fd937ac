#pragma once

#include <string>

namespace aimass {

/// `aimass run-sql MEMORY_BYTES`: queries of the server in this process, with every SQL function
/// that this build has. Returns the exit code. Called by SqlWorkers, through the command line.
int RunSql(const std::string& memory_bytes);

}  // namespace aimass
