#pragma once

#include <string>
#include <vector>

#include "access/caller.h"
#include "base/json.h"
#include "sources/connector.h"
#include "sources/files.h"
#include "sources/sink.h"
#include "store/secrets.h"

namespace aimass {

/// All that is needed to connect, without the metadata database: it goes into job specs. Secrets in
/// `settings` are sealed.
struct SourceSpec {
  std::string id;
  std::string name;
  std::string workspace;
  std::string kind;
  Settings settings;
};
[[nodiscard]] Json ToJson(const SourceSpec& spec);
[[nodiscard]] Result<SourceSpec> SourceSpecFromJson(const Json& json);

/// Where the secret setting `field` of a source is sealed for.
[[nodiscard]] std::string SecretPlace(std::string_view source_id, std::string_view field);

/// The only ways to a source, whoever asks: no other function calls a connector.
/// Errors   kPermissionDenied for a source of another workspace than the caller's; those of
///          SecretBox::Open and of SourceConnection.
[[nodiscard]] Result<std::unique_ptr<SourceConnection>> Connect(const Caller& caller,
                                                                const SourceSpec& spec,
                                                                const ConnectorRegistry& connectors,
                                                                const SecretBox& secrets,
                                                                const Surroundings& here = {});
/// The same, of a source that hands over files. Errors: kUnsupported where it does not.
[[nodiscard]] Result<std::unique_ptr<FileConnection>> ConnectFiles(
    const Caller& caller, const SourceSpec& spec, const ConnectorRegistry& connectors,
    const SecretBox& secrets, const Surroundings& here);
/// The same, to send rows there. Errors: kUnsupported where it takes none; kPermissionDenied where
/// its settings do not say `writable`.
[[nodiscard]] Result<std::unique_ptr<SinkConnection>> ConnectSink(
    const Caller& caller, const SourceSpec& spec, const ConnectorRegistry& connectors,
    const SecretBox& secrets);
/// Whether ConnectSink() would refuse, without a look at the source.
[[nodiscard]] Status CheckWritable(const SourceSpec& spec, const Connector& connector);

}  // namespace aimass
