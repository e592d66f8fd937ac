#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace aimass::cli {

/// One declared resource: a dataset, a model or an endpoint. docs/formats/solution.md
struct Resource {
  std::string kind;
  std::string name;
  Json fields;  // without kind and name; `sql_file` was read into `sql`, `file` is a path that can
                // be opened
};

/// A checked resource file, or a solution.
struct ResourceFile {
  std::string name;  // of a solution; else empty
  std::vector<Resource> resources;
};

/// What a solution says about itself.
struct ResourceTitle {
  Json title;  // {"en","zh"}
  Json story;  // {"en","zh"}
  Json files;  // what it needs from outside: [{"name","en","zh"}]
};

/// Where the files lie that a resource file names.
struct ResourcePlaces {
  std::string folder;       // of relative paths
  std::string data_folder;  // --files: where `file` of a solution is looked up first; may be empty
  bool embedded = false;    // `folder` is a folder of the binary ("solutions/retail")
};

/// Errors   kInvalidArgument naming the resource, what was expected and what was found;
/// kUnprocessable for
///          unknown fields, naming the nearest known one; kNotFound for a file that is missing.
[[nodiscard]] Result<ResourceFile> ParseResources(std::string_view yaml,
                                                  const ResourcePlaces& places);

/// The title alone, without looking for the files that the solution names.
[[nodiscard]] Result<ResourceTitle> ReadTitle(std::string_view yaml);

/// {"format","resources"} as YAML that ParseResources reads; texts of several lines stand as
/// blocks.
[[nodiscard]] std::string ResourcesToYaml(const Json& file);

}  // namespace aimass::cli
