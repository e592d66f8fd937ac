#include "base/message.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <utility>

#include "base/words.h"

namespace aimass {
namespace {

// What our English formats count, in the plural: behind a 1 they are rendered in the singular.
constexpr std::pair<std::string_view, std::string_view> kPlurals[]{
    {"aliases", "alias"},
    {"attempts", "attempt"},
    {"bytes", "byte"},
    {"categories", "category"},
    {"characters", "character"},
    {"classes", "class"},
    {"columns", "column"},
    {"connections", "connection"},
    {"datasets", "dataset"},
    {"days", "day"},
    {"elements", "element"},
    {"endpoints", "endpoint"},
    {"entries", "entry"},
    {"features", "feature"},
    {"fields", "field"},
    {"files", "file"},
    {"folders", "folder"},
    {"hits", "hit"},
    {"jobs", "job"},
    {"keys", "key"},
    {"labels", "label"},
    {"leaves", "leaf"},
    {"levels", "level"},
    {"libraries", "library"},
    {"lines", "line"},
    {"members", "member"},
    {"minutes", "minute"},
    {"models", "model"},
    {"nodes", "node"},
    {"numbers", "number"},
    {"outputs", "output"},
    {"pages", "page"},
    {"places", "place"},
    {"predictions", "prediction"},
    {"queries", "query"},
    {"requests", "request"},
    {"routes", "route"},
    {"rows", "row"},
    {"seconds", "second"},
    {"sheets", "sheet"},
    {"times", "time"},
    {"trees", "tree"},
    {"trials", "trial"},
    {"values", "value"},
    {"versions", "version"},
    {"weights", "weight"},
};

// "rows" behind a 1 is "row".
std::size_t SkipPlural(std::string_view format, std::size_t at, std::string& text) {
  if (at >= format.size() || format[at] != ' ') return at;
  const std::string_view rest = format.substr(at + 1);
  const std::string_view word =
      rest.substr(0, rest.find_first_not_of("abcdefghijklmnopqrstuvwxyz"));
  const auto found =
      std::ranges::lower_bound(kPlurals, word, {}, [](const auto& p) { return p.first; });
  if (found == std::end(kPlurals) || found->first != word) return at;
  text += ' ';
  text += found->second;
  return at + 1 + word.size();
}

void AddArgument(std::string& text, std::string_view argument, Language language) {
  while (true) {
    const std::size_t end = argument.find(kListMark);
    std::string_view item = argument.substr(0, end);
    if (item.starts_with(kWordMark)) {
      item.remove_prefix(1);
      const auto chinese =
          language == Language::kChinese ? ChineseText(item) : std::optional<std::string_view>();
      text += chinese.value_or(item);
    } else {
      text += item;
    }
    if (end == std::string_view::npos) return;
    text += language == Language::kChinese ? "、" : ", ";
    argument.remove_prefix(end + 1);
  }
}

// `english`: the format is ours and not its translation.
std::string Fill(std::string_view format, const std::vector<std::string>& arguments,
                 Language language, bool english) {
  std::string text;
  text.reserve(format.size() + 32);
  std::size_t next = 0;
  for (std::size_t i = 0; i < format.size(); ++i) {
    const char c = format[i];
    const char after = i + 1 < format.size() ? format[i + 1] : '\0';
    if (c == '{' && after == '}' && next < arguments.size()) {
      const std::string& argument = arguments[next++];
      AddArgument(text, argument, language);
      ++i;
      if (english && argument == "1") i = SkipPlural(format, i + 1, text) - 1;
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
    if (const auto chinese = ChineseText(message.format)) {
      return Fill(*chinese, message.arguments, language, false);
    }
  }
  return Fill(message.format, message.arguments, language, true);
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
