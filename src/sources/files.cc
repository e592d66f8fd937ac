#include "sources/files.h"

#include <algorithm>
#include <array>
#include <map>

#include "sources/glob.h"

namespace aimass {
namespace {

constexpr std::array<std::string_view, 5> kPackings{".gz", ".zst", ".xz", ".bz2", ".zip"};

std::unexpected<Error> FilesOnly() {
  return Fail(ErrorCode::kUnsupported, "a source of files has files, no rows of its own");
}

// ".csv.gz"; empty where the name has none.
std::string EndingOf(const std::string& name) {
  std::size_t dot = name.rfind('.');
  if (dot == std::string::npos || dot == 0) return {};
  const std::string last = name.substr(dot);
  if (std::ranges::find(kPackings, last) != kPackings.end()) {
    const std::size_t before = name.rfind('.', dot - 1);
    if (before != std::string::npos && before != 0) dot = before;
  }
  return name.substr(dot);
}

struct Group {
  std::string only;  // its file, where it is one
  std::int64_t files = 0;
  std::int64_t bytes = 0;
};

}  // namespace

Result<TableDescription> FileConnection::Describe(const std::string& /*table*/) {
  return FilesOnly();
}
Result<std::unique_ptr<BatchReader>> FileConnection::Read(const SourceRead& /*request*/) {
  return FilesOnly();
}
Result<SourceTotals> FileConnection::Totals(const SourceRead& /*request*/) { return FilesOnly(); }
Result<bool> FileConnection::Freeze(const SourceConnection* /*beside*/) { return FilesOnly(); }

std::vector<SourceTable> TablesOf(const std::vector<SourceFile>& files) {
  std::map<std::string, Group> groups;
  for (const SourceFile& file : files) {
    const std::size_t slash = file.path.rfind('/');
    const std::string folder =
        slash == std::string::npos ? "" : GlobOf(file.path.substr(0, slash + 1));
    const std::string name = slash == std::string::npos ? file.path : file.path.substr(slash + 1);
    const std::string ending = EndingOf(name);
    Group& group = groups[ending.empty() ? GlobOf(file.path) : folder + "*" + GlobOf(ending)];
    group.only = file.path;
    ++group.files;
    group.bytes += std::max<std::int64_t>(0, file.bytes);
  }
  std::vector<SourceTable> tables;
  for (const auto& [pattern, group] : groups) {
    tables.push_back(
        {.name = pattern,
         .view = false,
         .comment = fmt::format("{} × {}, {} B", group.files,
                                EndingOf(group.only).empty() ? group.only : EndingOf(group.only),
                                group.bytes),
         .rows = std::nullopt});
  }
  return tables;
}

}  // namespace aimass
