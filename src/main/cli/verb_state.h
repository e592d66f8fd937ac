#pragma once

// Internal to verb.cc, help.cc and completion_script.cc: the only files that compile CLI11.

#include <CLI/CLI.hpp>
#include <map>
#include <optional>
#include <string>

#include "main/cli/verb.h"

namespace aimass::cli {

struct CommandLine::State {
  CLI::App app{"", "aimass"};
  std::map<const CLI::App*, VerbInfo> info;
  std::optional<Error> refused;  // by a value's own check, thrown through CLI11
};

/// Where the words led: the deepest verb that they name, and whether help is wanted there.
struct CommandLine::Walk {
  CLI::App* app = nullptr;
  bool help = false;
};

/// "aimass datasets import"
[[nodiscard]] std::string FullName(const CLI::App& app);
/// The verbs below `app`, in the order in which they were added.
[[nodiscard]] std::vector<CLI::App*> Children(const CLI::App& app);
/// "--format", "-f": every way to write the option.
[[nodiscard]] std::vector<std::string> NamesOf(const CLI::Option& option);

}  // namespace aimass::cli
