#include "datasets/collect/touched.h"

#include <utility>

#include "base/file.h"
#include "datasets/collect/merge.h"
#include "datasets/delta/log.h"
#include "native/duckdb/database.h"

namespace aimass {
namespace {

constexpr std::string_view kName = "touched";

}  // namespace

Result<TouchedKeys> TouchedKeys::Write(ChangedKeys& keys, TableWriter::Options options) {
  const std::string folder = options.folder;
  RETURN_IF_ERROR(MakeFolder(folder));
  TouchedKeys touched;
  touched.schema_ = delta::Storable(keys.schema());
  ASSIGN_OR_RETURN(TableWriter writer, TableWriter::Open(std::move(options)));
  RETURN_IF_ERROR(writer.Write(
      keys, touched.schema_,
      {.progress = {}, .mark = {}, .done = [&](const WrittenFile& file, const Json&) -> Status {
         touched.files_.push_back(
             {.path = folder + "/" + file.path, .rows = file.rows, .bytes = file.bytes});
         return {};
       }}));
  return touched;
}

DatasetSnapshot TouchedKeys::Snapshot(const Caller& caller) const {
  return SnapshotOf(caller, std::string(kName), schema_, files_);
}

std::string TouchedKeys::Condition() const {
  std::string same;
  for (const ColumnInfo& column : schema_.columns) {
    const std::string name = duckdb::QuoteName(column.name);
    same += fmt::format("{}k.{} = s.{}", same.empty() ? "" : " AND ", name, name);
  }
  return fmt::format("EXISTS (SELECT 1 FROM {} AS k WHERE {})", kName, same);
}

Result<std::unique_ptr<BatchReader>> TouchedKeys::Read(const Caller& caller,
                                                       ReadRequest limits) const {
  std::string list;
  for (const ColumnInfo& column : schema_.columns)
    list += (list.empty() ? "" : ", ") + duckdb::QuoteName(column.name);
  limits.datasets.push_back(Snapshot(caller));
  limits.sql = fmt::format("SELECT DISTINCT {} FROM {}", list, kName);
  return aimass::Read(caller, limits);
}

}  // namespace aimass
