#include "datasets/formats/csv/walk.h"

#include <utility>

namespace aimass::formats::csv {
namespace {

bool ValidUtf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      ++i;
      continue;
    }
    const std::size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
    if (c < 0xc2 || c > 0xf4 || text.size() - i <= more) return false;
    unsigned code = c & (0x3fu >> more);
    for (std::size_t k = 1; k <= more; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0) != 0x80) return false;
      code = code << 6 | (next & 0x3fu);
    }
    if ((more == 2 && (code < 0x800 || (code >= 0xd800 && code < 0xe000))) ||
        (more == 3 && (code < 0x10000 || code > 0x10ffff))) {
      return false;
    }
    i += more + 1;
  }
  return true;
}

}  // namespace

Status Walk::Seek(const Position& position) {
  at_ = position;
  return Enter(false);
}

Result<bool> Walk::Next() {
  if (!entered_) RETURN_IF_ERROR(Enter(at_.offset == 0));
  for (;;) {
    const std::string_view bytes = file_.bytes();
    if (at_.offset >= bytes.size()) {
      if (at_.file + 1 >= source_.request.files.size()) return false;
      at_ = {.file = at_.file + 1};
      RETURN_IF_ERROR(Enter(true));
      continue;
    }
    const std::size_t begin = at_.offset;
    line_ = at_.line;
    ReadRecord(bytes, begin, source_.dialect, &record_);
    at_.offset = record_.end;
    at_.line += record_.lines;
    if (record_.kind == Record::Kind::kBlank) {
      if (columns_ != 1) continue;
      record_.fields.assign(
          1, FieldView{});  // in a table of one column an empty line is an empty value
      return true;
    }
    if (record_.kind == Record::Kind::kBroken) {
      // A hostile file makes every line look for a quote through the megabytes behind it.
      wasted_ += static_cast<std::int64_t>(record_.scanned);
      if (wasted_ > 8 * source_.total_bytes + (std::int64_t{256} << 20)) {
        return Fail(ErrorCode::kUnprocessable,
                    "'{}' has too many broken quotes; set quote to none if it uses no quotes",
                    source_.request.files[at_.file].name);
      }
      RETURN_IF_ERROR(Reject(begin, std::move(record_.reason)));
      continue;
    }
    if (record_.fields.size() != columns_) {
      RETURN_IF_ERROR(Reject(
          begin, Msg("found {} fields where {} were expected", record_.fields.size(), columns_)));
      continue;
    }
    if (!source_.request.files[at_.file].valid_utf8 &&
        !ValidUtf8(bytes.substr(begin, record_.end - begin))) {
      RETURN_IF_ERROR(Reject(begin, Msg("the text is not valid in its encoding")));
      continue;
    }
    if (!source_.strict.empty()) {
      if (auto misfit = Misfit()) {
        RETURN_IF_ERROR(Reject(begin, std::move(*misfit)));
        continue;
      }
    }
    return true;
  }
}

// Why the row does not fit the types that its columns have.
std::optional<Message> Walk::Misfit() {
  for (std::size_t i = 0; i < columns_; ++i) {
    const Conversion& conversion = source_.strict[i];
    if (conversion.candidate < 0) continue;
    const std::string_view text = Value(record_.fields[i], source_.dialect.quote, &buffer_);
    if (source_.IsNull(text, true) || Convert(text, conversion.candidate).ok) continue;
    return Msg("'{}' in column '{}' is not {}", text.substr(0, 100), source_.names[i],
               TypeName(conversion.type));
  }
  return std::nullopt;
}

// Opens the current file and, at its beginning, passes the lines that hold no rows.
Status Walk::Enter(bool at_beginning) {
  const FormatFile& file = source_.request.files[at_.file];
  ASSIGN_OR_RETURN(file_, MappedFile::Open(file.path));
  entered_ = true;
  if (!at_beginning) return {};
  const std::string_view bytes = file_.bytes();
  for (std::int64_t i = 0; i < source_.skip_rows && at_.offset < bytes.size(); ++i) {
    const std::size_t end = bytes.find(source_.dialect.newline, at_.offset);
    at_.offset = end == std::string_view::npos ? bytes.size() : end + 1;
    ++at_.line;
  }
  if (!source_.header || at_.offset >= bytes.size()) return {};
  for (;;) {
    ReadRecord(bytes, at_.offset, source_.dialect, &record_);
    at_.offset = record_.end;
    at_.line += record_.lines;
    if (record_.kind != Record::Kind::kBlank || at_.offset >= bytes.size()) break;
  }
  std::vector<std::string> fields;
  std::string buffer;
  for (const FieldView& field : record_.fields) {
    fields.emplace_back(Value(field, source_.dialect.quote, &buffer));
  }
  if (!source_.header_fields.empty() && fields != source_.header_fields) {
    return Fail(ErrorCode::kUnprocessable,
                "the files of one dataset need the same columns in the same order: '{}' has "
                "other columns "
                "than '{}'",
                file.name, source_.request.files.front().name);
  }
  return {};
}

Status Walk::Reject(std::size_t begin, Message reason) {
  if (!report_ || !source_.request.reject) return {};
  std::string_view raw = file_.bytes().substr(begin, at_.offset - begin);
  while (!raw.empty() && (raw.back() == '\n' || raw.back() == '\r')) raw.remove_suffix(1);
  return source_.request.reject({.file = source_.request.files[at_.file].name,
                                 .line = line_,
                                 .reason = std::move(reason),
                                 .raw = std::string(raw)});
}

}  // namespace aimass::formats::csv
