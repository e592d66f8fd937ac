// Delimited text. The first byte chooses how it is read; '@' compares with DuckDB's reader.
#include <memory>

#include "native/duckdb/database.h"
#include "table.h"

namespace aimass::formats::csv {
void Register(FormatRegistry& registry);
}

namespace {

using namespace aimass;

const FormatRegistry& Formats() {
  static const auto formats = [] {
    auto all = std::make_unique<FormatRegistry>("format");
    formats::csv::Register(*all);
    return all;
  }();
  return *formats;
}

Result<std::unique_ptr<BatchReader>> OpenReader(const fuzz::MemoryFile& file, bool* rejected) {
  const FormatType& csv = **Formats().Find("csv");
  const auto settings = CheckFormatSettings(
      csv, {{"delimiter", ","}, {"quote", "\""}, {"header", "false"}, {"all_text", "true"}});
  return csv.open({.files = {{.path = file.path(), .name = "file", .valid_utf8 = false}},
                   .settings = *settings,
                   .wanted = {},
                   .types = {},
                   .reject = [rejected](const Reject&) -> Status {
                     *rejected = true;
                     return {};
                   },
                   .temp_folder = {},
                   .cancel = {}});
}

std::optional<fuzz::Rows> RowsOf(const fuzz::MemoryFile& file, bool* rejected) {
  const auto reader = OpenReader(file, rejected);
  if (!reader) return std::nullopt;
  return fuzz::ReadAll(**reader);
}

// What we accept without a reject and DuckDB, in its strict mode, accepts too, is the same; and
// written as CSV again it is read the same.
void Compare(std::string_view content) {
  // Line ends are chosen once for each file, by rules that differ; and for DuckDB a quote behind
  // spaces opens a field.
  if (content.contains('\r') || content.contains('\0') || content.contains(" \"")) return;
  const fuzz::MemoryFile file(content);
  bool rejected = false;
  const auto ours = RowsOf(file, &rejected);
  if (!ours || rejected || ours->empty() || ours->front().size() < 2) return;

  std::string columns;
  for (std::size_t i = 0; i < ours->front().size(); ++i) {
    columns += (i == 0 ? "'c" : ", 'c") + std::to_string(i) + "': 'VARCHAR'";
  }
  // Never freed: DuckDB has objects of the thread that end before ours would.
  static auto& connection = *[] {
    auto database = duckdb::Database::Open({.threads = 1, .allowed_folders = {"/proc/self/fd"}});
    return std::make_unique<duckdb::Connection>(*database->Connect()).release();
  }();
  const auto query = connection.Query(
      "SELECT * FROM read_csv(" + duckdb::QuoteText(file.path()) + ", columns = {" + columns +
      "}, auto_detect = false, header = false, delim = ',', quote = '\"', escape = '\"', "
      "new_line = '\\n', strict_mode = true, parallel = false)");
  if (query) {
    if (const auto theirs = fuzz::ReadAll(**query)) {
      fuzz::Require(*ours == *theirs, "DuckDB reads the same cells");
    }
  }

  const auto encoder = (*Formats().Find("csv"))->encoder();
  std::string written;
  bool ignored = false;
  const auto reader = OpenReader(file, &ignored);
  for (auto batch = (*reader)->Next(); batch && *batch; batch = (*reader)->Next()) {
    written += *encoder->Encode(**batch);
  }
  const auto again = RowsOf(fuzz::MemoryFile(written), &ignored);
  fuzz::Require(again && *again == *ours, "written and read again it is the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view content = fuzz::Text(data + 1, size - 1);
  if (data[0] == '@') {
    Compare(content);
    return 0;
  }
  Settings settings;
  if ((data[0] & 1U) != 0) settings["header"] = (data[0] & 2U) != 0 ? "true" : "false";
  if ((data[0] & 4U) != 0) settings["decimal"] = ",";
  if ((data[0] & 8U) != 0) settings["nulls"] = "-|none";
  const OnMisfit on_misfit = (data[0] & 16U) == 0   ? OnMisfit::kWiden
                             : (data[0] & 32U) == 0 ? OnMisfit::kReject
                                                    : OnMisfit::kNull;
  fuzz::ReadTable(**Formats().Find("csv"), settings, on_misfit, Formats(), content);
  return 0;
}
