#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sources/connectors/elasticsearch/client.h"

namespace aimass::connectors::elasticsearch {

/// Documents that are sent together, a few MiB at a time.
///
/// Errors   as SinkConnection's; kUnprocessable with what the server says of the first document
///          that it refuses.
/// Threads  one at a time.
class Bulk {
 public:
  enum class Action : std::uint8_t {
    kIndex,   // in the place of the document with its _id
    kCreate,  // only where there is none with its _id; one that is there is taken for this one
  };
  /// `client` must outlive it.
  Bulk(Client& client, std::string index, Action action, CancelToken cancel);

  /// `document`: an object of JSON, on one line.
  [[nodiscard]] Status Add(std::string_view id, std::string_view document);
  /// What was added and is not yet sent.
  [[nodiscard]] Status Flush();

 private:
  [[nodiscard]] Result<bool> Send();

  Client& client_;
  std::string index_;
  Action action_;
  CancelToken cancel_;
  std::string lines_;
};

}  // namespace aimass::connectors::elasticsearch
