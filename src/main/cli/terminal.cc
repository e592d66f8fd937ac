#include "main/cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <span>

#include "base/clock.h"

namespace aimass::cli {
namespace {

struct Character {
  char32_t code = 0xFFFD;
  std::size_t bytes = 1;
};

// The character at the front of `text`; a broken byte counts as one.
Character Front(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  if (bytes == 1 || bytes > text.size()) return {};
  char32_t code = lead & (0xFF >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xC0) != 0x80) return {};
    code = (code << 6) | (next & 0x3F);
  }
  return {code, bytes};
}

struct Range {
  char32_t first, last;
};

// East Asian Width W and F of Unicode 15, in coarse blocks; sorted.
constexpr std::array kWide{
    Range{0x1100, 0x115F},   Range{0x231A, 0x231B},   Range{0x23E9, 0x23EC},
    Range{0x2614, 0x2615},   Range{0x26A1, 0x26A1},   Range{0x2705, 0x2705},
    Range{0x274C, 0x274C},   Range{0x2E80, 0x303E},   Range{0x3041, 0x33FF},
    Range{0x3400, 0x4DBF},   Range{0x4E00, 0x9FFF},   Range{0xA000, 0xA4CF},
    Range{0xA960, 0xA97F},   Range{0xAC00, 0xD7A3},   Range{0xF900, 0xFAFF},
    Range{0xFE10, 0xFE19},   Range{0xFE30, 0xFE6F},   Range{0xFF00, 0xFF60},
    Range{0xFFE0, 0xFFE6},   Range{0x16FE0, 0x18CFF}, Range{0x1B000, 0x1B2FF},
    Range{0x1F004, 0x1F004}, Range{0x1F0CF, 0x1F0CF}, Range{0x1F18E, 0x1F19A},
    Range{0x1F200, 0x1F320}, Range{0x1F32D, 0x1F64F}, Range{0x1F680, 0x1F6FF},
    Range{0x1F7E0, 0x1F7EB}, Range{0x1F90C, 0x1F9FF}, Range{0x1FA70, 0x1FAFF},
    Range{0x20000, 0x3FFFD},
};
constexpr std::array kZero{
    Range{0x0300, 0x036F}, Range{0x0483, 0x0489},   Range{0x0591, 0x05BD}, Range{0x064B, 0x065F},
    Range{0x0E34, 0x0E3A}, Range{0x1AB0, 0x1AFF},   Range{0x1DC0, 0x1DFF}, Range{0x200B, 0x200F},
    Range{0x202A, 0x202E}, Range{0x2060, 0x2064},   Range{0x20D0, 0x20FF}, Range{0xFE00, 0xFE0F},
    Range{0xFE20, 0xFE2F}, Range{0xE0100, 0xE01EF},
};

bool In(std::span<const Range> ranges, char32_t code) {
  const auto after = std::ranges::upper_bound(ranges, code, {}, &Range::first);
  return after != ranges.begin() && code <= std::prev(after)->last;
}

int WidthOf(char32_t code) {
  if (code < 0x20 || (code >= 0x7F && code < 0xA0) || In(kZero, code)) return 0;
  return In(kWide, code) ? 2 : 1;
}

// The length of an escape sequence at the front of `text`: "\033[31m".
std::size_t EscapeLength(std::string_view text) {
  if (!text.starts_with("\033[")) return 0;
  const std::size_t end = text.find_first_not_of("0123456789;", 2);
  return end == std::string_view::npos ? text.size() : end + 1;
}

}  // namespace

int Width(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    if (const std::size_t escape = EscapeLength(text); escape > 0) {
      text.remove_prefix(escape);
      continue;
    }
    const Character next = Front(text);
    width += WidthOf(next.code);
    text.remove_prefix(next.bytes);
  }
  return width;
}

std::string Cut(std::string_view text, int width) {
  if (Width(text) <= width) return std::string(text);
  if (width <= 0) return "";
  std::size_t kept = 0;
  int used = 0;
  while (kept < text.size()) {
    const Character next = Front(text.substr(kept));
    if (used + WidthOf(next.code) > width - 1) break;
    used += WidthOf(next.code);
    kept += next.bytes;
  }
  return std::string(text.substr(0, kept)) + "…";
}

std::string PadRight(std::string_view text, int width) {
  return std::string(text) + std::string(std::max(0, width - Width(text)), ' ');
}

std::string PadLeft(std::string_view text, int width) {
  return std::string(std::max(0, width - Width(text)), ' ') + std::string(text);
}

std::string Printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const Character next = Front(text);
    if (next.code == '\n') {
      result += "⏎";
    } else if (next.code == '\t') {
      result += ' ';
    } else if (next.code < 0x20 || (next.code >= 0x7F && next.code < 0xA0) ||
               (next.code >= 0x202A && next.code <= 0x202E)) {
      result += "�";
    } else {
      result += text.substr(0, next.bytes);
    }
    text.remove_prefix(next.bytes);
  }
  return result;
}

std::vector<std::string> Wrap(std::string_view text, int width) {
  constexpr std::string_view kNeverFirst = "，。、；：！？）】》”’…";
  std::vector<std::string> lines;
  std::string line;
  std::string
      word;  // what must stay together: a Latin word, or one wide character and the marks behind it
  int line_width = 0;
  const auto flush = [&] {
    const int word_width = Width(word);
    if (line_width > 0 && line_width + word_width > width) {
      lines.push_back(line.substr(0, line.find_last_not_of(' ') + 1));
      line.clear();
      line_width = 0;
      while (word.starts_with(' ')) word.erase(0, 1);
    }
    line += word;
    line_width += Width(word);
    word.clear();
  };
  bool after_wide = false;
  while (!text.empty()) {
    const Character next = Front(text);
    const std::string_view piece = text.substr(0, next.bytes);
    text.remove_prefix(next.bytes);
    if (piece == "\n") {
      flush();
      lines.push_back(line);
      line.clear();
      line_width = 0;
      after_wide = false;
      continue;
    }
    const bool wide = WidthOf(next.code) == 2;
    const bool mark = kNeverFirst.find(piece) != std::string_view::npos;
    if (!mark && (wide || after_wide || piece == " ")) flush();
    word += piece;
    after_wide = wide;
  }
  flush();
  if (!line.empty() || lines.empty()) lines.push_back(line);
  return lines;
}

std::optional<int> TerminalWidth(int descriptor) {
  if (isatty(descriptor) == 0) return std::nullopt;
  winsize size{};
  if (ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

bool UsesColour(int descriptor) {
  const char* const no_colour = std::getenv("NO_COLOR");
  if (no_colour != nullptr && *no_colour != '\0') return false;
  const char* const terminal = std::getenv("TERM");
  if (terminal != nullptr && std::string_view(terminal) == "dumb") return false;
  return isatty(descriptor) != 0;
}

std::string Paint(Colour colour, std::string_view text, int descriptor) {
  if (!UsesColour(descriptor)) return std::string(text);
  constexpr std::array kCodes{"31", "32", "33", "2", "1"};
  return fmt::format("\033[{}m{}\033[0m", kCodes[static_cast<std::size_t>(colour)], text);
}

std::string Thousands(std::int64_t number) {
  std::string digits = std::to_string(number);
  const std::size_t first = number < 0 ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string Bytes(std::int64_t bytes) {
  constexpr std::array kUnits{"B", "kB", "MB", "GB", "TB", "PB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (std::abs(value) >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  if (unit == 0) return fmt::format("{} B", bytes);
  return fmt::format("{:.{}f} {}", value, value < 9.95 ? 1 : 0, kUnits[unit]);
}

std::string Duration(std::int64_t ms) {
  if (ms < 1000) return fmt::format("{} ms", ms);
  const std::int64_t seconds = (ms + 500) / 1000;
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {} min", seconds / 3600, seconds % 3600 / 60);
}

std::string Number(double value) {
  if (!std::isfinite(value)) return "–";
  if (value == std::floor(value) && std::abs(value) < 1e15) {
    return Thousands(static_cast<std::int64_t>(value));
  }
  if (std::abs(value) >= 1000) return fmt::format("{:.1f}", value);
  if (std::abs(value) < 0.001) return fmt::format("{:.3g}", value);
  return fmt::format("{:.4f}", value);
}

std::string LocalTime(std::string_view rfc3339) {
  const auto ms = FromRfc3339(rfc3339);
  if (!ms) return std::string(rfc3339);
  const auto seconds = static_cast<std::time_t>(*ms / 1000);
  std::tm local{};
  if (localtime_r(&seconds, &local) == nullptr) return std::string(rfc3339);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M", &local);
  return {text.data(), length};
}

std::string Table::ToText(std::optional<int> width) const {
  std::vector<int> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    int widest = Width(columns_[i].heading);
    for (const auto& row : rows_) {
      if (i < row.size()) widest = std::max(widest, Width(row[i]));
    }
    widths.push_back(widest);
  }
  if (width) {
    // The widest column gives way, one step at a time, until the row fits or nothing can be read
    // any more.
    int total = 2 * static_cast<int>(widths.size()) - 2;
    for (const int each : widths) total += each;
    while (total > *width) {
      const auto widest = std::ranges::max_element(widths);
      if (widest == widths.end() || *widest <= 8) break;
      --*widest;
      --total;
    }
  }
  std::string text;
  const auto add = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::string cell = Cut(i < row.size() ? row[i] : "", widths[i]);
      if (i > 0) line += "  ";
      line +=
          columns_[i].align == Align::kRight ? PadLeft(cell, widths[i]) : PadRight(cell, widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  std::vector<std::string> headings;
  for (const Column& column : columns_) headings.push_back(column.heading);
  add(headings);
  std::vector<std::string> rules;
  for (const int each : widths) {
    std::string rule;
    for (int i = 0; i < each; ++i) rule += "─";
    rules.push_back(rule);
  }
  add(rules);
  for (const auto& row : rows_) add(row);
  return text;
}

std::string DrawBar(const ProgressLine::State& state, int width, Language language) {
  std::string words = state.step;
  if (state.rows) words += " · " + Render(Msg("{} rows", Thousands(*state.rows)), language);
  if (state.eta_ms && state.fraction < 1.0) {
    words += " · " + Render(Msg("{} left", Duration(*state.eta_ms)), language);
  }
  if (state.fraction < 0) return Cut(words, width);
  const double fraction = std::clamp(state.fraction, 0.0, 1.0);
  constexpr int kCells = 20;
  const int full = static_cast<int>(fraction * kCells);
  std::string bar;
  for (int i = 0; i < kCells; ++i) bar += i < full ? "█" : "░";
  return Cut(fmt::format("{} {:>3.0f} % {}", bar, std::floor(fraction * 100), words), width);
}

ProgressLine::ProgressLine(Language language)
    : language_(language), width_(TerminalWidth(STDERR_FILENO)) {}

void ProgressLine::Update(const State& state) {
  const std::int64_t now = SteadyMs();
  if (width_) {
    if (last_ms_ != 0 && now - last_ms_ < 100) return;
    last_ms_ = now;
    fmt::print(stderr, "\r\033[K{}", DrawBar(state, *width_ - 1, language_));
    std::fflush(stderr);
    drawn_ = true;
    return;
  }
  if (last_ms_ != 0 && now - last_ms_ < 2000) return;
  std::string text = state.step;
  if (state.fraction >= 0)
    text = fmt::format("{:.0f} % {}", std::floor(state.fraction * 100), text);
  if (state.rows) text += " · " + Render(Msg("{} rows", Thousands(*state.rows)), language_);
  if (state.eta_ms && state.fraction < 1.0) {
    text += " · " + Render(Msg("{} left", Duration(*state.eta_ms)), language_);
  }
  if (text == last_text_) return;
  last_text_ = text;
  last_ms_ = now;
  fmt::print(stderr, "{}\n", text);
  std::fflush(stderr);
}

void ProgressLine::Clear() {
  if (!drawn_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  drawn_ = false;
}

}  // namespace aimass::cli
