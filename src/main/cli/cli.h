#pragma once

namespace aimass::cli {

/// The whole command line: `aimass <noun> <verb> …`. Returns the exit code: 0 done, 1 failed, 2
/// wrong usage. Called once, from main().
int RunCli(int argc, char** argv);

}  // namespace aimass::cli
