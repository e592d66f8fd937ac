#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/message.h"

namespace aimass::formats::csv {

struct Dialect {
  std::string delimiter = ",";
  char quote = '"';     // '\0': none
  char newline = '\n';  // '\r' for files that have only those
  bool operator==(const Dialect&) const = default;
};

struct FieldView {
  std::string_view text;  // without the outer quotes; doubled quotes still doubled
  bool doubled = false;   // holds doubled quotes
};

struct Record {
  enum class Kind : std::uint8_t { kRow, kBlank, kBroken };
  Kind kind = Kind::kRow;
  std::size_t end = 0;     // where the next record begins
  std::int64_t lines = 1;  // physical lines that it takes
  std::vector<FieldView> fields;
  Message reason;           // kBroken
  std::size_t scanned = 0;  // kBroken: bytes that were looked at
};

/// Reads the record at `begin` (< bytes.size()) into `record`, whose memory is reused.
///
/// A quote counts only at the beginning of a field. What follows a closing quote must be the
/// delimiter or the end of the line, and a quote must be closed within `kMaxRecordBytes`: else the
/// record is broken, and is taken to be this one physical line, so that one bad line never takes
/// its neighbours with it.
void ReadRecord(std::string_view bytes, std::size_t begin, const Dialect& dialect, Record* record);

inline constexpr std::size_t kMaxRecordBytes = std::size_t{16} << 20;

/// The value of a field: doubled quotes made single, in `buffer` where that is needed.
[[nodiscard]] std::string_view SingleQuotes(const FieldView& field, char quote,
                                            std::string* buffer);
[[nodiscard]] inline std::string_view Value(const FieldView& field, char quote,
                                            std::string* buffer) {
  return field.doubled ? SingleQuotes(field, quote, buffer) : field.text;
}

/// The dialect under which the beginning of a file (`bytes`, cut behind a line where `complete` is
/// false) has the most fields in the most even way. `fixed` members that are given stay: an empty
/// delimiter and quote '?' are open.
[[nodiscard]] Dialect Sniff(std::string_view bytes, bool complete, const Dialect& fixed);

}  // namespace aimass::formats::csv
