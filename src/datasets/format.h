#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/json.h"
#include "base/registry.h"
#include "base/settings.h"
#include "table/batch.h"

namespace aimass {

/// A local file as a format gets it: unpacked; text is UTF-8 without a byte order mark.
struct FormatFile {
  std::string path;
  std::string name;        // as the user knows it, for messages
  bool valid_utf8 = true;  // text only: false where single rows may hold broken bytes
};

/// A piece of input that is structurally broken, and therefore not a row of the table.
struct Reject {
  std::string file;
  std::int64_t line = 0;  // from 1, physical lines
  Message reason;
  std::string raw;
};

class FormatReader;
struct FormatType;
using FormatRegistry = Registry<FormatType>;

/// What becomes of a few values that do not have the type of nearly all others of their column, or
/// the type that was asked for.
enum class OnMisfit : std::uint8_t {
  kWiden,   // the column becomes text, with a warning; a type that was asked for: an error
  kReject,  // their rows are rejected
  kNull,    // they are null, with a warning
};

struct FormatRequest {
  std::vector<FormatFile> files;  // at least one; together they are one table, in this order
  Settings settings;              // checked against the format's fields
  /// The types that columns must take, by name (an append); empty: the format finds them.
  Schema wanted;
  /// By column: types that the user gives, for formats whose `converts` is set.
  std::map<std::string, Type> types;
  OnMisfit on_misfit = OnMisfit::kWiden;
  const FormatRegistry* formats = nullptr;  // this build's, for a format that is made of another
  std::function<Status(const Reject&)> reject;
  std::string temp_folder;
  int threads = 2;
  std::int64_t memory_bytes = std::int64_t{1} << 30;
  CancelToken cancel;
};

/// The rows of one table in files of one format, in their order.
///
/// Formats without types (CSV) propose a schema from a sample and convert by it. Whether the
/// proposal held shows when every row was read: then Verify() gives the schema that all rows
/// together have, and the columns in which it differs are read again with ReadColumns().
class FormatReader : public BatchReader {
 public:
  /// After the last row. May read columns again; the default says that the schema stands.
  [[nodiscard]] virtual Result<Schema> Verify() { return schema(); }
  /// The columns `columns` (positions), as `schema` types them; the same rows as before.
  [[nodiscard]] virtual Result<std::unique_ptr<BatchReader>> ReadColumns(
      const std::vector<std::size_t>& columns, const Schema& schema);
  /// How far it is: what Restore() of a new reader over the same files needs to go on behind the
  /// last batch. null: this format cannot resume within a file.
  [[nodiscard]] virtual Json Checkpoint() const { return nullptr; }
  [[nodiscard]] virtual Status Restore(const Json& checkpoint);
  [[nodiscard]] virtual double fraction() const { return 0.0; }  // of the input that is read, 0..1
  [[nodiscard]] virtual std::vector<Message> warnings() const { return {}; }
};

/// Turns batches into the bytes of a file, piece by piece: an export.
class FormatEncoder {
 public:
  virtual ~FormatEncoder() = default;
  [[nodiscard]] virtual Result<std::string> Begin(const Schema& schema) = 0;
  [[nodiscard]] virtual Result<std::string> Encode(const Batch& batch) = 0;
};

/// One file format, as a plug-in declares it.
struct FormatType {
  std::string_view name;
  Label label;
  std::span<const Field> fields;
  std::string_view endings;     // ".csv .tsv", lower case
  std::string_view media_type;  // of an export
  bool converts = false;        // its values are texts until we convert them
  bool typed = false;  // its files tell the types of their columns: rows can be used while read
  bool text = false;   // its bytes are text: other encodings are turned into UTF-8 first
  /// Whether the first bytes (up to 64 KiB) can be of this format; endings are asked first.
  bool (*recognises)(std::string_view first_bytes);
  /// What the fields alone cannot say; nullptr: nothing. Errors: kInvalidArgument.
  Status (*check)(const Settings& settings) = nullptr;
  Result<std::unique_ptr<FormatReader>> (*open)(const FormatRequest& request);
  /// nullptr where the format is not written piece by piece.
  std::unique_ptr<FormatEncoder> (*encoder)() = nullptr;
};
/// `given`, checked against the fields of `format` and filled up. Errors: kInvalidArgument.
[[nodiscard]] Result<Settings> CheckFormatSettings(const FormatType& format, const Settings& given);

/// "widen", "reject", "null". Errors: kUnprocessable naming the three.
[[nodiscard]] Result<OnMisfit> OnMisfitFromName(std::string_view name);
/// {"column": "type"}: the types that a text can be converted to, by their names or the usual ones
/// beside them. Errors: kUnprocessable naming them.
[[nodiscard]] Result<std::map<std::string, Type>> TypesFromJson(const Json& types);

void RegisterAllFormats(FormatRegistry& registry);  // generated

}  // namespace aimass
