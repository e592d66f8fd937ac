#pragma once

#include <simdjson.h>

#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sources/connectors/elasticsearch/decode.h"

namespace aimass::connectors::elasticsearch {

/// One hit of a search as a row of a layout.
///
///     row.Start();
///     if (const auto error = row.Read(hit)) …   // the answer is no JSON
///     row.spoiled()                             // why it is no row, or
///     row.values()                              // of the wanted columns; valid until Start()
///
/// Threads  one at a time.
class Row {
 public:
  /// `layout` must outlive it.
  explicit Row(const Layout& layout);

  void Start();
  [[nodiscard]] simdjson::error_code Read(simdjson::ondemand::object hit);

  [[nodiscard]] const std::vector<Value>& values() const { return values_; }
  [[nodiscard]] const std::optional<Message>& spoiled() const { return spoiled_; }
  /// The document as the server sent it, for a row that is rejected; empty: it sent none.
  [[nodiscard]] std::string_view document() const { return document_; }
  [[nodiscard]] std::string_view id() const { return id_; }
  [[nodiscard]] std::string_view index() const { return index_; }
  /// The values of "sort", as JSON.
  [[nodiscard]] std::string_view sort() const { return sort_; }
  /// Of the texts in values().
  [[nodiscard]] std::size_t bytes() const;
  /// Paths at which documents had lists of several values, of all rows since the first.
  [[nodiscard]] const std::set<std::string>& lists() const { return lists_; }

 private:
  // A column that is wanted; values_[at] is its value.
  struct Place {
    const LayoutColumn* column;
    std::size_t at;
    bool seen = false;       // a value in this document
    bool converted = false;  // the server has written it for us
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  [[nodiscard]] simdjson::error_code ReadMembers(simdjson::ondemand::object object);
  [[nodiscard]] simdjson::error_code ReadMember(simdjson::ondemand::value value);
  [[nodiscard]] simdjson::error_code ReadObjects(simdjson::ondemand::array list, int* count);
  [[nodiscard]] simdjson::error_code ReadValue(simdjson::ondemand::value value, Place& place);
  [[nodiscard]] simdjson::error_code ReadConverted(simdjson::ondemand::object fields);
  [[nodiscard]] simdjson::error_code AddMore(simdjson::ondemand::value value);
  void Finish();
  void SetOwn(Form form, std::string_view text);
  void Spoil(Message reason);

  const Layout& layout_;
  std::unordered_map<std::string, std::optional<std::size_t>, Hash, std::equal_to<>>
      columns_;  // by path, the place of each; none: it is not wanted
  std::vector<Place> places_;
  bool more_wanted_ = false;
  std::vector<Value> values_;
  std::string path_;  // of the member that is being read
  std::string more_;
  std::deque<std::string> kept_;
  std::optional<Message> spoiled_;
  std::string_view document_;
  std::string_view id_;
  std::string_view index_;
  std::string_view sort_;
  std::set<std::string> lists_;
};

}  // namespace aimass::connectors::elasticsearch
