#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace aimass {

/// What this build has of one kind of plug-in, by name. `Type` has a member `name`.
///
/// Filled once at start by the generated RegisterAll… function, read-only afterwards, so any thread
/// may read it.
template <typename Type>
class Registry {
 public:
  explicit Registry(std::string kind) : kind_(std::move(kind)) {}

  /// A second one of the same name replaces the first; the contract suites forbid it.
  void Add(Type type) {
    std::string name(type.name);
    types_.insert_or_assign(std::move(name), std::move(type));
  }

  /// Errors   kNotFound naming what this build has.
  [[nodiscard]] Result<const Type*> Find(std::string_view name) const {
    if (const auto found = types_.find(name); found != types_.end()) return &found->second;
    std::string names;
    for (const auto& [known, type] : types_) names += (names.empty() ? "" : " ") + known;
    return Fail(ErrorCode::kNotFound, "no {} '{}'; this build has: {}", kind_, name, names);
  }

  [[nodiscard]] const std::map<std::string, Type, std::less<>>& types() const { return types_; }

 private:
  std::string kind_;
  std::map<std::string, Type, std::less<>> types_;
};

}  // namespace aimass
