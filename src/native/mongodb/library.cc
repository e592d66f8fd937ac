// libmongoc readies itself when it is loaded, before main(): it makes /dev/shm/mongoc-<pid>, a
// block of counters for a tool that nobody here has. A process that is killed leaves it, and the
// next one with that process id finds it and says on stderr that it cannot make its own. Its
// switch, an environment variable, is read before a program can set it. So what a dead process left
// is removed before libmongoc is loaded, and this process's own block right after.
#include "native/mongodb/library.h"

#include <mongoc/mongoc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <mutex>

namespace aimass::mongodb {
namespace {

constexpr std::size_t kLongestName = 32;

void RemoveCounters() {
  std::array<char, kLongestName> name{};
  std::snprintf(name.data(), name.size(), "/mongoc-%d", static_cast<int>(getpid()));
  shm_unlink(name.data());
}

// Runs before the initialisers of every shared library.
[[gnu::section(".preinit_array"), gnu::used]] void (*const before_libraries)() = RemoveCounters;

[[gnu::constructor]] void AfterLibraries() { RemoveCounters(); }

}  // namespace

void StartLibrary() {
  static std::once_flag once;
  std::call_once(once, [] {
    mongoc_log_set_handler(nullptr, nullptr);
    mongoc_init();
  });
}

}  // namespace aimass::mongodb
