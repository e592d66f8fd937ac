#pragma once

#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "sources/connectors/elasticsearch/client.h"
#include "sources/connectors/elasticsearch/moment.h"
#include "sources/connectors/elasticsearch/row.h"

namespace aimass::connectors::elasticsearch {

/// The hits of a search of a moment, in an order that differs for each: page by page, each as large
/// as the documents so far let about 4 MiB be.
///
/// Errors   as SourceConnection's; kUnavailable for an answer that is not whole.
/// Threads  one at a time.
class Pages {
 public:
  struct Search {
    Json filter;
    Json wanted;  // WantedOf()
    bool backwards = false;
    std::string table;  // for errors
    CancelToken cancel;
  };
  /// All of them must outlive it; hits are read by `layout`.
  Pages(Client& client, const Server& server, Moment& moment, Search search, const Layout& layout);

  /// The next at most `max_hits` hits, each handed to `use` as a row; false: there are no more.
  [[nodiscard]] Result<bool> Next(std::size_t max_hits, const std::function<Status()>& use);
  [[nodiscard]] const Row& row() const { return row_; }
  /// Of all answers so far.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  [[nodiscard]] Result<std::string> Fetch();
  [[nodiscard]] Status ReadPage(std::string& text, const std::function<Status()>& use);
  [[nodiscard]] simdjson::error_code ReadAnswer(simdjson::ondemand::object answer,
                                                const std::function<Status()>& use, Status* status);
  [[nodiscard]] simdjson::error_code ReadHits(simdjson::ondemand::object hits,
                                              const std::function<Status()>& use, Status* status);
  [[nodiscard]] Status TakeHit(const std::function<Status()>& use);
  [[nodiscard]] bool SeenBefore();
  [[nodiscard]] std::size_t Least() const { return same_.size() + 1; }
  void Adapt(std::size_t page_bytes);

  Client& client_;
  Moment& moment_;
  Search search_;
  const bool shard_doc_;
  Row row_;
  simdjson::ondemand::parser parser_;
  std::size_t size_ = 1;   // of the next page, in hits
  std::size_t asked_ = 0;  // hits of the page that is read
  std::size_t hits_ = 0;   // that it has
  std::size_t fresh_ = 0;  // of these: not seen before
  std::size_t bytes_ = 0;
  std::string after_;           // JSON of the last hit's "sort"; empty: nothing was read
  std::set<std::string> same_;  // where `after_` is of several: the hits with it
};

}  // namespace aimass::connectors::elasticsearch
