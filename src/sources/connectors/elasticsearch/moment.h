#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "base/guarded.h"
#include "sources/connectors/elasticsearch/client.h"
#include "sources/connectors/elasticsearch/layout.h"

namespace aimass::connectors::elasticsearch {

/// A table as it is at one moment: a point in time of the server, with the columns of its
/// documents.
///
/// Threads  any.
class Moment {
 public:
  Moment(std::string pit, Layout layout) : layout_(std::move(layout)), pit_(std::move(pit)) {}

  [[nodiscard]] const Layout& layout() const { return layout_; }
  /// {"id", "keep_alive"}, for a search; the server holds the moment for as long from then on.
  [[nodiscard]] Json Pit() const;
  [[nodiscard]] std::string PitId() const;
  /// Searches may name it anew.
  void Renamed(std::string_view pit);

 private:
  Layout layout_;
  Guarded<std::string> pit_;
};

/// The moments that connections see; of each table from when it is first asked for. Two connections
/// that share the object see the same. The server gives them up with the object.
///
/// Errors   as SourceConnection's.
/// Threads  any.
class Moments {
 public:
  Moments(Options options, Server server)
      : client_(std::move(options)), server_(std::move(server)) {}
  ~Moments();
  Moments(const Moments&) = delete;
  Moments& operator=(const Moments&) = delete;

  /// Errors   kNotFound where the server has no such index, alias or data stream.
  [[nodiscard]] Result<std::shared_ptr<Moment>> At(const std::string& table,
                                                   const CancelToken& cancel);

 private:
  [[nodiscard]] Result<std::shared_ptr<Moment>> Open(const std::string& table,
                                                     const CancelToken& cancel);
  [[nodiscard]] Result<std::string> OpenPit(const std::string& table, const CancelToken& cancel);
  void Close(const std::string& pit);

  std::mutex mutex_;  // over the client and the map
  Client client_;
  Server server_;
  std::map<std::string, std::shared_ptr<Moment>> open_;
};

/// Whether a text can be the name of an index, an alias, a data stream, or a pattern of them.
[[nodiscard]] bool MayBeTable(std::string_view name);

}  // namespace aimass::connectors::elasticsearch
