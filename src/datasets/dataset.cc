#include "datasets/dataset.h"

#include <utility>

namespace aimass {

Json ToJson(const DatasetSnapshot& snapshot) {
  Json columns = Json::array();
  for (const ColumnInfo& column : snapshot.schema.columns) {
    columns.push_back(
        {{"name", column.name}, {"type", TypeName(column.type)}, {"nullable", column.nullable}});
  }
  Json files = Json::array();
  for (const DataFile& file : snapshot.files) {
    files.push_back({{"path", file.path}, {"rows", file.rows}, {"bytes", file.bytes}});
  }
  return {{"id", snapshot.id},
          {"name", snapshot.name},
          {"workspace", snapshot.workspace},
          {"version", snapshot.version},
          {"columns", std::move(columns)},
          {"files", std::move(files)},
          {"rows", snapshot.rows}};
}

Result<DatasetSnapshot> SnapshotFromJson(const Json& json) {
  DatasetSnapshot snapshot;
  ASSIGN_OR_RETURN(snapshot.id, GetString(json, "id"));
  ASSIGN_OR_RETURN(snapshot.name, GetString(json, "name"));
  ASSIGN_OR_RETURN(snapshot.workspace, GetString(json, "workspace"));
  ASSIGN_OR_RETURN(snapshot.version, GetInteger(json, "version"));
  ASSIGN_OR_RETURN(snapshot.rows, GetInteger(json, "rows"));
  const auto columns = json.find("columns");
  const auto files = json.find("files");
  if (columns == json.end() || !columns->is_array() || files == json.end() || !files->is_array()) {
    return Fail(ErrorCode::kInvalidArgument,
                "a dataset snapshot needs the lists 'columns' and 'files'");
  }
  for (const Json& item : *columns) {
    ColumnInfo column;
    ASSIGN_OR_RETURN(column.name, GetString(item, "name"));
    ASSIGN_OR_RETURN(const std::string type, GetString(item, "type"));
    ASSIGN_OR_RETURN(column.type, TypeFromName(type));
    ASSIGN_OR_RETURN(column.nullable, GetBool(item, "nullable", true));
    snapshot.schema.columns.push_back(std::move(column));
  }
  for (const Json& item : *files) {
    DataFile file;
    ASSIGN_OR_RETURN(file.path, GetString(item, "path"));
    ASSIGN_OR_RETURN(file.rows, GetInteger(item, "rows"));
    ASSIGN_OR_RETURN(file.bytes, GetInteger(item, "bytes"));
    snapshot.files.push_back(std::move(file));
  }
  return snapshot;
}

}  // namespace aimass
