#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace aimass {

/// Where a started process finds the descriptor that it was given.
inline constexpr int kChannelDescriptor = 3;

struct ProcessLaunch {
  std::string binary;
  std::vector<std::string> arguments;    // without the program itself
  std::vector<std::string> environment;  // "NAME=value"; nothing else
  int channel = -1;                      // the process has it as kChannelDescriptor
  std::string output_path;               // its standard output and error; begun anew
};

/// Starts a process (posix_spawn, never fork) in a group of its own, with no signal blocked or
/// handled, an empty standard input, and no descriptor but the channel. Whoever starts it waits for
/// it. Where it asks for PR_SET_PDEATHSIG, it ends with the thread that called this.
///
/// Errors   those of SystemError, naming the binary. Threads  any.
[[nodiscard]] Result<pid_t> StartProcess(const ProcessLaunch& launch);

/// Kills the group of a process that StartProcess started, waits for its end and gives its wait
/// status.
int KillAndReap(pid_t pid);

/// Bytes that are the process's alone: mapped libraries and data files can be dropped and cost
/// nobody anything. 0 where there is no such process.
[[nodiscard]] std::int64_t AnonymousMemoryOf(pid_t pid);

/// Bytes that count towards its RLIMIT_DATA: all that it may write and shares with nobody, used or
/// not.
[[nodiscard]] std::int64_t DataSizeOf(pid_t pid);

/// Bytes that it may still add before its RLIMIT_DATA is full; the greatest number where it has no
/// limit, 0 where there is no such process.
[[nodiscard]] std::int64_t DataRoomOf(pid_t pid);

/// How many processes the system has killed for want of memory since it started.
[[nodiscard]] std::int64_t SystemMemoryKills();

/// The last lines of what a process wrote into a file, as valid UTF-8 whatever it was.
[[nodiscard]] std::string TailOf(const std::string& path);

}  // namespace aimass
