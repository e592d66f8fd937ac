#include "jobs/machine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"

namespace aimass::jobs {
namespace {

// The number that `text` starts with; -1 for "max" and anything else.
std::int64_t Leading(std::string_view text) {
  std::int64_t number = -1;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// The cgroup v2 folders from this process's own up to the root.
std::vector<std::filesystem::path> Groups() {
  std::vector<std::filesystem::path> folders;
  const auto text = ReadFile("/proc/self/cgroup", 1 << 16);
  if (!text || !text->starts_with("0::/")) return folders;
  const std::filesystem::path root = "/sys/fs/cgroup";
  std::filesystem::path group = root / text->substr(4, text->find('\n') - 4);
  for (; group.native().size() >= root.native().size(); group = group.parent_path())
    folders.push_back(group);
  return folders;
}

}  // namespace

Machine MeasureMachine() {
  Machine machine;
  machine.memory_bytes = std::int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  cpu_set_t usable;
  CPU_ZERO(&usable);
  machine.cpus = sched_getaffinity(0, sizeof usable, &usable) == 0 ? CPU_COUNT(&usable) : 1;
  for (const auto& group : Groups()) {
    if (const auto text = ReadFile(group / "memory.max", 1 << 12)) {
      if (const std::int64_t bytes = Leading(*text); bytes > 0) {
        machine.memory_bytes = std::min(machine.memory_bytes, bytes);
      }
    }
    if (const auto text = ReadFile(group / "cpu.max", 1 << 12)) {
      const std::int64_t quota = Leading(*text);
      const auto space = text->find(' ');
      const std::int64_t period =
          space == std::string::npos ? 0 : Leading(std::string_view(*text).substr(space + 1));
      if (quota > 0 && period > 0) {
        machine.cpus = std::min(machine.cpus, static_cast<int>((quota + period - 1) / period));
      }
    }
  }
  machine.cpus = std::max(machine.cpus, 1);
  return machine;
}

}  // namespace aimass::jobs
