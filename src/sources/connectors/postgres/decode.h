#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "native/postgres/postgres.h"
#include "sources/database.h"

namespace aimass::connectors::postgres {

/// The logical type of a column of an answer; docs/formats/types.md has the table.
[[nodiscard]] Type TypeOf(const aimass::postgres::FieldInfo& field);

/// Whether the server is asked to print the column (`column::text`): what has no binary form that
/// is read here.
[[nodiscard]] bool IsPrinted(const aimass::postgres::FieldInfo& field);

/// `bytes` as a binary COPY holds values of the column, as `type`; nothing where it is none: NaN as
/// a decimal, a day that is infinite or not between the years 1 and 9999. data() is nullptr for
/// NULL.
[[nodiscard]] std::optional<Value> Decode(const aimass::postgres::FieldInfo& field,
                                          const Type& type, std::string_view bytes);

/// The same bytes for people: "infinity", "NaN", "-000044-03-15".
[[nodiscard]] std::string Shown(const aimass::postgres::FieldInfo& field, std::string_view bytes);

/// Cuts the bytes of a binary COPY into rows.
///
/// Errors   kUnavailable for bytes that are none: the connection is not to be trusted further.
/// Threads  one at a time.
/// Source   PostgreSQL's documentation of COPY, "Binary Format".
class CopyRows {
 public:
  explicit CopyRows(std::size_t columns) : values_(columns) {}

  /// The next bytes; those of before must all have been read (Next() gave false). They must live
  /// until Next() gives false again.
  void Feed(std::string_view bytes);
  /// True: values() is the next row. False: more bytes are needed.
  [[nodiscard]] Result<bool> Next();
  [[nodiscard]] const std::vector<std::string_view>& values() const { return values_; }
  /// The end of all rows was read, so that none is missing.
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  [[nodiscard]] Result<bool> Header();
  [[nodiscard]] Result<bool> Row();

  std::vector<std::string_view> values_;
  std::string_view left_;  // not yet read
  std::string kept_;       // the beginning of a row that came in pieces
  bool begun_ = false;
  bool ended_ = false;
};

}  // namespace aimass::connectors::postgres
