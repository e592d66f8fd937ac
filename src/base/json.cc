#include "base/json.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/words.h"

namespace aimass {
namespace {

// Finds `key` and checks its type; a nullptr means absent (or null).
Result<const Json*> Find(const Json& object, std::string_view key) {
  if (!object.is_object()) {
    return Fail(ErrorCode::kInvalidArgument, "expected a JSON object with '{}', found {}", key,
                KindOf(object));
  }
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return nullptr;
  return &*found;
}

template <typename T, typename Check>
Result<T> Get(const Json& object, std::string_view key, const char* expected, Check fits) {
  ASSIGN_OR_RETURN(const Json* value, Find(object, key));
  if (value == nullptr) return Fail(ErrorCode::kInvalidArgument, "'{}' is missing", key);
  if (!fits(*value)) {
    return Fail(ErrorCode::kInvalidArgument, "'{}' must be {}, found {}", key, Word{expected},
                KindOf(*value));
  }
  return value->get<T>();
}

template <typename T, typename Getter>
Result<T> GetOr(const Json& object, std::string_view key, T fallback, Getter getter) {
  ASSIGN_OR_RETURN(const Json* value, Find(object, key));
  if (value == nullptr) return fallback;
  return getter(object, key);
}

// One number for each character, so that 流失 is as long as it looks; what is no UTF-8 stays bytes.
std::u32string Characters(std::string_view text) {
  std::u32string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0) == 0x80 && !out.empty()) {
      out.back() = out.back() << 6 | (byte & 0x3f);
    } else {
      out.push_back(byte);
    }
  }
  return out;
}

// Levenshtein distance in characters.
std::size_t EditDistance(std::u32string_view a, std::u32string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

Word KindOf(const Json& json) {
  switch (json.type()) {
    case Json::value_t::null:
      return {"nothing (null)"};
    case Json::value_t::object:
      return {"an object"};
    case Json::value_t::array:
      return {"a list"};
    case Json::value_t::string:
      return {"a text"};
    default:  // short, and no secret
      return {json.dump()};
  }
}

Result<std::string> GetString(const Json& object, std::string_view key) {
  return Get<std::string>(object, key, "a text", [](const Json& v) { return v.is_string(); });
}

Result<std::int64_t> GetInteger(const Json& object, std::string_view key) {
  return Get<std::int64_t>(object, key, "an integer", [](const Json& v) {
    if (v.is_number_unsigned()) return v.get<std::uint64_t>() <= INT64_MAX;
    // JSON does not tell 3.0 from 3; above 2^53 a double is no longer sure of its last digit.
    if (v.is_number_float()) {
      const double number = v.get<double>();
      return std::trunc(number) == number && std::abs(number) <= 0x1p53;
    }
    return v.is_number_integer();
  });
}

Result<double> GetNumber(const Json& object, std::string_view key) {
  return Get<double>(object, key, "a number", [](const Json& v) { return v.is_number(); });
}

Result<bool> GetBool(const Json& object, std::string_view key) {
  return Get<bool>(object, key, "true or false", [](const Json& v) { return v.is_boolean(); });
}

Result<std::string> GetString(const Json& object, std::string_view key, std::string_view fallback) {
  return GetOr(object, key, std::string(fallback),
               [](const Json& o, std::string_view k) { return GetString(o, k); });
}

Result<std::int64_t> GetInteger(const Json& object, std::string_view key, std::int64_t fallback) {
  return GetOr(object, key, fallback,
               [](const Json& o, std::string_view k) { return GetInteger(o, k); });
}

Result<double> GetNumber(const Json& object, std::string_view key, double fallback) {
  return GetOr(object, key, fallback,
               [](const Json& o, std::string_view k) { return GetNumber(o, k); });
}

Result<bool> GetBool(const Json& object, std::string_view key, bool fallback) {
  return GetOr(object, key, fallback,
               [](const Json& o, std::string_view k) { return GetBool(o, k); });
}

Status RejectUnknown(const Json& object, std::initializer_list<std::string_view> known) {
  if (!object.is_object()) {
    return Fail(ErrorCode::kInvalidArgument, "expected a JSON object, found {}", KindOf(object));
  }
  for (const auto& [key, value] : object.items()) {
    if (std::ranges::find(known, std::string_view(key)) != known.end()) continue;
    const std::string nearest = Nearest(key, {known.begin(), known.size()});
    auto error =
        Fail(ErrorCode::kUnprocessable, "unknown field '{}'; known are: {}", key, Listing(known));
    if (nearest.empty()) return error;
    return WithHint(std::move(error), Msg("did you mean '{}'?", nearest));
  }
  return {};
}

std::string Nearest(std::string_view word, std::span<const std::string_view> known) {
  const std::u32string wanted = Characters(word);
  if (wanted.empty()) return "";
  // Half of the characters may differ, but never all of them.
  std::size_t best_distance =
      std::min(std::max<std::size_t>(wanted.size() / 2, 2) + 1, wanted.size());
  std::string_view best;
  for (const std::string_view candidate : known) {
    const std::size_t distance = EditDistance(wanted, Characters(candidate));
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  if (!best.empty() || (wanted.size() < 3 && word.size() == wanted.size()))
    return std::string(best);
  // "流失" for "是否流失": the shortest of which it is a part.
  for (const std::string_view candidate : known) {
    if (candidate.find(word) != std::string_view::npos &&
        (best.empty() || candidate.size() < best.size())) {
      best = candidate;
    }
  }
  return std::string(best);
}

Json ToJson(const Message& message) {
  return Json{{"format", message.format}, {"arguments", message.arguments}};
}

// The process that wrote them may be broken: what does not look like a message or an error gives an
// empty one.
Message MessageFromJson(const Json& json) {
  Message message;
  if (!json.is_object()) return message;
  message.format = GetString(json, "format", "").value_or("");
  const auto arguments = json.find("arguments");
  if (arguments == json.end() || !arguments->is_array()) return message;
  for (const Json& argument : *arguments) {
    message.arguments.push_back(argument.is_string() ? argument.get<std::string>()
                                                     : argument.dump());
  }
  return message;
}

Json ToJson(const Error& error) {
  Json json{{"code", CodeName(error.code)},
            {"message", ToJson(error.message)},
            {"hint", ToJson(error.hint)}};
  if (error.line > 0) {
    json["line"] = error.line;
    json["column"] = error.column;
  }
  return json;
}

Error ErrorFromJson(const Json& json) {
  const auto member = [&json](const char* key) {
    return json.is_object() ? json.value(key, Json()) : Json();
  };
  return Error{.code = CodeFromName(GetString(json, "code", "").value_or("")),
               .message = MessageFromJson(member("message")),
               .hint = MessageFromJson(member("hint")),
               .line = GetInteger(json, "line", 0).value_or(0),
               .column = GetInteger(json, "column", 0).value_or(0)};
}

}  // namespace aimass
