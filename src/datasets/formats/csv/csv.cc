// Delimited text (CSV, TSV, …): RFC 4180, with any delimiter, and as spreadsheets and databases
// really write it.
#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "datasets/format.h"
#include "datasets/formats/csv/encode.h"
#include "datasets/formats/csv/record.h"
#include "datasets/import/infer.h"
#include "datasets/import/mapped.h"
#include "table/builder.h"

namespace aimass::formats::csv {
namespace {

constexpr std::array kFields{
    Field{.name = "delimiter",
          .label = {"Delimiter (auto, tab, or the text itself)", "分隔符（auto、tab 或字符本身）"},
          .default_value = "auto"},
    Field{.name = "quote",
          .label = {"Quote (auto, none, or the character)", "引号（auto、none 或字符本身）"},
          .default_value = "auto"},
    Field{.name = "header",
          .label = {"First row holds the column names", "首行为列名"},
          .kind = FieldKind::kChoice,
          .default_value = "auto",
          .choices = "auto true false yes no"},
    Field{.name = "skip_rows",
          .label = {"Lines to leave out at the top", "跳过开头行数"},
          .kind = FieldKind::kInteger,
          .default_value = "0",
          .min = 0,
          .max = 1e9},
    Field{.name = "nulls",
          .label = {"Texts that mean no value, separated by |", "表示空值的文本，用 | 分隔"}},
    Field{.name = "decimal",
          .label = {"Decimal sign", "小数点"},
          .kind = FieldKind::kChoice,
          .default_value = ".",
          .choices = ". ,"},
    Field{.name = "date_order",
          .label = {"Day or month first in dates", "日期中日在前还是月在前"},
          .kind = FieldKind::kChoice,
          .default_value = "auto",
          .choices = "auto dmy mdy"},
    Field{.name = "all_text",
          .label = {"Leave every column as text", "所有列保留为文本"},
          .kind = FieldKind::kBool,
          .default_value = "false"},
    Field{.name = "sample_rows",
          .label = {"Rows that propose the types (0: all)", "用于推断类型的行数（0 为全部）"},
          .kind = FieldKind::kInteger,
          .default_value = "20000",
          .min = 0,
          .max = 1e12},
};

constexpr int kPlaces = 16;  // where rows are sampled besides the beginning
constexpr std::size_t kSniffBytes = std::size_t{1} << 19;
constexpr std::size_t kBatchCells = 1'000'000;
constexpr std::size_t kBatchBytes = std::size_t{48} << 20;

struct Column {
  Conversion conversion;  // by which it is loaded now
  Candidates alive =
      0;                // what else could come before it, or make a date ambiguous: not yet refuted
  bool watch = false;   // text only because the sample held nothing
  bool failed = false;  // a row did not fit
  std::int64_t real = 0;  // values that are more than nothing, as far as it matters
  std::string failed_value;
  std::int64_t failed_line = 0;
};

struct Position {
  std::size_t file = 0;
  std::size_t offset = 0;
  std::int64_t line = 1;
};

// What every pass over the same files shares.
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
  std::vector<std::int64_t> bytes;  // of each file
  std::int64_t total_bytes = 0;

  bool IsNull(std::string_view text, bool typed) const {
    if (text.empty()) return true;
    if (!nulls.empty()) return nulls.contains(text);
    return typed && DefaultNull(text);
  }
};

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

// Walks the rows of all files in order, rejecting what is broken.
class Walk {
 public:
  Walk(const Source& source, std::size_t columns, bool report)
      : source_(source), columns_(columns), report_(report) {}

  Status Seek(const Position& position) {
    at_ = position;
    return Enter(false);
  }
  const Position& position() const { return at_; }
  const Record& record() const { return record_; }
  std::int64_t line() const { return line_; }  // of the row that Next() gave

  // The next row that is sound, in record(); false at the end of the last file.
  Result<bool> Next() {
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
        RETURN_IF_ERROR(Reject(begin, Msg("there are {} fields where {} were expected",
                                          record_.fields.size(), columns_)));
        continue;
      }
      if (!source_.request.files[at_.file].valid_utf8 &&
          !ValidUtf8(bytes.substr(begin, record_.end - begin))) {
        RETURN_IF_ERROR(Reject(begin, Msg("the text is not valid in its encoding")));
        continue;
      }
      return true;
    }
  }

 private:
  // Opens the current file and, at its beginning, passes the lines that hold no rows.
  Status Enter(bool at_beginning) {
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

  Status Reject(std::size_t begin, Message reason) {
    if (!report_ || !source_.request.reject) return {};
    std::string_view raw = file_.bytes().substr(begin, at_.offset - begin);
    while (!raw.empty() && (raw.back() == '\n' || raw.back() == '\r')) raw.remove_suffix(1);
    return source_.request.reject({.file = source_.request.files[at_.file].name,
                                   .line = line_,
                                   .reason = std::move(reason),
                                   .raw = std::string(raw)});
  }

  const Source& source_;
  std::size_t columns_;
  bool report_;
  MappedFile file_;
  bool entered_ = false;
  Position at_;
  Record record_;
  std::int64_t line_ = 1;
  std::int64_t wasted_ = 0;  // bytes read in vain
};

Type StoredType(const Conversion& conversion) { return conversion.type; }

// Appends `text` as `conversion` says; false where it does not fit (a null stands in its place).
bool Append(BatchBuilder& builder, std::size_t column, std::string_view text,
            const Conversion& conversion) {
  if (conversion.candidate < 0) {
    builder.AppendText(column, text);
    return true;
  }
  const Converted value = Convert(text, conversion.candidate);
  if (!value.ok) {
    builder.AppendNull(column);
    return false;
  }
  switch (conversion.type.kind) {
    case TypeKind::kBool:
      builder.AppendBool(column, value.integer != 0);
      break;
    case TypeKind::kInt64:
      builder.AppendInt64(column, value.integer);
      break;
    case TypeKind::kFloat64:
      builder.AppendDouble(column, value.number);
      break;
    default:
      builder.AppendUnixUs(column, value.integer);
      break;
  }
  return true;
}

std::size_t BatchRows(std::size_t columns) {
  return std::clamp<std::size_t>(kBatchCells / std::max<std::size_t>(columns, 1), 256, 65'536);
}

// Some columns again, by conversions that are known to fit.
class ColumnsReader final : public BatchReader {
 public:
  ColumnsReader(std::shared_ptr<const Source> source, std::vector<std::size_t> columns,
                std::vector<Conversion> conversions)
      : source_(std::move(source)),
        walk_(*source_, source_->names.size(), false),
        columns_(std::move(columns)),
        conversions_(std::move(conversions)) {
    Schema schema;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      schema.columns.push_back(
          {.name = source_->names[columns_[i]], .type = StoredType(conversions_[i])});
    }
    schema_ = std::make_shared<const Schema>(std::move(schema));
  }
  const Schema& schema() const override { return *schema_; }

  Result<std::optional<Batch>> Next() override {
    RETURN_IF_ERROR(source_->request.cancel.Check());
    BatchBuilder builder(schema_);
    std::size_t rows = 0;
    std::size_t bytes = 0;
    std::string buffer;
    for (const std::size_t limit = BatchRows(columns_.size()); rows < limit && bytes < kBatchBytes;
         ++rows) {
      ASSIGN_OR_RETURN(const bool more, walk_.Next());
      if (!more) break;
      for (std::size_t i = 0; i < columns_.size(); ++i) {
        const std::string_view text =
            Value(walk_.record().fields[columns_[i]], source_->dialect.quote, &buffer);
        bytes += text.size();
        if (source_->IsNull(text, conversions_[i].candidate >= 0)) {
          builder.AppendNull(i);
        } else if (!Append(builder, i, text, conversions_[i])) {
          return Fail(ErrorCode::kInternal, "'{}' in line {} does not fit the type of its column",
                      text, walk_.line());
        }
      }
    }
    if (rows == 0) return std::optional<Batch>();
    ASSIGN_OR_RETURN(Batch batch, builder.Finish());
    return std::optional<Batch>(std::move(batch));
  }

 private:
  std::shared_ptr<const Source> source_;
  Walk walk_;
  std::vector<std::size_t> columns_;
  std::vector<Conversion> conversions_;
  std::shared_ptr<const Schema> schema_;
};

class CsvReader final : public FormatReader {
 public:
  CsvReader(std::shared_ptr<const Source> source, std::vector<Column> columns,
            std::vector<Message> warnings)
      : source_(std::move(source)),
        walk_(*source_, source_->names.size(), true),
        columns_(std::move(columns)),
        warnings_(std::move(warnings)) {
    Schema schema;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      schema.columns.push_back(
          {.name = source_->names[i], .type = StoredType(columns_[i].conversion)});
    }
    schema_ = std::make_shared<const Schema>(std::move(schema));
  }

  const Schema& schema() const override { return *schema_; }

  Result<std::optional<Batch>> Next() override {
    RETURN_IF_ERROR(source_->request.cancel.Check());
    BatchBuilder builder(schema_);
    std::size_t rows = 0;
    std::size_t bytes = 0;
    std::string buffer;
    for (const std::size_t limit = BatchRows(columns_.size()); rows < limit && bytes < kBatchBytes;
         ++rows) {
      ASSIGN_OR_RETURN(const bool more, walk_.Next());
      if (!more) break;
      const auto& fields = walk_.record().fields;
      for (std::size_t i = 0; i < columns_.size(); ++i) {
        const std::string_view text = Value(fields[i], source_->dialect.quote, &buffer);
        bytes += text.size();
        Load(builder, i, text);
      }
    }
    if (rows == 0) return std::optional<Batch>();
    ASSIGN_OR_RETURN(Batch batch, builder.Finish());
    return std::optional<Batch>(std::move(batch));
  }

  Result<Schema> Verify() override {
    final_.clear();
    std::vector<std::size_t> again;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].failed) again.push_back(i);
    }
    std::vector<Candidates> full(columns_.size(), 0);
    std::vector<std::int64_t> real(columns_.size(), 0);
    if (!again.empty()) RETURN_IF_ERROR(Scan(again, full, real));
    Schema schema;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      Column& column = columns_[i];
      bool ambiguous = false;
      Conversion conversion = column.conversion;
      if (column.failed) {
        conversion = Choose(full[i], real[i], &ambiguous);
      } else if (column.conversion.candidate >= 0) {
        conversion =
            Choose(column.alive | CandidateBit(column.conversion), column.real, &ambiguous);
      } else if (column.alive != 0) {
        conversion = Choose(column.alive, column.real, &ambiguous);
      }
      if (ambiguous) {
        warnings_.push_back(
            Msg("the dates in column '{}' could be day-first or month-first, so it is text; set "
                "date_order to dmy or mdy",
                source_->names[i]));
      } else if (column.failed && !column.watch) {
        warnings_.push_back(
            Msg("column '{}' looked like {} at first; because of '{}' in line {} it is {}",
                source_->names[i], TypeName(column.conversion.type), column.failed_value,
                column.failed_line, TypeName(conversion.type)));
      }
      schema.columns.push_back({.name = source_->names[i], .type = conversion.type});
      final_.push_back(conversion);
    }
    return schema;
  }

  Result<std::unique_ptr<BatchReader>> ReadColumns(const std::vector<std::size_t>& columns,
                                                   const Schema& /*schema*/) override {
    std::vector<Conversion> conversions;
    for (const std::size_t column : columns) conversions.push_back(final_.at(column));
    return std::make_unique<ColumnsReader>(source_, columns, std::move(conversions));
  }

  Json Checkpoint() const override {
    Json columns = Json::array();
    for (const Column& column : columns_) {
      columns.push_back(
          Json::array({column.alive, column.failed, column.real, column.failed_line}));
    }
    const Position& at = walk_.position();
    return Json{{"file", at.file},
                {"offset", at.offset},
                {"line", at.line},
                {"columns", std::move(columns)}};
  }

  Status Restore(const Json& checkpoint) override {
    try {
      const Json& columns = checkpoint.at("columns");
      if (columns.size() != columns_.size()) {
        return Fail(ErrorCode::kUnprocessable, "the file changed since the import began");
      }
      for (std::size_t i = 0; i < columns_.size(); ++i) {
        columns_[i].alive = columns[i].at(0).get<Candidates>();
        columns_[i].failed = columns[i].at(1).get<bool>();
        columns_[i].real = columns[i].at(2).get<std::int64_t>();
        columns_[i].failed_line = columns[i].at(3).get<std::int64_t>();
      }
      const Position position{.file = checkpoint.at("file").get<std::size_t>(),
                              .offset = checkpoint.at("offset").get<std::size_t>(),
                              .line = checkpoint.at("line").get<std::int64_t>()};
      if (position.file >= source_->request.files.size() ||
          static_cast<std::int64_t>(position.offset) > source_->bytes[position.file]) {
        return Fail(ErrorCode::kUnprocessable, "the file changed since the import began");
      }
      return walk_.Seek(position);
    } catch (const Json::exception& error) {
      return Fail(ErrorCode::kInternal, "a checkpoint of the import cannot be read: {}",
                  error.what());
    }
  }

  double fraction() const override {
    std::int64_t done = static_cast<std::int64_t>(walk_.position().offset);
    for (std::size_t i = 0; i < walk_.position().file; ++i) done += source_->bytes[i];
    return source_->total_bytes == 0
               ? 1.0
               : static_cast<double>(done) / static_cast<double>(source_->total_bytes);
  }
  std::vector<Message> warnings() const override { return warnings_; }

 private:
  void Load(BatchBuilder& builder, std::size_t i, std::string_view text) {
    Column& column = columns_[i];
    const bool typed = column.conversion.candidate >= 0;
    if (source_->IsNull(text, typed)) {
      builder.AppendNull(i);
      return;
    }
    if (!Append(builder, i, text, column.conversion)) {
      Failed(column, text);
    } else if ((column.alive != 0 || column.real == 0) && !column.failed && !DefaultNull(text)) {
      ++column.real;
      column.alive = Passing(text, column.alive);
      if (column.watch) Failed(column, text);
    }
  }

  void Failed(Column& column, std::string_view text) {
    if (column.failed) return;
    column.failed = true;
    column.failed_line = walk_.line();
    column.failed_value = text.substr(0, 100);
  }

  // What is possible for the columns `which`, over every row.
  Status Scan(const std::vector<std::size_t>& which, std::vector<Candidates>& full,
              std::vector<std::int64_t>& real) {
    const Schema& wanted = source_->request.wanted;
    for (const std::size_t i : which) {
      const auto fixed = wanted.Find(source_->names[i]);
      full[i] = fixed ? CandidatesFor(wanted.columns[*fixed].type, source_->infer)
                      : AllCandidates(source_->infer);
    }
    Walk walk(*source_, source_->names.size(), false);
    std::string buffer;
    for (std::int64_t rows = 0;; ++rows) {
      if (rows % 4096 == 0) RETURN_IF_ERROR(source_->request.cancel.Check());
      ASSIGN_OR_RETURN(const bool more, walk.Next());
      if (!more) return {};
      for (const std::size_t i : which) {
        if (full[i] == 0) continue;
        const std::string_view text =
            Value(walk.record().fields[i], source_->dialect.quote, &buffer);
        if (source_->IsNull(text, true)) continue;
        ++real[i];
        full[i] = Passing(text, full[i]);
      }
    }
  }

  std::shared_ptr<const Source> source_;
  Walk walk_;
  std::vector<Column> columns_;
  std::vector<Conversion> final_;
  std::vector<Message> warnings_;
  std::shared_ptr<const Schema> schema_;
};

// The first rows of the first file, before the names are known.
struct Head {
  std::vector<std::vector<std::string>> rows;
  std::size_t usual_fields = 0;
};

Result<Head> ReadHead(const Source& source, std::string_view bytes) {
  Head head;
  std::size_t at = 0;
  for (std::int64_t i = 0; i < source.skip_rows && at < bytes.size(); ++i) {
    const std::size_t end = bytes.find(source.dialect.newline, at);
    at = end == std::string_view::npos ? bytes.size() : end + 1;
  }
  std::map<std::size_t, int> counts;
  Record record;
  std::string buffer;
  while (at < bytes.size() && head.rows.size() < 200) {
    ReadRecord(bytes, at, source.dialect, &record);
    at = record.end;
    if (record.kind == Record::Kind::kBlank) continue;
    if (record.kind == Record::Kind::kBroken) {
      if (!head.rows.empty()) continue;
      return Fail(ErrorCode::kUnprocessable, "the first line of '{}' is broken: {}",
                  source.request.files.front().name, Render(record.reason, Language::kEnglish));
    }
    std::vector<std::string> row;
    for (const FieldView& field : record.fields) {
      row.emplace_back(Value(field, source.dialect.quote, &buffer));
    }
    if (!head.rows.empty()) ++counts[row.size()];
    head.rows.push_back(std::move(row));
  }
  if (head.rows.empty()) {
    return Fail(ErrorCode::kUnprocessable,
                "'{}' is empty; expected a line with column names, then rows",
                source.request.files.front().name);
  }
  head.usual_fields = head.rows.front().size();
  int most = 0;
  for (const auto& [fields, count] : counts) {
    if (count > most) {
      most = count;
      head.usual_fields = fields;
    }
  }
  return head;
}

// Whether the first row names the columns: some column below it has a type that its first cell does
// not fit; where all is text: no cell of it looks like a value, none is empty, no two are equal.
bool LooksLikeHeader(const Head& head, const InferOptions& infer) {
  const auto& first = head.rows.front();
  bool typed = false;
  for (std::size_t c = 0; c < first.size(); ++c) {
    Candidates candidates = AllCandidates(infer);
    std::int64_t real = 0;
    for (std::size_t r = 1; r < head.rows.size(); ++r) {
      if (head.rows[r].size() != head.usual_fields || c >= head.rows[r].size()) continue;
      if (DefaultNull(head.rows[r][c])) continue;
      ++real;
      candidates = Passing(head.rows[r][c], candidates);
    }
    if (real == 0 || candidates == 0) continue;
    typed = true;
    if (!DefaultNull(first[c]) && Passing(first[c], candidates) == 0) return true;
  }
  if (typed) return false;
  std::set<std::string> seen;
  return std::all_of(first.begin(), first.end(), [&](const std::string& cell) {
    return !DefaultNull(cell) && Passing(cell, AllCandidates(infer)) == 0 &&
           seen.insert(cell).second;
  });
}

Result<Dialect> FixedDialect(const Settings& settings) {
  Dialect fixed;
  const std::string& delimiter = settings.at("delimiter");
  fixed.delimiter = delimiter == "auto"                        ? ""
                    : delimiter == "tab" || delimiter == "\\t" ? "\t"
                                                               : delimiter;
  if (fixed.delimiter.size() > 8 || fixed.delimiter.find_first_of("\r\n") != std::string::npos) {
    return Fail(ErrorCode::kInvalidArgument,
                "a delimiter is auto, tab, or 1 to 8 bytes without line ends; found '{}'",
                delimiter);
  }
  const std::string& quote = settings.at("quote");
  if (quote != "auto" && quote != "none" && quote.size() != 1) {
    return Fail(ErrorCode::kInvalidArgument, "a quote is auto, none, or one character; found '{}'",
                quote);
  }
  fixed.quote = quote == "auto" ? '?' : quote == "none" ? '\0' : quote[0];
  return fixed;
}

// Narrows down what the columns can be by up to `limit` rows (0: all) from where `walk` stands.
Status Narrow(const Source& source, Walk& walk, std::int64_t limit,
              std::vector<Candidates>& candidates, std::vector<std::int64_t>& real) {
  std::string buffer;
  for (std::int64_t rows = 0; limit == 0 || rows < limit; ++rows) {
    if (rows % 4096 == 0) RETURN_IF_ERROR(source.request.cancel.Check());
    ASSIGN_OR_RETURN(const bool more, walk.Next());
    if (!more) break;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (candidates[i] == 0) continue;
      const std::string_view text = Value(walk.record().fields[i], source.dialect.quote, &buffer);
      if (source.IsNull(text, true)) continue;
      ++real[i];
      candidates[i] = Passing(text, candidates[i]);
    }
  }
  return {};
}

// A place further on where a record seems to begin. Inside quotes it may not be one, so what is
// found from there only proposes.
Result<Position> PlaceAt(const Source& source, std::int64_t offset) {
  Position position;
  while (position.file + 1 < source.bytes.size() && offset >= source.bytes[position.file]) {
    offset -= source.bytes[position.file];
    ++position.file;
  }
  ASSIGN_OR_RETURN(const MappedFile file,
                   MappedFile::Open(source.request.files[position.file].path));
  const std::size_t end =
      file.bytes().find(source.dialect.newline, static_cast<std::size_t>(offset));
  position.offset = end == std::string_view::npos ? file.bytes().size() : end + 1;
  return position;
}

// The first rows decide what is possible; rows from all over the files, what of that is likely.
// Everything that the first rows left open and the proposal does not settle stays alive until a row
// refutes it.
Status SampleTypes(const Source& source, std::int64_t sample_rows, std::vector<Column>& columns) {
  std::vector<Candidates> possible(columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const auto fixed = source.request.wanted.Find(source.names[i]);
    possible[i] = source.all_text ? 0
                  : fixed ? CandidatesFor(source.request.wanted.columns[*fixed].type, source.infer)
                          : AllCandidates(source.infer);
  }
  std::vector<Candidates> head = possible;
  std::vector<std::int64_t> real(columns.size(), 0);
  Walk walk(source, columns.size(), false);
  RETURN_IF_ERROR(Narrow(source, walk, sample_rows, head, real));
  const std::vector<std::int64_t> head_real = real;
  std::vector<Candidates> likely = head;
  const bool more = walk.position().file + 1 < source.bytes.size() ||
                    static_cast<std::int64_t>(walk.position().offset) < source.bytes.back();
  for (int place = 1; more && sample_rows > 0 && place < kPlaces; ++place) {
    ASSIGN_OR_RETURN(const Position position,
                     PlaceAt(source, source.total_bytes / kPlaces * place));
    Walk elsewhere(source, columns.size(), false);
    RETURN_IF_ERROR(elsewhere.Seek(position));
    RETURN_IF_ERROR(
        Narrow(source, elsewhere, std::max<std::int64_t>(sample_rows / 40, 1), likely, real));
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (possible[i] == 0) {
      columns[i].real = 1;  // text, and nothing to find out
      continue;
    }
    bool ambiguous = false;
    columns[i].conversion = Choose(likely[i], real[i], &ambiguous);
    if (real[i] > 0 && likely[i] == 0 && source.request.wanted.Find(source.names[i])) {
      // It cannot become what the dataset has; loading by that type finds the line to name.
      columns[i].conversion = FirstOf(possible[i]);
    }
    columns[i].alive = OpenBeside(head[i], columns[i].conversion);
    columns[i].real = head_real[i];
    columns[i].watch = real[i] == 0;
  }
  return {};
}

Result<std::unique_ptr<FormatReader>> Open(const FormatRequest& request) {
  auto source = std::make_shared<Source>();
  source->request = request;
  const Settings& settings = request.settings;
  source->infer.decimal = settings.at("decimal") == "," ? ',' : '.';
  source->infer.date_order = settings.at("date_order");
  source->skip_rows = IntegerOf(settings, "skip_rows");
  source->all_text = BoolOf(settings, "all_text");
  std::string_view nulls = settings.at("nulls");
  while (!nulls.empty()) {
    const std::size_t end = std::min(nulls.find('|'), nulls.size());
    source->nulls.emplace(nulls.substr(0, end));
    nulls.remove_prefix(std::min(end + 1, nulls.size()));
  }
  for (const FormatFile& file : request.files) {
    ASSIGN_OR_RETURN(const MappedFile mapped, MappedFile::Open(file.path));
    source->bytes.push_back(static_cast<std::int64_t>(mapped.bytes().size()));
    source->total_bytes += source->bytes.back();
  }
  ASSIGN_OR_RETURN(const MappedFile first, MappedFile::Open(request.files.front().path));
  const std::string_view beginning = first.bytes().substr(0, kSniffBytes);
  ASSIGN_OR_RETURN(const Dialect fixed, FixedDialect(settings));
  source->dialect = Sniff(beginning, beginning.size() == first.bytes().size(), fixed);
  ASSIGN_OR_RETURN(const Head head, ReadHead(*source, first.bytes()));
  const std::string& header = settings.at("header");
  source->header =
      header == "auto" ? LooksLikeHeader(head, source->infer) : header == "true" || header == "yes";
  std::vector<Message> warnings;
  if (source->header) {
    source->header_fields = head.rows.front();
    source->names = UniqueNames(source->header_fields, &warnings);
  } else {
    source->names = UniqueNames(std::vector<std::string>(head.usual_fields), &warnings);
    warnings.clear();
    warnings.push_back(Msg(
        "the first row of '{}' holds values, not names; the columns are called column1 to column{}",
        request.files.front().name, head.usual_fields));
  }
  std::vector<Column> columns(source->names.size());
  RETURN_IF_ERROR(SampleTypes(*source, IntegerOf(settings, "sample_rows"), columns));
  return std::make_unique<CsvReader>(std::move(source), std::move(columns), std::move(warnings));
}

// Any text may be CSV: it is asked last, and refuses only what holds zero bytes.
bool Recognises(std::string_view bytes) { return bytes.find('\0') == std::string_view::npos; }

}  // namespace

void Register(FormatRegistry& registry) {
  registry.Add({.name = "csv",
                .label = {"CSV and other delimited text", "CSV 等分隔文本"},
                .fields = kFields,
                .endings = ".csv .tsv .tab .txt .psv .dat",
                .media_type = "text/csv; charset=utf-8",
                .text = true,
                .recognises = Recognises,
                .open = Open,
                .encoder = NewEncoder});
}

}  // namespace aimass::formats::csv
