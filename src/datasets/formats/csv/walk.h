#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/format.h"
#include "datasets/formats/csv/record.h"
#include "datasets/import/infer.h"
#include "datasets/import/mapped.h"

namespace aimass::formats::csv {

/// What every pass over the same files shares.
struct Source {
  FormatRequest request;
  InferOptions infer;
  std::set<std::string, std::less<>> nulls;
  Dialect dialect;
  bool header = false;
  bool all_text = false;
  std::int64_t skip_rows = 0;
  std::vector<std::string> names;
  std::vector<std::string> header_fields;
  std::vector<std::optional<Type>> asked;  // by column: the type that the user gave
  std::vector<Conversion> strict;          // by column, or empty: rows that do not fit are rejected
  std::vector<std::int64_t> bytes;         // of each file
  std::int64_t total_bytes = 0;

  [[nodiscard]] bool IsNull(std::string_view text, bool typed) const {
    if (text.empty()) return true;
    if (!nulls.empty()) return nulls.contains(text);
    return typed && DefaultNull(text);
  }
};

struct Position {
  std::size_t file = 0;
  std::size_t offset = 0;
  std::int64_t line = 1;
};

/// Walks the rows of all files in order and leaves out what is broken, and what `strict` refuses;
/// `report` rejects it too. So every walk over the same source gives the same rows.
class Walk {
 public:
  Walk(const Source& source, std::size_t columns, bool report)
      : source_(source), columns_(columns), report_(report) {}

  [[nodiscard]] Status Seek(const Position& position);
  [[nodiscard]] const Position& position() const { return at_; }
  [[nodiscard]] const Record& record() const { return record_; }
  [[nodiscard]] std::int64_t line() const { return line_; }  // of the row that Next() gave

  /// The next row that is sound, in record(); false at the end of the last file.
  [[nodiscard]] Result<bool> Next();

 private:
  Status Enter(bool at_beginning);
  Status Reject(std::size_t begin, Message reason);
  std::optional<Message> Misfit();

  const Source& source_;
  std::size_t columns_;
  bool report_;
  MappedFile file_;
  bool entered_ = false;
  Position at_;
  Record record_;
  std::int64_t line_ = 1;
  std::int64_t wasted_ = 0;  // bytes read in vain
  std::string buffer_;
};

}  // namespace aimass::formats::csv
