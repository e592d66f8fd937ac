#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/message.h"

namespace aimass {

/// An argument of a Message that is a word of ours and not of the user: it is translated too.
/// `Fail(code, "'{}' must be {}", name, Word{"a number"})`; its 中文 stands in a zh.json.
struct Word {
  std::string english;
};

/// An argument of a Message that is several: "a, b, c" in English, “a、b、c” in 中文.
struct Listing {
  template <typename Range>
  explicit Listing(const Range& range) {
    for (const auto& item : range) items.emplace_back(item);
  }
  std::vector<std::string> items;
};

/// What `json` is, for messages: "an object", "a list", "a text", or the number itself.
[[nodiscard]] Word KindOf(const Json& json);

// How both travel inside of an argument (through JSON too); Render takes the marks out again.
inline constexpr char kWordMark = '\x1e';
inline constexpr char kListMark = '\x1f';

}  // namespace aimass

template <>
struct fmt::formatter<aimass::Word> : fmt::formatter<std::string_view> {
  auto format(const aimass::Word& word, fmt::format_context& context) const {
    return fmt::format_to(context.out(), "{}{}", aimass::kWordMark, word.english);
  }
};

template <>
struct fmt::formatter<aimass::Listing> : fmt::formatter<std::string_view> {
  auto format(const aimass::Listing& listing, fmt::format_context& context) const {
    return fmt::format_to(context.out(), "{}",
                          fmt::join(listing.items, std::string_view(&aimass::kListMark, 1)));
  }
};
