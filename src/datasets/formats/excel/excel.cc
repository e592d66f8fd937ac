// Excel workbooks (.xlsx, ECMA-376): one sheet is one table. Cells are written out as CSV, dates
// and truth values by what they are, and from there on the CSV format finds names and types: with
// every row verified, as for CSV.
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <fstream>
#include <map>
#include <memory>
#include <set>

#include "datasets/format.h"
#include "datasets/formats/excel/xml.h"
#include "datasets/import/mapped.h"
#include "native/archive/archive.h"

namespace aimass::formats::excel {
namespace {

using Kind = XmlWalk::Kind;

constexpr std::array kFields{
    Field{.name = "sheet",
          .label = {"Sheet (its name; empty: the first)", "工作表（名称；留空为第一个）"}},
    Field{.name = "header",
          .label = {"First row holds the column names", "首行为列名"},
          .kind = FieldKind::kChoice,
          .default_value = "auto",
          .choices = "auto true false yes no"},
    Field{.name = "skip_rows",
          .label = {"Rows to leave out at the top", "跳过开头行数"},
          .kind = FieldKind::kInteger,
          .default_value = "0",
          .min = 0,
          .max = 1e9},
};
constexpr std::int64_t kMaxUnpacked = std::int64_t{8} << 30;
constexpr std::int64_t kMaxRows = 1'048'576;
constexpr std::size_t kMaxColumns = 16'384;  // what a sheet can have
constexpr int kLast1900 = 60;  // Excel counts a 29th of February 1900, which never was

struct Workbook {
  std::map<std::string, std::string> parts;  // name in the package → unpacked file
  std::vector<std::string> strings;
  std::vector<char>
      styles;  // of each cell format: 'd' date, 't' date and time, 'c' time of day, ' ' number
  bool from_1904 = false;

  [[nodiscard]] Result<MappedFile> Part(const std::string& name) const {
    const auto at = parts.find(name);
    if (at == parts.end()) {
      return Fail(ErrorCode::kUnprocessable, "the Excel workbook is damaged: it has no '{}'", name);
    }
    return MappedFile::Open(at->second);
  }
};

// What a number format shows: its d, m, y, h, s outside of quotes and brackets.
char StyleOf(int id, const std::map<int, std::string>& custom) {
  if ((id >= 14 && id <= 17) || (id >= 27 && id <= 31) || id == 36 || (id >= 50 && id <= 58))
    return 'd';
  if (id == 22) return 't';
  if ((id >= 18 && id <= 21) || (id >= 32 && id <= 35) || (id >= 45 && id <= 47)) return 'c';
  const auto at = custom.find(id);
  if (at == custom.end()) return ' ';
  bool day = false;
  bool hour = false;
  bool month = false;
  const std::string& code = at->second;
  for (std::size_t i = 0; i < code.size(); ++i) {
    switch (code[i]) {
      case '"':
        i = std::min(code.find('"', i + 1), code.size());
        break;
      case '[':
        i = std::min(code.find(']', i + 1), code.size());
        break;
      case '\\':
      case '_':
      case '*':
        ++i;
        break;
      case ';':
        i = code.size();
        break;
      case 'y':
      case 'Y':
      case 'd':
      case 'D':
      case 'e':
        day = true;
        break;
      case 'm':
      case 'M':
        month = true;
        break;
      case 'h':
      case 'H':
      case 's':
        hour = true;
        break;
      case 'G':
        i += 6;
        break;  // "General"
      default:
        break;
    }
  }
  if (day && hour) return 't';
  if (day || (month && !hour)) return 'd';
  return hour ? 'c' : ' ';
}

Status ReadStyles(Workbook& book) {
  if (!book.parts.contains("xl/styles.xml")) return {};
  ASSIGN_OR_RETURN(const MappedFile file, book.Part("xl/styles.xml"));
  XmlWalk walk(file.bytes());
  std::map<int, std::string> custom;
  bool cells = false;
  for (Kind kind = walk.Next(); kind != Kind::kEnd; kind = walk.Next()) {
    if (walk.name() == "cellXfs" && kind != Kind::kText) cells = kind == Kind::kOpen;
    if (kind != Kind::kOpen) continue;
    if (walk.name() == "numFmt") {
      custom[std::atoi(walk.Attribute("numFmtId").value_or("0").c_str())] =
          walk.Attribute("formatCode").value_or("");
    } else if (walk.name() == "xf" && cells) {
      book.styles.push_back(
          StyleOf(std::atoi(walk.Attribute("numFmtId").value_or("0").c_str()), custom));
    }
  }
  return {};
}

// Texts that cells share; phonetic readings (rPh) are not part of them.
Status ReadStrings(Workbook& book) {
  if (!book.parts.contains("xl/sharedStrings.xml")) return {};
  ASSIGN_OR_RETURN(const MappedFile file, book.Part("xl/sharedStrings.xml"));
  XmlWalk walk(file.bytes());
  std::string text;
  bool in_text = false;
  bool phonetic = false;
  for (Kind kind = walk.Next(); kind != Kind::kEnd; kind = walk.Next()) {
    if (kind == Kind::kText) {
      if (in_text && !phonetic) text += walk.text();
      continue;
    }
    if (walk.name() == "t") in_text = kind == Kind::kOpen;
    if (walk.name() == "rPh") phonetic = kind == Kind::kOpen;
    if (walk.name() == "si" && kind == Kind::kOpen) text.clear();
    if (walk.name() == "si" && kind == Kind::kClose) book.strings.push_back(text);
  }
  return {};
}

// The part of the sheet `wanted`, or of the first.
Result<std::string> FindSheet(Workbook& book, const std::string& wanted) {
  ASSIGN_OR_RETURN(const MappedFile file, book.Part("xl/workbook.xml"));
  XmlWalk walk(file.bytes());
  std::string id;
  std::string names;
  for (Kind kind = walk.Next(); kind != Kind::kEnd; kind = walk.Next()) {
    if (kind != Kind::kOpen) continue;
    if (walk.name() == "workbookPr") {
      const std::string value = walk.Attribute("date1904").value_or("0");
      book.from_1904 = value == "1" || value == "true";
    }
    if (walk.name() != "sheet") continue;
    const std::string name = walk.Attribute("name").value_or("");
    names += (names.empty() ? "" : ", ") + name;
    if (id.empty() && (wanted.empty() || name == wanted)) id = walk.Attribute("r:id").value_or("");
  }
  if (id.empty()) {
    return Fail(ErrorCode::kUnprocessable, "the workbook has no sheet '{}'; it has: {}", wanted,
                names);
  }
  ASSIGN_OR_RETURN(const MappedFile links, book.Part("xl/_rels/workbook.xml.rels"));
  XmlWalk link(links.bytes());
  for (Kind kind = link.Next(); kind != Kind::kEnd; kind = link.Next()) {
    if (kind != Kind::kOpen || link.Attribute("Id").value_or("") != id) continue;
    std::string target = link.Attribute("Target").value_or("");
    if (target.starts_with('/')) return target.substr(1);
    return "xl/" + target;
  }
  return Fail(ErrorCode::kUnprocessable, "the Excel workbook is damaged: it has no '{}'", id);
}

// "BC12" → 54
std::optional<std::size_t> ColumnOf(std::string_view reference) {
  std::size_t column = 0;
  for (const char c : reference) {
    if (c < 'A' || c > 'Z') break;
    column = column * 26 + static_cast<std::size_t>(c - 'A' + 1);
    if (column > kMaxColumns) return std::nullopt;
  }
  if (column == 0) return std::nullopt;
  return column - 1;
}

std::string DateOf(double serial, char style, bool from_1904) {
  const double whole = std::floor(serial);
  std::int64_t seconds = std::llround((serial - whole) * 86'400'000.0) / 1000;
  std::int64_t days = static_cast<std::int64_t>(whole);
  if (seconds == 86'400) {
    seconds = 0;
    ++days;
  }
  std::string clock =
      fmt::format("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
  if (style == 'c' && days == 0) return clock;
  if (from_1904) {
    days += 1462;
  } else if (days < kLast1900) {
    ++days;
  }
  const std::chrono::year_month_day day{std::chrono::sys_days(std::chrono::days(days - 25'569))};
  std::string text =
      fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()),
                  static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
  return style == 'd' && seconds == 0 ? text : text + " " + clock;
}

// A number as a person typed it: Excel stores 0.1 as 0.10000000000000001.
std::string NumberOf(const std::string& text) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return text;
  if (value == std::floor(value) && std::abs(value) < 1e15)
    return fmt::format("{}", static_cast<std::int64_t>(value));
  std::string rounded = fmt::format("{:.15g}", value);
  double back = 0.0;
  std::from_chars(rounded.data(), rounded.data() + rounded.size(), back);
  return std::abs(back - value) <= std::abs(value) * 1e-15 ? rounded : fmt::format("{}", value);
}

void AppendField(std::string& line, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    line += text;
    return;
  }
  line += '"';
  for (const char c : text) {
    if (c == '"') line += '"';
    line += c;
  }
  line += '"';
}

// One sheet, cell by cell, as rows of texts.
class Sheet {
 public:
  Sheet(const Workbook& book, std::string_view xml) : book_(book), walk_(xml) {}

  // Of the row that NextRow() gave, as Excel shows it.
  std::int64_t number() const { return number_; }

  // The next row that has a value; false at the end.
  bool NextRow(std::vector<std::string>* row) {
    row->clear();
    bool in_row = false;
    for (Kind kind = walk_.Next(); kind != Kind::kEnd; kind = walk_.Next()) {
      if (kind == Kind::kText) continue;
      if (walk_.name() == "row") {
        if (kind == Kind::kOpen) {
          in_row = true;
          row->clear();
          const std::string given = walk_.Attribute("r").value_or("");
          ++number_;
          std::from_chars(given.data(), given.data() + given.size(), number_);
          number_ = std::min(number_, kMaxRows);
        } else if (std::any_of(row->begin(), row->end(),
                               [](const auto& cell) { return !cell.empty(); })) {
          return true;
        }
      } else if (in_row && kind == Kind::kOpen && walk_.name() == "c") {
        ReadCell(row);
      }
    }
    return false;
  }

 private:
  void ReadCell(std::vector<std::string>* row) {
    const std::string reference = walk_.Attribute("r").value_or("");
    const std::string type = walk_.Attribute("t").value_or("n");
    const auto style = static_cast<std::size_t>(
        std::max(0, std::atoi(walk_.Attribute("s").value_or("0").c_str())));
    const std::size_t column =
        reference.empty() ? row->size() : ColumnOf(reference).value_or(kMaxColumns);
    std::string value;
    bool in_value = false;
    bool phonetic = false;
    for (Kind kind = walk_.Next(); kind != Kind::kEnd; kind = walk_.Next()) {
      if (kind == Kind::kText) {
        if (in_value && !phonetic) value += walk_.text();
        continue;
      }
      if (walk_.name() == "v" || walk_.name() == "t") in_value = kind == Kind::kOpen;
      if (walk_.name() == "rPh") phonetic = kind == Kind::kOpen;
      if (walk_.name() == "c" && kind == Kind::kClose) break;
    }
    if (column >= kMaxColumns) return;
    if (row->size() <= column) row->resize(column + 1);
    (*row)[column] = TextOf(type, style < book_.styles.size() ? book_.styles[style] : ' ', value);
  }

  std::string TextOf(const std::string& type, char style, const std::string& value) const {
    if (value.empty() || type == "e") return {};  // an error such as #DIV/0! is no value
    if (type == "s") {
      std::size_t index = 0;
      std::from_chars(value.data(), value.data() + value.size(), index);
      return index < book_.strings.size() ? book_.strings[index] : std::string();
    }
    if (type == "b") return value == "1" ? "true" : "false";
    if (type != "n") return value;  // inline and formula texts, ISO dates
    double number = 0.0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (style != ' ' && error == std::errc{} && number >= 0 && number < 2'958'466) {
      return DateOf(number, style, book_.from_1904);
    }
    return NumberOf(value);
  }

  const Workbook& book_;
  XmlWalk walk_;
  std::int64_t number_ = 0;
};

// Writes the sheet as CSV with as many fields in each row as the widest row has.
Status WriteCsv(const Workbook& book, std::string_view xml, std::int64_t skip_rows,
                const std::string& path, const CancelToken& cancel, const std::string& name) {
  std::size_t width = 0;
  std::vector<std::string> row;
  for (Sheet sheet(book, xml); sheet.NextRow(&row);) {
    while (!row.empty() && row.back().empty()) row.pop_back();
    width = std::max(width, row.size());
  }
  if (width == 0) {
    return Fail(ErrorCode::kUnprocessable,
                "'{}' is empty; expected a row with column names, then rows", name);
  }
  std::ofstream out(path, std::ios::binary);
  std::string line;
  std::int64_t number = 0;
  std::int64_t written = 0;  // lines so far: a row stands in the line of its number in the sheet
  for (Sheet sheet(book, xml); sheet.NextRow(&row); ++number) {
    if (number % 1024 == 0) RETURN_IF_ERROR(cancel.Check());
    if (number < skip_rows) continue;
    // In a table of one column an empty line would be a row.
    for (; width > 1 && written + 1 < sheet.number(); ++written) out << '\n';
    ++written;
    row.resize(width);
    line.clear();
    for (std::size_t i = 0; i < width; ++i) {
      if (i > 0) line += ',';
      AppendField(line, row[i]);
    }
    if (line.empty()) continue;
    out << line << '\n';
  }
  out.flush();
  if (!out) return Fail(ErrorCode::kStorageFull, "cannot write '{}'", path);
  return {};
}

Result<std::unique_ptr<FormatReader>> Open(const FormatRequest& request) {
  FormatRequest as_csv = request;
  for (std::size_t i = 0; i < request.files.size(); ++i) {
    const std::string folder = fmt::format("{}/workbook-{}", request.temp_folder, i);
    ASSIGN_OR_RETURN(const auto members,
                     archive::Unpack(request.files[i].path, folder, {.max_bytes = kMaxUnpacked},
                                     request.cancel, {}, request.files[i].name));
    Workbook book;
    for (const archive::Member& member : members) book.parts[member.name] = member.path;
    ASSIGN_OR_RETURN(const std::string part, FindSheet(book, request.settings.at("sheet")));
    RETURN_IF_ERROR(ReadStyles(book));
    RETURN_IF_ERROR(ReadStrings(book));
    ASSIGN_OR_RETURN(const MappedFile sheet, book.Part(part));
    as_csv.files[i].path = fmt::format("{}/sheet-{}.csv", request.temp_folder, i);
    RETURN_IF_ERROR(WriteCsv(book, sheet.bytes(), IntegerOf(request.settings, "skip_rows"),
                             as_csv.files[i].path, request.cancel, request.files[i].name));
  }
  // The text is ours now: its dialect is known.
  ASSIGN_OR_RETURN(const FormatType* const csv, request.formats->Find("csv"));
  ASSIGN_OR_RETURN(
      as_csv.settings,
      CheckFormatSettings(
          *csv, {{"delimiter", ","}, {"quote", "\""}, {"header", request.settings.at("header")}}));
  return csv->open(as_csv);
}

bool Recognises(std::string_view bytes) { return bytes.starts_with("PK\x03\x04"); }

}  // namespace

void Register(FormatRegistry& registry) {
  registry.Add({.name = "excel",
                .label = {"Excel workbook", "Excel 工作簿"},
                .fields = kFields,
                .endings = ".xlsx .xlsm",
                .media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                .converts = true,
                .text = false,
                .recognises = Recognises,
                .open = Open});
}

}  // namespace aimass::formats::excel
