#include "datasets/formats/csv/record.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>

namespace aimass::formats::csv {
namespace {

constexpr std::size_t kSniffRecords = 500;

// The end of the physical line that begins at `at`: behind its newline.
std::size_t LineEnd(std::string_view bytes, std::size_t at, char newline) {
  const std::size_t found = bytes.find(newline, at);
  return found == std::string_view::npos ? bytes.size() : found + 1;
}

// Whether a record may end at `at`: the length of its line end, 0 at the end of the bytes, -1 where
// not.
int Ending(std::string_view bytes, std::size_t at, char newline) {
  if (at >= bytes.size()) return 0;
  if (bytes[at] == newline) return 1;
  if (newline == '\n' && bytes[at] == '\r' && (at + 1 == bytes.size() || bytes[at + 1] == '\n')) {
    return at + 1 == bytes.size() ? 1 : 2;
  }
  return -1;
}

bool StartsAt(std::string_view bytes, std::size_t at, const std::string& what) {
  return bytes[at] == what[0] && (what.size() == 1 || bytes.substr(at, what.size()) == what);
}

// The first place at or behind `at` that holds one of three characters; `size` where none does.
// Fields are short: sixteen bytes at a time mostly means once.
std::size_t FindOneOf(const char* data, std::size_t at, std::size_t size, char a, char b, char c) {
#ifdef __SSE2__
  const __m128i first = _mm_set1_epi8(a);
  const __m128i second = _mm_set1_epi8(b);
  const __m128i third = _mm_set1_epi8(c);
  for (; at + 16 <= size; at += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(data + at));
    const __m128i hits =
        _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(block, first), _mm_cmpeq_epi8(block, second)),
                     _mm_cmpeq_epi8(block, third));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(hits));
    if (mask != 0) return at + static_cast<std::size_t>(std::countr_zero(mask));
  }
#endif
  while (at < size && data[at] != a && data[at] != b && data[at] != c) ++at;
  return at;
}

void Break(std::string_view bytes, std::size_t begin, std::size_t at, const Dialect& dialect,
           Message reason, Record* record) {
  record->kind = Record::Kind::kBroken;
  record->end = LineEnd(bytes, begin, dialect.newline);
  record->lines = 1;
  record->scanned = at - begin;
  record->reason = std::move(reason);
}

}  // namespace

void ReadRecord(std::string_view bytes, std::size_t begin, const Dialect& dialect, Record* record) {
  std::vector<FieldView>& fields = record->fields;  // those of the record before are written over
  std::size_t count = 0;
  const auto add = [&fields, &count](std::string_view text, bool doubled) {
    if (count == fields.size()) fields.emplace_back();
    fields[count++] = {.text = text, .doubled = doubled};
  };
  record->lines = 1;
  if (const int blank = Ending(bytes, begin, dialect.newline); blank > 0) {
    fields.clear();
    record->kind = Record::Kind::kBlank;
    record->end = begin + static_cast<std::size_t>(blank);
    return;
  }
  record->kind = Record::Kind::kRow;
  const char* const data = bytes.data();
  const std::size_t size = bytes.size();
  const char first = dialect.delimiter[0];
  std::size_t at = begin;
  for (;;) {  // one field per turn
    if (at < size && dialect.quote != '\0' && data[at] == dialect.quote) {
      const std::size_t open = ++at;
      bool doubled = false;
      for (;;) {
        const std::size_t limit = std::min(size, begin + kMaxRecordBytes);
        const void* const found =
            at < limit ? std::memchr(data + at, dialect.quote, limit - at) : nullptr;
        if (found == nullptr) {
          const std::size_t field = count + 1;
          fields.resize(count);
          Break(bytes, begin, limit, dialect,
                limit < size ? Msg("the quoted field {} is longer than the {} bytes that a row may "
                                   "have",
                                   field, kMaxRecordBytes)
                             : Msg("the quote of field {} is never closed", field),
                record);
          return;
        }
        at = static_cast<std::size_t>(static_cast<const char*>(found) - data);
        if (at + 1 < size && data[at + 1] == dialect.quote) {
          doubled = true;
          at += 2;
          continue;
        }
        break;
      }
      const std::string_view text = bytes.substr(open, at - open);
      add(text, doubled);
      record->lines += std::count(text.begin(), text.end(), dialect.newline);
      ++at;
      if (const int ending = Ending(bytes, at, dialect.newline); ending >= 0) {
        fields.resize(count);
        record->end = at + static_cast<std::size_t>(ending);
        return;
      }
      if (!StartsAt(bytes, at, dialect.delimiter)) {
        fields.resize(count);
        Break(bytes, begin, at, dialect,
              Msg("there is text behind the closing quote of field {}", count), record);
        return;
      }
      at += dialect.delimiter.size();
      continue;
    }
    const std::size_t open = at;
    for (;;) {
      at = FindOneOf(data, at, size, first, dialect.newline, '\r');
      if (const int ending = Ending(bytes, at, dialect.newline); ending >= 0) {
        add(bytes.substr(open, at - open), false);
        fields.resize(count);
        record->end = at + static_cast<std::size_t>(ending);
        return;
      }
      if (StartsAt(bytes, at, dialect.delimiter)) break;
      ++at;
    }
    add(bytes.substr(open, at - open), false);
    at += dialect.delimiter.size();
  }
}

std::string_view SingleQuotes(const FieldView& field, char quote, std::string* buffer) {
  buffer->clear();
  for (std::size_t i = 0; i < field.text.size(); ++i) {
    buffer->push_back(field.text[i]);
    if (field.text[i] == quote) ++i;
  }
  return *buffer;
}

Dialect Sniff(std::string_view bytes, bool complete, const Dialect& fixed) {
  Dialect best = fixed;
  best.newline =
      bytes.find('\n') == std::string_view::npos && bytes.find('\r') != std::string_view::npos
          ? '\r'
          : '\n';
  if (best.quote == '?') best.quote = '"';
  if (best.delimiter.empty()) best.delimiter = ",";
  const std::vector<std::string> delimiters =
      fixed.delimiter.empty() ? std::vector<std::string>{",", "\t", ";", "|", "\x01", "¦", "^", "~"}
                              : std::vector<std::string>{fixed.delimiter};
  const std::vector<char> quotes =
      fixed.quote == '?' ? std::vector<char>{'"', '\''} : std::vector<char>{fixed.quote};
  double best_score = 0.0;
  Record record;
  for (const std::string& delimiter : delimiters) {
    for (const char quote : quotes) {
      const Dialect tried{.delimiter = delimiter, .quote = quote, .newline = best.newline};
      std::map<std::size_t, std::size_t> counts;
      std::size_t records = 0;
      std::size_t broken = 0;
      std::size_t quoted = 0;
      std::size_t first_fields = 0;
      for (std::size_t at = 0; at < bytes.size() && records < kSniffRecords; at = record.end) {
        ReadRecord(bytes, at, tried, &record);
        if (record.end >= bytes.size() && !complete && records > 0) break;
        if (record.kind == Record::Kind::kBlank) continue;
        if (++records == 1) first_fields = record.fields.size();
        if (record.kind == Record::Kind::kBroken) {
          ++broken;
          continue;
        }
        ++counts[record.fields.size()];
        for (const FieldView& field : record.fields) {
          if (field.text.data() > bytes.data() && field.text.data()[-1] == quote) ++quoted;
        }
      }
      const auto mode =
          std::max_element(counts.begin(), counts.end(),
                           [](const auto& a, const auto& b) { return a.second < b.second; });
      // Text with the character in it has it on some rows, and seldom on the first.
      if (mode == counts.end() || mode->first < 2 || first_fields < 2) continue;
      if (quote == '\'' && quoted == 0) continue;
      const double even = static_cast<double>(mode->second) / static_cast<double>(records);
      const double whole = 1.0 - static_cast<double>(broken) / static_cast<double>(records);
      // Evenness first; then more fields, a little; a single quote counts only where it is really
      // used.
      double score = even * even * whole *
                     (1.0 + 0.02 * std::min<double>(static_cast<double>(mode->first), 20.0));
      if (quote == '\'') score *= 0.99;
      if (delimiter == "~" || delimiter == "^") score *= 0.7;
      if (score > best_score) {
        best_score = score;
        best.delimiter = delimiter;
        best.quote = quote;
      }
    }
  }
  return best;
}

}  // namespace aimass::formats::csv
