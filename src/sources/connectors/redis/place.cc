#include "sources/connectors/redis/place.h"

#include <array>
#include <utility>

namespace aimass::connectors::redis {
namespace {

constexpr std::array<std::pair<std::string_view, Shape>, 7> kWords = {{{"string", Shape::kString},
                                                                       {"hash", Shape::kHash},
                                                                       {"fields", Shape::kFields},
                                                                       {"list", Shape::kList},
                                                                       {"set", Shape::kSet},
                                                                       {"zset", Shape::kZset},
                                                                       {"stream", Shape::kStream}}};
constexpr std::string_view kSpecial = "*?[";

// `pattern` up to its first sign that means more than itself; whether that is all of it.
std::pair<std::string, bool> Plain(std::string_view pattern) {
  std::string text;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (kSpecial.contains(pattern[i])) return {text, false};
    if (pattern[i] == '\\' && i + 1 < pattern.size()) ++i;
    text += pattern[i];
  }
  return {text, true};
}

}  // namespace

std::string Place::Key() const {
  if (shape == Shape::kStream && typed) return pattern;
  auto [text, all] = Plain(pattern);
  return all ? std::move(text) : std::string();
}

std::string Place::Prefix() const { return Plain(pattern).first; }

Result<Place> PlaceOf(std::string_view table) {
  for (const auto& [word, shape] : kWords) {
    if (!table.starts_with(word) || table.size() < word.size() + 2 || table[word.size()] != ' ')
      continue;
    return Place{
        .shape = shape, .pattern = std::string(table.substr(word.size() + 1)), .typed = true};
  }
  if (table.empty()) return Fail(ErrorCode::kNotFound, "a pattern of keys is missing");
  return Place{.shape = Shape::kHash, .pattern = std::string(table), .typed = false};
}

std::string NameOf(Shape shape, std::string_view pattern) {
  for (const auto& [word, known] : kWords) {
    if (known == shape) return std::string(word) + " " + std::string(pattern);
  }
  return std::string(pattern);
}

std::string_view TypeWord(Shape shape) {
  if (shape == Shape::kFields) return "hash";
  for (const auto& [word, known] : kWords) {
    if (known == shape) return word;
  }
  return {};
}

Result<Shape> ShapeOf(std::string_view type_word) {
  for (const auto& [word, shape] : kWords) {
    if (word == type_word && shape != Shape::kFields) return shape;
  }
  return Fail(ErrorCode::kUnprocessable, "keys of the type '{}' cannot be read", type_word);
}

std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("*?[]\\").contains(c)) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace aimass::connectors::redis
