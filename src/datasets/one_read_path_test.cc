// Rows of a dataset are read in one place, read.cc, so that what is forbidden there is forbidden
// everywhere. This test looks for a second one in the source: whatever could open a Parquet file is
// named here with its reason.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/file.h"

namespace aimass {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = "src";  // tests run in the root of the source tree

/// What opens data files, and who may: a file, or a folder that ends in '/'.
const std::map<std::string_view, std::set<std::string_view>> kDoors{
    // DuckDB's readers of Parquet.
    {"read_parquet",
     {
         "datasets/read.cc",
         "datasets/sql/function_lists.cc",  // refuses it by name
         "datasets/formats/parquet/",     // files that come from outside, before they are a dataset
         "datasets/import/",              // what an import has just written, before it is committed
         "datasets/delta/checkpoint.cc",  // the log's own checkpoints, which hold no rows
     }},
    {"parquet_scan", {"datasets/sql/function_lists.cc"}},
    {"delta_scan", {}},
    {"duckdb.h>", {"native/duckdb/"}},
    // Instances of DuckDB, whatever they then read.
    {"duckdb::Database::Open",
     {"datasets/read.cc", "datasets/sql/check.cc", "datasets/formats/", "datasets/import/",
      "datasets/delta/checkpoint.cc"}},
    // User SQL is parsed and run in processes that can be killed.
    {"CheckUserSql(",
     {"datasets/sql/check.cc", "datasets/sql/check.h", "datasets/sql/worker.cc",
      "datasets/read.cc"}},
    {"run-sql", {"datasets/sql/workers.cc", "main/cli/cli.cc"}},
    // Sources: one function opens a connection, for a caller and with its secrets.
    {"->connect(", {"sources/source.cc"}},
    {"native/mariadb/", {"native/mariadb/", "sources/connectors/mysql/"}},
    {"native/postgres/", {"native/postgres/", "sources/connectors/postgres/"}},
    // Other libraries that read Parquet.
    {"<parquet/", {}},
    {"<arrow/", {}},
};

bool MayOpen(const std::set<std::string_view>& names, const std::string& file) {
  return std::ranges::any_of(names, [&](std::string_view name) {
    return name.ends_with('/') ? file.starts_with(name) : file == name;
  });
}

/// `text` without what follows `//` on a line: comments may talk of anything.
std::string WithoutComments(const std::string& text) {
  std::string code;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    const std::string line = text.substr(start, end - start);
    code += line.substr(0, line.find("//")) + "\n";
    start = end + 1;
  }
  return code;
}

TEST(OneReadPath, NobodyElseOpensDataFiles) {
  ASSERT_TRUE(fs::exists(kSource / "datasets" / "read.cc")) << "run in the root of the source tree";
  std::map<std::string_view, int> seen;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(kSource)) {
    const std::string file = fs::relative(entry.path(), kSource).string();
    if (!entry.is_regular_file() || file.ends_with("_test.cc")) continue;
    if (!file.ends_with(".cc") && !file.ends_with(".h")) continue;
    const auto text = ReadFile(entry.path());
    ASSERT_TRUE(text);
    const std::string code = WithoutComments(*text);
    for (const auto& [door, names] : kDoors) {
      if (code.find(door) == std::string::npos) continue;
      ++seen[door];
      EXPECT_TRUE(MayOpen(names, file))
          << file << " uses '" << door << "': read rows through datasets/read.h";
    }
  }
  // The test would be worth nothing if it looked for words that nobody writes any more.
  EXPECT_GE(seen["read_parquet"], 1);
  EXPECT_GE(seen["duckdb::Database::Open"], 2);
  EXPECT_GE(seen["duckdb.h>"], 2);
  EXPECT_GE(seen["CheckUserSql("], 3);
}

}  // namespace
}  // namespace aimass
