#include "base/message.h"

#include <algorithm>
#include <charconv>

namespace aimass {
namespace {

std::string Fill(std::string_view format, const std::vector<std::string>& arguments) {
  std::string text;
  text.reserve(format.size() + 32);
  std::size_t next = 0;
  for (std::size_t i = 0; i < format.size(); ++i) {
    const char c = format[i];
    const char after = i + 1 < format.size() ? format[i + 1] : '\0';
    if (c == '{' && after == '}' && next < arguments.size()) {
      text += arguments[next++];
      ++i;
    } else if ((c == '{' && after == '{') || (c == '}' && after == '}')) {
      text += c;
      ++i;
    } else {
      text += c;
    }
  }
  return text;
}

// The weight of one entry of Accept-Language: "en;q=0.5" is 0.5, "zh" is 1.
double Weight(std::string_view entry) {
  const std::size_t at = entry.find("q=");
  if (at == std::string_view::npos) return 1.0;
  double weight = 0.0;
  std::from_chars(entry.data() + at + 2, entry.data() + entry.size(), weight);
  return weight;
}

}  // namespace

std::string Render(const Message& message, Language language) {
  if (language == Language::kChinese) {
    if (const auto chinese = ChineseText(message.format)) return Fill(*chinese, message.arguments);
  }
  return Fill(message.format, message.arguments);
}

std::optional<std::string_view> ChineseText(std::string_view english) {
  const auto texts = ChineseTexts();
  const auto found =
      std::ranges::lower_bound(texts, english, {}, [](const auto& t) { return t.first; });
  if (found == texts.end() || found->first != english) return std::nullopt;
  return found->second;
}

Language LanguageOf(std::string_view accept_language) {
  double best = 0.0;
  Language language = Language::kEnglish;
  while (!accept_language.empty()) {
    const std::size_t comma = accept_language.find(',');
    std::string_view entry = accept_language.substr(0, comma);
    accept_language = comma == std::string_view::npos ? "" : accept_language.substr(comma + 1);
    while (entry.starts_with(' ')) entry.remove_prefix(1);
    const bool chinese = entry.starts_with("zh") || entry.starts_with("ZH");
    const bool english = entry.starts_with("en") || entry.starts_with("EN");
    if (!chinese && !english) continue;
    if (const double weight = Weight(entry); weight > best) {
      best = weight;
      language = chinese ? Language::kChinese : Language::kEnglish;
    }
  }
  return language;
}

}  // namespace aimass
