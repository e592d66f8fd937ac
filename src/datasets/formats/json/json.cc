// JSON: one array of objects, one object, or an object per line (NDJSON). Every line is checked
// first, so that a broken one is rejected alone; types are inferred from all rows, by DuckDB.
#include <simdjson.h>

#include <algorithm>
#include <fstream>
#include <memory>

#include "datasets/format.h"
#include "datasets/import/mapped.h"
#include "datasets/import/query_reader.h"
#include "native/duckdb/database.h"
#include "table/json_rows.h"

namespace aimass::formats::json {
namespace {

enum class Shape : std::uint8_t { kLines, kArray, kObjects };

bool OneObject(simdjson::dom::parser& parser, std::string_view text, bool* not_an_object) {
  *not_an_object = false;
  simdjson::dom::element element;
  if (parser.parse(text.data(), text.size()).get(element) != simdjson::SUCCESS) return false;
  *not_an_object = !element.is_object();
  return !*not_an_object;
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// By the first line that holds something: lines if it is an object by itself.
Result<Shape> ShapeOf(const FormatFile& file, std::string_view bytes) {
  const std::size_t begin = bytes.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) {
    return Fail(ErrorCode::kUnprocessable, "'{}' is empty; expected JSON objects", file.name);
  }
  if (bytes[begin] == '[') {
    const std::size_t element = bytes.find_first_not_of(" \t\r\n", begin + 1);
    if (element != bytes.npos && bytes[element] != '{' && bytes[element] != ']') {
      return WithHint(Fail(ErrorCode::kUnprocessable,
                           "'{}' is an array of other things than objects: it begins with '{}'",
                           file.name, bytes.substr(begin, 40)),
                      Msg("each row must be an object: {}", R"([{"a": 1}, {"a": 2}])"));
    }
    return Shape::kArray;
  }
  const std::string_view line = bytes.substr(begin, bytes.find('\n', begin) - begin);
  simdjson::dom::parser parser;
  bool not_an_object = false;
  if (OneObject(parser, line, &not_an_object)) return Shape::kLines;
  if (bytes[begin] != '{') return Shape::kLines;
  // A broken first line, or an object over several lines: what the next lines are decides.
  std::size_t at = bytes.find('\n', begin);
  for (int i = 0; i < 20 && at != std::string_view::npos; ++i) {
    const std::size_t end = std::min(bytes.find('\n', at + 1), bytes.size());
    if (OneObject(parser, bytes.substr(at + 1, end - at - 1), &not_an_object)) return Shape::kLines;
    at = end < bytes.size() ? end : std::string_view::npos;
  }
  return Shape::kObjects;
}

constexpr std::size_t kSmallestObject = std::size_t{1} << 20;
constexpr std::size_t kLargestObject = std::size_t{32}
                                       << 20;  // of a document that is not written in lines

// What is known of the files: DuckDB reserves memory for several of the largest objects.
struct Census {
  std::int64_t rows = 0;
  std::size_t largest = kSmallestObject;  // bytes of an object, at most
};

// Checks every line; `clean` gets the path of a copy without the broken ones, where there are any.
Status CheckLines(const FormatRequest& request, const FormatFile& file, std::string_view bytes,
                  const std::string& copy, std::string* clean, Census* census) {
  simdjson::dom::parser parser;
  std::unique_ptr<std::ofstream> out;
  std::int64_t number = 0;
  std::size_t kept_from = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    if (number % 1024 == 0) RETURN_IF_ERROR(request.cancel.Check());
    const std::size_t end = std::min(bytes.find('\n', at), bytes.size());
    const std::size_t next = std::min(end + 1, bytes.size());
    const std::string_view line = Trim(bytes.substr(at, end - at));
    ++number;
    bool not_an_object = false;
    if (!line.empty() && !OneObject(parser, line, &not_an_object)) {
      if (!out) out = std::make_unique<std::ofstream>(copy, std::ios::binary);
      out->write(bytes.data() + kept_from, static_cast<std::streamsize>(at - kept_from));
      kept_from = next;
      RETURN_IF_ERROR(request.reject({.file = file.name,
                                      .line = number,
                                      .reason = not_an_object ? Msg("the line is not a JSON object")
                                                              : Msg("the line is not valid JSON"),
                                      .raw = std::string(line)}));
    } else if (!line.empty()) {
      ++census->rows;
      census->largest = std::max(census->largest, line.size() + 16);
    }
    at = next;
  }
  if (!out) return {};
  out->write(bytes.data() + kept_from, static_cast<std::streamsize>(bytes.size() - kept_from));
  out->flush();
  if (!*out) return Fail(ErrorCode::kStorageFull, "cannot write '{}'", copy);
  *clean = copy;
  return {};
}

// Every line was rejected: no rows and no columns.
class NoRows final : public FormatReader {
 public:
  const Schema& schema() const override { return schema_; }
  Result<std::optional<Batch>> Next() override { return std::optional<Batch>(); }

 private:
  Schema schema_;
};

Result<std::unique_ptr<FormatReader>> Open(const FormatRequest& request) {
  FormatRequest cleaned = request;
  std::optional<Shape> shape;
  Census census;
  for (std::size_t i = 0; i < cleaned.files.size(); ++i) {
    FormatFile& file = cleaned.files[i];
    ASSIGN_OR_RETURN(const MappedFile mapped, MappedFile::Open(file.path));
    ASSIGN_OR_RETURN(const Shape its, ShapeOf(file, mapped.bytes()));
    if (shape && *shape != its) {
      return Fail(ErrorCode::kUnprocessable,
                  "'{}' is written differently from '{}': one has an object per line", file.name,
                  cleaned.files.front().name);
    }
    shape = its;
    if (its != Shape::kLines) {
      census.rows = 1;
      census.largest =
          std::max(census.largest, std::min(mapped.bytes().size() + 16, kLargestObject));
      continue;
    }
    std::string clean;
    RETURN_IF_ERROR(CheckLines(request, file, mapped.bytes(),
                               fmt::format("{}/clean-{}.ndjson", request.temp_folder, i), &clean,
                               &census));
    if (!clean.empty()) file.path = clean;
  }
  if (census.rows == 0) return std::make_unique<NoRows>();
  std::vector<std::string> paths;
  for (const FormatFile& file : cleaned.files) paths.push_back(file.path);
  const char* const format = *shape == Shape::kLines   ? "newline_delimited"
                             : *shape == Shape::kArray ? "array"
                                                       : "unstructured";
  // Every row takes part in finding the types; objects stay structs whatever their keys are.
  return OpenQuery(cleaned,
                   fmt::format("SELECT * FROM read_json({}, format = '{}', sample_size = -1, "
                               "maximum_object_size = {}, union_by_name = true, "
                               "map_inference_threshold = -1, field_appearance_threshold = 0, "
                               "records = true, hive_partitioning = false)",
                               duckdb::QuoteList(paths), format, census.largest));
}

bool Recognises(std::string_view bytes) {
  const std::string_view text = Trim(bytes);
  if (text.empty() || (text[0] != '{' && text[0] != '[')) return false;
  const std::string_view rest = Trim(text.substr(1));
  return rest.empty() ||
         (text[0] == '{' ? rest[0] == '"' || rest[0] == '}' : rest[0] == '{' || rest[0] == ']');
}

class Encoder final : public FormatEncoder {
 public:
  Result<std::string> Begin(const Schema& schema) override {
    for (const ColumnInfo& column : schema.columns) {
      std::string name;
      AppendJsonText(name, column.name);
      names_.push_back(name + ":");
    }
    return std::string();
  }
  Result<std::string> Encode(const Batch& batch) override {
    std::string out;
    std::vector<ColumnView> columns;
    for (std::size_t c = 0; c < names_.size(); ++c) columns.push_back(batch.column(c));
    for (std::size_t row = 0; row < batch.num_rows(); ++row) {
      for (std::size_t c = 0; c < names_.size(); ++c) {
        out += c == 0 ? '{' : ',';
        out += names_[c];
        AppendJsonValue(out, columns[c], row);
      }
      out += "}\n";
    }
    return out;
  }

 private:
  std::vector<std::string> names_;
};

std::unique_ptr<FormatEncoder> NewEncoder() { return std::make_unique<Encoder>(); }

}  // namespace

void Register(FormatRegistry& registry) {
  registry.Add({.name = "json",
                .label = {"JSON and NDJSON", "JSON 与 NDJSON"},
                .fields = {},
                .endings = ".json .ndjson .jsonl",
                .media_type = "application/x-ndjson",
                .text = true,
                .recognises = Recognises,
                .open = Open,
                .encoder = NewEncoder});
}

}  // namespace aimass::formats::json
