#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace aimass {

enum class Language : std::uint8_t { kEnglish, kChinese };

/// A text for people, not yet in a language: the English format is the key of its 中文 text.
///
/// It travels as format + arguments (through JSON too: job processes report messages to the server)
/// and is rendered at the border. Formats hold only plain `{}`, filled in order; `{{` and `}}` are
/// braces.
struct Message {
  Message() = default;
  template <typename... Args>
  explicit Message(fmt::string_view text, const Args&... values)
      : format(text.data(), text.size()), arguments{fmt::format("{}", values)...} {}

  [[nodiscard]] bool empty() const { return format.empty(); }

  std::string format;
  std::vector<std::string> arguments;
};

/// `Msg("{} rows in", rows)`: a Message whose placeholders are counted by the compiler.
template <typename... Args>
[[nodiscard]] Message Msg(fmt::format_string<const Args&...> format, const Args&... args) {
  return Message{fmt::string_view(format), args...};
}

/// `message` in `language`; English where the 中文 text is missing. Never throws: a format and
/// arguments that do not fit leave the surplus `{}` in place.
[[nodiscard]] std::string Render(const Message& message, Language language);

/// The 中文 format for the English one, if there is one.
[[nodiscard]] std::optional<std::string_view> ChineseText(std::string_view english);

/// Every module's zh.json, sorted by key. Generated at build time.
[[nodiscard]] std::span<const std::pair<std::string_view, std::string_view>> ChineseTexts();

/// The language of an `Accept-Language` header or of a POSIX locale ("zh_CN.UTF-8",
/// "zh-CN,en;q=0.5"). The first of zh/en that it names by preference; English where it names
/// neither.
[[nodiscard]] Language LanguageOf(std::string_view accept_language);

/// A label in both languages, as plug-ins declare for their settings.
struct Label {
  std::string_view en;
  std::string_view zh;
  [[nodiscard]] std::string_view In(Language language) const {
    return language == Language::kChinese ? zh : en;
  }
};

}  // namespace aimass
