#include "sources/glob.h"

#include <algorithm>

namespace aimass {
namespace {

constexpr std::string_view kSpecial = "*?[";
constexpr std::size_t kMaxBytes = 1024;

std::vector<std::string> NamesOf(std::string_view path) {
  std::vector<std::string> names;
  if (path.empty()) return names;
  for (;;) {
    const std::size_t slash = path.find('/');
    names.emplace_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return names;
    path.remove_prefix(slash + 1);
  }
}

// Bytes of the character that begins `text`; broken UTF-8 byte by byte.
std::size_t CharacterBytes(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
  return std::min(bytes, text.size());
}

// "[a-c]" at the beginning of `pattern`, and whether `character` is of it. 0: it is never closed.
std::size_t MatchSet(std::string_view pattern, std::string_view character, bool* matches) {
  std::size_t at = 1;
  const bool inverted = at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^');
  if (inverted) ++at;
  bool found = false;
  for (bool first = true; at < pattern.size(); first = false) {
    if (pattern[at] == ']' && !first) {
      *matches = found != inverted;
      return at + 1;
    }
    const std::string_view from = pattern.substr(at, CharacterBytes(pattern.substr(at)));
    std::string_view to = from;
    at += from.size();
    if (at + 1 < pattern.size() && pattern[at] == '-' && pattern[at + 1] != ']') {
      ++at;
      to = pattern.substr(at, CharacterBytes(pattern.substr(at)));
      at += to.size();
    }
    // The order of UTF-8's bytes is that of the characters.
    if (from <= character && character <= to) found = true;
  }
  return 0;
}

// One name. Iterative: a star that did not fit takes one character more.
bool MatchName(std::string_view pattern, std::string_view name) {
  if (name.starts_with('.') && !pattern.starts_with('.')) return false;
  std::size_t star = std::string_view::npos;
  std::size_t star_name = 0;
  std::size_t p = 0;
  std::size_t n = 0;
  while (n < name.size()) {
    const std::string_view character = name.substr(n, CharacterBytes(name.substr(n)));
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_name = n;
      continue;
    }
    std::size_t step = 0;
    bool fits = false;
    if (p < pattern.size()) {
      if (pattern[p] == '?') {
        step = 1;
        fits = true;
      } else if (pattern[p] == '[') {
        step = MatchSet(pattern.substr(p), character, &fits);
      } else {
        step = character.size();
        fits = pattern.substr(p, step) == character;
      }
    }
    if (fits) {
      p += step;
      n += character.size();
    } else if (star != std::string_view::npos) {
      p = star + 1;
      star_name += CharacterBytes(name.substr(star_name));
      n = star_name;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

using Names = std::vector<std::string>;

bool MatchNames(const Names& pattern, std::size_t p, const Names& path, std::size_t n) {
  for (; p < pattern.size(); ++p, ++n) {
    if (pattern[p] == "**") {
      for (std::size_t skip = n; skip <= path.size(); ++skip) {
        if (MatchNames(pattern, p + 1, path, skip)) return true;
        if (skip < path.size() && path[skip].starts_with('.')) return false;
      }
      return false;
    }
    if (n == path.size() || !MatchName(pattern[p], path[n])) return false;
  }
  return n == path.size();
}

}  // namespace

Result<Glob> Glob::Parse(std::string_view text) {
  Glob glob;
  glob.text_ = std::string(text);
  const bool broken = std::ranges::any_of(text, [](char c) {
    return (static_cast<unsigned char>(c) < 0x20) || c == '\\' || c == 0x7f;
  });
  if (text.empty() || text.size() > kMaxBytes || broken || text.front() == '/') {
    return WithHint(
        Fail(ErrorCode::kUnprocessable,
             "a table of files is a path or a pattern relative to the source, got '{}'", text),
        Msg("such as orders/*.csv, or **/*.parquet"));
  }
  glob.names_ = NamesOf(text);
  for (const std::string& name : glob.names_) {
    if (name.empty() || name == "." || name == "..") {
      return WithHint(
          Fail(ErrorCode::kUnprocessable,
               "a table of files is a path or a pattern relative to the source, got '{}'", text),
          Msg("such as orders/*.csv, or **/*.parquet"));
    }
    for (std::size_t i = 0; i < name.size(); ++i) {
      bool ignored = false;
      if (name[i] != '[') continue;
      const std::size_t end = MatchSet(std::string_view(name).substr(i), "a", &ignored);
      if (end == 0) {
        return Fail(ErrorCode::kUnprocessable, "the pattern '{}' has a [ without its ]", text);
      }
      i += end - 1;
    }
    if (name.find_first_of(kSpecial) != std::string::npos) glob.literal_ = false;
  }
  // One after the other they are no more than one, and only slower.
  const auto doubled = std::ranges::unique(
      glob.names_, [](const auto& a, const auto& b) { return a == "**" && b == "**"; });
  glob.names_.erase(doubled.begin(), doubled.end());
  return glob;
}

bool Glob::Matches(std::string_view path) const { return MatchNames(names_, 0, NamesOf(path), 0); }

bool Glob::MayMatchBelow(std::string_view folder) const {
  const Names path = NamesOf(folder);
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (i >= names_.size()) return false;
    if (names_[i] == "**") return true;
    if (!MatchName(names_[i], path[i])) return false;
  }
  return path.size() < names_.size();
}

std::string GlobOf(std::string_view path) {
  std::string out;
  for (const char c : path) {
    if (kSpecial.find(c) != std::string_view::npos) {
      out += {'[', c, ']'};
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace aimass
