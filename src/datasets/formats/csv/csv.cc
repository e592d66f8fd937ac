// Delimited text (CSV, TSV, …): RFC 4180, with any delimiter, and as spreadsheets and databases
// really write it.
#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "base/id.h"
#include "base/json.h"
#include "datasets/format.h"
#include "datasets/formats/csv/encode.h"
#include "datasets/formats/csv/reader.h"

namespace aimass::formats::csv {
namespace {

constexpr std::array kFields{
    Field{.name = "delimiter",
          .label = {"Delimiter (auto, tab, or the characters themselves)",
                    "分隔符（auto、tab 或字符本身）"},
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
          .default_value = "auto",
          .choices = "auto . ,"},
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

constexpr std::size_t kSniffBytes = std::size_t{1} << 19;

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

constexpr std::size_t kMaxDelimiterBytes = 8;

bool IsAlphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// A delimiter or a quote that stands in values would take them apart.
Status Check(const Settings& settings) {
  const std::string& delimiter = settings.at("delimiter");
  const bool named = delimiter == "auto" || delimiter == "tab" || delimiter == "\\t";
  if (!named && (delimiter.empty() || delimiter.size() > kMaxDelimiterBytes ||
                 delimiter.find_first_of("\r\n") != std::string::npos ||
                 std::any_of(delimiter.begin(), delimiter.end(), IsAlphanumeric))) {
    return Fail(ErrorCode::kInvalidArgument,
                "delimiter must be auto, tab, or 1 to {} bytes without letters, digits and line "
                "ends, got '{}'",
                kMaxDelimiterBytes, delimiter);
  }
  const std::string& quote = settings.at("quote");
  if (quote == "auto" || quote == "none") return {};
  if (quote.size() != 1 || IsAlphanumeric(quote[0]) ||
      quote.find_first_of(" \t\r\n") != std::string::npos ||
      static_cast<unsigned char>(quote[0]) >= 0x80) {
    return Fail(ErrorCode::kInvalidArgument,
                "quote must be auto, none, or one ASCII character that is neither a letter, a "
                "digit nor a space, got '{}'",
                quote);
  }
  if (!named && delimiter.find(quote[0]) != std::string::npos) {
    return Fail(ErrorCode::kInvalidArgument,
                "delimiter and quote must differ, both have the character '{}'", quote);
  }
  return {};
}

Dialect FixedDialect(const Settings& settings) {
  Dialect fixed;
  const std::string& delimiter = settings.at("delimiter");
  const std::string& quote = settings.at("quote");
  fixed.delimiter = delimiter == "auto"                        ? ""
                    : delimiter == "tab" || delimiter == "\\t" ? "\t"
                                                               : delimiter;
  fixed.quote = quote == "auto" ? '?' : quote == "none" ? '\0' : quote[0];
  return fixed;
}

// The types that the user gave, by position.
Result<std::vector<std::optional<Type>>> AskedTypes(const Source& source) {
  std::vector<std::optional<Type>> asked(source.names.size());
  for (const auto& [name, type] : source.request.types) {
    const auto at = std::find_if(
        source.names.begin(), source.names.end(),
        [&name](const std::string& column) { return NameKey(column) == NameKey(name); });
    if (at == source.names.end()) {
      const std::vector<std::string_view> known(source.names.begin(), source.names.end());
      auto failure = Fail(ErrorCode::kUnprocessable,
                          "a type is given for column '{}', but '{}' has no such column", name,
                          source.request.files.front().name);
      const std::string nearest = Nearest(name, known);
      if (nearest.empty()) return failure;
      return WithHint(std::move(failure), Msg("did you mean '{}'?", nearest));
    }
    asked[static_cast<std::size_t>(at - source.names.begin())] = type;
  }
  return asked;
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
  source->dialect =
      Sniff(beginning, beginning.size() == first.bytes().size(), FixedDialect(settings));
  // Where semicolons separate, commas are often decimal signs: 1,234 may be either, until somebody
  // says which sign it is.
  source->infer.groups = source->dialect.delimiter != ";" || settings.at("decimal") != "auto";
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
  ASSIGN_OR_RETURN(source->asked, AskedTypes(*source));
  std::vector<Column> columns(source->names.size());
  if (request.on_misfit == OnMisfit::kWiden) {
    RETURN_IF_ERROR(SampleTypes(*source, IntegerOf(settings, "sample_rows"), columns));
  } else {
    RETURN_IF_ERROR(SettleTypes(*source, columns, warnings));
  }
  return NewReader(std::move(source), std::move(columns), std::move(warnings));
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
                .converts = true,
                .text = true,
                .recognises = Recognises,
                .check = Check,
                .open = Open,
                .encoder = NewEncoder});
}

}  // namespace aimass::formats::csv
