#pragma once

#include <set>
#include <string>
#include <vector>

#include "table/schema.h"

namespace aimass {

/// The columns that one file of a table has.
struct FileColumns {
  std::string file;             // for messages
  Schema schema;                // no columns: it holds nothing that tells them
  std::set<std::string> empty;  // columns without a value: they can be of any type
  bool optional = false;        // a column that it does not have is one without values: JSON
};

/// The type that every value of both has: the wider number, a timestamp for days and moments,
/// decimals with the digits of both, else text.
/// Errors   kUnprocessable where there is none: lists and the like.
[[nodiscard]] Result<Type> WiderType(const Type& a, const Type& b);

/// The columns of a table of these files, in the order of the first that has any.
/// Errors   kUnprocessable naming two files and what differs, where one has a column that the other
///          does not; where no file has columns.
[[nodiscard]] Result<Schema> CommonColumns(const std::vector<FileColumns>& files);

/// Whether the file's rows can be rows of a table with the columns `table`.
/// Errors   kUnprocessable naming what differs: 'a' -; 'b' +; 'c': bigint → text.
[[nodiscard]] Status CheckFileColumns(const Schema& table, const FileColumns& file);

}  // namespace aimass
