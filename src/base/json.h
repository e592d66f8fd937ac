#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace aimass {

using Json = nlohmann::json;

/// Parses strict JSON (no comments, valid UTF-8). Errors: kInvalidArgument with position and
/// reason; more than `max_depth` levels are refused.
[[nodiscard]] Result<Json> ParseJson(std::string_view text, int max_depth = 64);

/// One member of an object, checked. Errors name the member, what was expected and what was found.
[[nodiscard]] Result<std::string> GetString(const Json& object, std::string_view key);
[[nodiscard]] Result<std::int64_t> GetInteger(const Json& object, std::string_view key);
[[nodiscard]] Result<double> GetNumber(const Json& object, std::string_view key);
[[nodiscard]] Result<bool> GetBool(const Json& object, std::string_view key);

/// Absent or null gives `fallback`; a wrong type is still an error.
[[nodiscard]] Result<std::string> GetString(const Json& object, std::string_view key,
                                            std::string_view fallback);
[[nodiscard]] Result<std::int64_t> GetInteger(const Json& object, std::string_view key,
                                              std::int64_t fallback);
[[nodiscard]] Result<double> GetNumber(const Json& object, std::string_view key, double fallback);
[[nodiscard]] Result<bool> GetBool(const Json& object, std::string_view key, bool fallback);

/// 422 for a member of `object` that is not among `known`; names the nearest known one.
[[nodiscard]] Status RejectUnknown(const Json& object,
                                   std::initializer_list<std::string_view> known);

/// The entry of `known` that is closest to `word` by edit distance; empty when none is close.
[[nodiscard]] std::string Nearest(std::string_view word, std::span<const std::string_view> known);

/// Messages and errors as JSON, so that a job process can hand them to the server untranslated.
[[nodiscard]] Json ToJson(const Message& message);
[[nodiscard]] Message MessageFromJson(const Json& json);
[[nodiscard]] Json ToJson(const Error& error);
[[nodiscard]] Error ErrorFromJson(const Json& json);

}  // namespace aimass
