#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace aimass::mariadb {

/// How the values of a column lie in the rows of a binary log.
struct LoggedColumn {
  std::uint8_t type = 0;   // MYSQL_TYPE_…, as the log has it
  std::uint16_t meta = 0;  // of lengths, decimals or fractions, by type
};

/// The columns of a table as a table map event of the log describes them.
/// Errors   kUnavailable for what is damaged; kUnsupported for a type that is not known.
/// Threads  pure function.
[[nodiscard]] Result<std::vector<LoggedColumn>> LoggedColumns(std::string_view types,
                                                              std::string_view metadata);

/// A walk over the images of rows in a rows event: of an update one before and one after, in turn.
///
/// Errors   kUnavailable for what is damaged.
/// Threads  one at a time; the bytes and columns must outlive it.
/// Source   the documentation of the binary log of MariaDB 10.11 and MySQL 8.0.
class RowImages {
 public:
  /// `present`: a bit for each column that the images have.
  RowImages(const std::vector<LoggedColumn>& columns, std::string_view present,
            std::string_view bytes)
      : columns_(columns), present_(present), left_(bytes) {}

  /// Reads the next image, false at the end. `present` of the after-images of updates may differ.
  [[nodiscard]] Result<bool> Next(std::string_view present);
  [[nodiscard]] Result<bool> Next() { return Next(present_); }
  /// The bytes of a value of the image; nothing for NULL and for a column that it does not have.
  [[nodiscard]] const std::optional<std::string_view>& value(std::size_t column) const {
    return values_[column];
  }
  /// Whether the image has the column at all.
  [[nodiscard]] bool has(std::size_t column) const { return had_[column]; }

 private:
  [[nodiscard]] std::optional<std::string_view> Take(const LoggedColumn& column);
  [[nodiscard]] std::optional<std::string_view> TakeSized(std::size_t length_bytes);

  const std::vector<LoggedColumn>& columns_;
  std::string_view present_;
  std::string_view left_;
  std::vector<std::optional<std::string_view>> values_;
  std::vector<bool> had_;
};

/// A value as the server would print it in UTC, of the types that keys are made of: whole numbers,
/// texts, binary, dates and times of the day. Nothing for others.
/// Threads  pure function.
[[nodiscard]] std::optional<std::string> LoggedText(const LoggedColumn& column,
                                                    std::string_view value, bool is_unsigned);

}  // namespace aimass::mariadb
