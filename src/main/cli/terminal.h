#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/message.h"

namespace aimass::cli {

/// The columns that `text` takes on a terminal: 2 for CJK and emoji, 0 for combining marks and
/// escapes.
[[nodiscard]] int Width(std::string_view text);
/// `text` cut to at most `width` columns, with "…" where something was cut. Never splits a
/// character.
[[nodiscard]] std::string Cut(std::string_view text, int width);
/// `text` filled with spaces to `width` columns.
[[nodiscard]] std::string PadRight(std::string_view text, int width);
[[nodiscard]] std::string PadLeft(std::string_view text, int width);
/// Control characters (of data that is not ours) made visible, so that they cannot steer the
/// terminal.
[[nodiscard]] std::string Printable(std::string_view text);

/// Lines of at most `width` columns: broken at spaces, and between Chinese characters, never before
/// 、，。.
[[nodiscard]] std::vector<std::string> Wrap(std::string_view text, int width);

/// Columns of the terminal on `descriptor`; nullopt where it is none.
[[nodiscard]] std::optional<int> TerminalWidth(int descriptor);
/// Whether colour may be used: a terminal, no NO_COLOR, TERM is not "dumb".
[[nodiscard]] bool UsesColour(int descriptor);

enum class Colour : std::uint8_t { kRed, kGreen, kYellow, kDim, kBold };
/// `text` in `colour` where `descriptor` shows colours.
[[nodiscard]] std::string Paint(Colour colour, std::string_view text, int descriptor);

[[nodiscard]] std::string Thousands(std::int64_t number);  // "1,067,371"
[[nodiscard]] std::string Bytes(std::int64_t bytes);       // "1.2 MB"
[[nodiscard]] std::string Duration(std::int64_t ms);       // "850 ms", "12 s", "3 min 20 s"
[[nodiscard]] std::string Number(double value);            // at most 4 digits behind the point
[[nodiscard]] std::string LocalTime(
    std::string_view rfc3339);  // "2026-11-22 16:05", the reader's clock

/// Rows under headings, aligned; cut to the terminal's width where there is one.
class Table {
 public:
  enum class Align : std::uint8_t { kLeft, kRight };
  struct Column {
    std::string heading;
    Align align = Align::kLeft;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  /// `width`: of the terminal; nullopt: nothing is cut.
  [[nodiscard]] std::string ToText(std::optional<int> width) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// The state of something long on standard error: a bar on a terminal, a line every 2 s in a pipe.
class ProgressLine {
 public:
  struct State {
    double fraction = 0.0;  // below 0: not known
    std::string step;
    std::optional<std::int64_t> rows;
    std::optional<std::int64_t> eta_ms;
  };
  explicit ProgressLine(Language language);
  ~ProgressLine() { Clear(); }
  void Update(const State& state);
  /// Takes the bar away, so that something else can be printed.
  void Clear();

 private:
  Language language_;
  std::optional<int> width_;
  bool drawn_ = false;
  std::int64_t last_ms_ = 0;
  std::string last_text_;
};

/// The bar itself: `[#####·····]  47 % step · 12,000 rows · 8 s left`, at most `width` columns.
[[nodiscard]] std::string DrawBar(const ProgressLine::State& state, int width, Language language);

}  // namespace aimass::cli
