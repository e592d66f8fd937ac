#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sources/source.h"
#include "store/database.h"

namespace aimass {

struct SourceInfo {
  SourceSpec spec;
  std::int64_t created_ms = 0;
  std::int64_t updated_ms = 0;
};

struct SourcePage {
  std::vector<SourceInfo> items;
  std::string next_cursor;
};

/// What a table looks like, with its first rows as JSON arrays.
struct TablePreview {
  TableDescription description;
  Json rows = Json::array();
};

/// The sources of a workspace: their settings, and what they hold right now. Secrets are sealed
/// before they reach the metadata database and leave it only towards a connector.
///
/// Threads  any; what asks the source itself may block until its time-outs.
class SourceService {
 public:
  [[nodiscard]] static std::vector<Migration> Migrations();
  /// `private_addresses`: Surroundings::private_addresses.
  SourceService(Database& database, const ConnectorRegistry& connectors, std::string data_folder,
                bool private_addresses = false);

  /// Says what uses a source ("dataset 'orders'"); asked before a source is deleted.
  using UseCheck =
      std::function<Result<std::vector<std::string>>(const Caller& caller, const std::string& id)>;
  void AddUseCheck(UseCheck check) { use_checks_.push_back(std::move(check)); }  // at start

  /// Looks into the files of a table, which takes formats that sources know nothing of; at start.
  using FilePreview = std::function<Result<TablePreview>(
      FileConnection& connection, const std::string& table, std::int64_t rows)>;
  void SetFilePreview(FilePreview preview) { file_preview_ = std::move(preview); }

  /// Errors   kPermissionDenied for callers who are no administrators: a source says which address
  ///          the server calls, and for a folder that is no source; kConflict where the name is
  ///          taken; kUnprocessable for settings that the connector does not have, or lacks, or
  ///          that do not go together.
  [[nodiscard]] Result<SourceInfo> Create(const Caller& caller, std::string_view name,
                                          std::string_view kind, const Settings& settings);
  /// Changes the settings that are given; a secret that is not given stays. A new `host` or other
  /// address needs the secrets again, so that nobody sends a stored password elsewhere.
  [[nodiscard]] Result<SourceInfo> Change(const Caller& caller, std::string_view name,
                                          const std::optional<std::string>& new_name,
                                          const Settings& settings);
  /// Errors   kNotFound naming the nearest existing name.
  [[nodiscard]] Result<SourceInfo> Get(const Caller& caller, std::string_view name) const;
  /// What the source `id` is called now. Errors: kConflict where it was deleted.
  [[nodiscard]] Result<std::string> NameOf(const Caller& caller, std::string_view id) const;
  /// Newest first.
  [[nodiscard]] Result<SourcePage> List(const Caller& caller, int limit,
                                        std::string_view cursor) const;
  /// Errors   kConflict naming what uses it.
  [[nodiscard]] Status Delete(const Caller& caller, std::string_view name);

  [[nodiscard]] Result<std::vector<Check>> Test(const Caller& caller, std::string_view name) const;
  [[nodiscard]] Result<std::vector<SourceTable>> Tables(const Caller& caller,
                                                        std::string_view name) const;
  [[nodiscard]] Result<TablePreview> Preview(const Caller& caller, std::string_view name,
                                             const std::string& table, std::int64_t rows) const;

  [[nodiscard]] const ConnectorRegistry& connectors() const { return connectors_; }
  [[nodiscard]] const Surroundings& surroundings() const { return here_; }

 private:
  [[nodiscard]] Result<std::unique_ptr<SourceConnection>> Open(const Caller& caller,
                                                               std::string_view name) const;
  [[nodiscard]] Result<SourceInfo> FromRow(const SqlRow& row) const;
  [[nodiscard]] Result<Settings> Sealed(const SourceSpec& spec, const Settings& given) const;

  Database& database_;
  const ConnectorRegistry& connectors_;
  SecretBox secrets_;
  Surroundings here_;
  std::vector<UseCheck> use_checks_;
  FilePreview file_preview_;
};

}  // namespace aimass
