#include "sources/source.h"

namespace aimass {

Json ToJson(const SourceSpec& spec) {
  Json settings = Json::object();
  for (const auto& [name, value] : spec.settings) settings[name] = value;
  return {{"id", spec.id},
          {"name", spec.name},
          {"workspace", spec.workspace},
          {"kind", spec.kind},
          {"settings", std::move(settings)}};
}

Result<SourceSpec> SourceSpecFromJson(const Json& json) {
  SourceSpec spec;
  ASSIGN_OR_RETURN(spec.id, GetString(json, "id"));
  ASSIGN_OR_RETURN(spec.name, GetString(json, "name"));
  ASSIGN_OR_RETURN(spec.workspace, GetString(json, "workspace"));
  ASSIGN_OR_RETURN(spec.kind, GetString(json, "kind"));
  const Json settings = json.value("settings", Json::object());
  for (const auto& [name, value] : settings.items()) {
    ASSIGN_OR_RETURN(spec.settings[name], GetString(settings, name));
  }
  return spec;
}

std::string SecretPlace(std::string_view source_id, std::string_view field) {
  return fmt::format("source {} {}", source_id, field);
}

// The settings of a source as its connector takes them, checked and with their secrets open.
static Result<Settings> OpenSettings(const Caller& caller, const SourceSpec& spec,
                                     const Connector& connector, const SecretBox& secrets) {
  if (caller.workspace != spec.workspace) {
    return Fail(ErrorCode::kPermissionDenied, "source '{}' belongs to another workspace",
                spec.name);
  }
  Settings settings = spec.settings;
  for (const Field& field : connector.fields) {
    const auto found = settings.find(field.name);
    if (field.kind != FieldKind::kSecret || found == settings.end() || found->second.empty())
      continue;
    ASSIGN_OR_RETURN(found->second, secrets.Open(found->second, SecretPlace(spec.id, field.name)));
  }
  return CheckSettings(fmt::format("source '{}'", spec.name), connector.fields, settings);
}

Result<std::unique_ptr<SourceConnection>> Connect(const Caller& caller, const SourceSpec& spec,
                                                  const ConnectorRegistry& connectors,
                                                  const SecretBox& secrets,
                                                  const Surroundings& here) {
  ASSIGN_OR_RETURN(const Connector* const connector, connectors.Find(spec.kind));
  if (connector->can.files) return ConnectFiles(caller, spec, connectors, secrets, here);
  ASSIGN_OR_RETURN(const Settings settings, OpenSettings(caller, spec, *connector, secrets));
  return connector->connect(settings);
}

Result<std::unique_ptr<FileConnection>> ConnectFiles(const Caller& caller, const SourceSpec& spec,
                                                     const ConnectorRegistry& connectors,
                                                     const SecretBox& secrets,
                                                     const Surroundings& here) {
  ASSIGN_OR_RETURN(const Connector* const connector, connectors.Find(spec.kind));
  if (!connector->can.files) {
    return Fail(ErrorCode::kUnsupported, "a source of kind '{}' hands over no files", spec.kind);
  }
  ASSIGN_OR_RETURN(const Settings settings, OpenSettings(caller, spec, *connector, secrets));
  return connector->connect_files(settings, here);
}

Status CheckWritable(const SourceSpec& spec, const Connector& connector) {
  if (!connector.can.write)
    return Fail(ErrorCode::kUnsupported, "a source of kind '{}' takes no rows", spec.kind);
  const auto writable = spec.settings.find("writable");
  if (writable != spec.settings.end() && writable->second == "true") return {};
  return WithHint(
      Fail(ErrorCode::kPermissionDenied, "source '{}' may only be read", spec.name),
      Msg("an administrator allows it: aimass sources set {} --set writable=true", spec.name));
}

Result<std::unique_ptr<SinkConnection>> ConnectSink(const Caller& caller, const SourceSpec& spec,
                                                    const ConnectorRegistry& connectors,
                                                    const SecretBox& secrets) {
  ASSIGN_OR_RETURN(const Connector* const connector, connectors.Find(spec.kind));
  RETURN_IF_ERROR(CheckWritable(spec, *connector));
  ASSIGN_OR_RETURN(const Settings settings, OpenSettings(caller, spec, *connector, secrets));
  return connector->connect_sink(settings);
}

}  // namespace aimass
