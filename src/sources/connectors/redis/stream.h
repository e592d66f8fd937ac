#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "native/redis/redis.h"
#include "sources/connectors/redis/sink.h"

namespace aimass::connectors::redis {

/// The id of an entry: "1764318600000-3".
struct EntryId {
  std::uint64_t ms = 0;
  std::uint64_t number = 0;

  auto operator<=>(const EntryId&) const = default;
  [[nodiscard]] std::string Text() const;
  [[nodiscard]] EntryId Following() const;
  /// As one whole number in the order of ids, ms * 1,000,000 + number; nothing where that has no
  /// room: a millionth entry of a millisecond, a year after 2262.
  [[nodiscard]] std::optional<std::int64_t> Position() const;
  [[nodiscard]] static EntryId AtPosition(std::int64_t position);
};
[[nodiscard]] std::optional<EntryId> ParseEntryId(std::string_view text);

/// A stream as it is at one moment: its entries are those up to `last`, as later ones have greater
/// ids; but the first ones may be removed.
struct StreamState {
  EntryId last;
  std::int64_t length = 0;
  std::optional<std::int64_t> ever;  // entries that it ever got; from version 7 on
  std::optional<EntryId> first;      // none: it is empty
};
/// Errors   kNotFound where there is no such key; kUnprocessable where it is no stream.
[[nodiscard]] Result<StreamState> StateOf(aimass::redis::Connection& connection,
                                          const std::string& key, const CancelToken& cancel);

/// Looks at the first and the last entries.
[[nodiscard]] Result<Sample> SampleStream(aimass::redis::Connection& connection,
                                          const std::string& key);

/// The entries from `from` to `last`. The connection must outlive the reader.
[[nodiscard]] Result<std::unique_ptr<BatchReader>> ReadStream(aimass::redis::Connection& connection,
                                                              Layout layout,
                                                              const SourceRead& request,
                                                              EntryId from, EntryId last);
[[nodiscard]] Result<std::int64_t> CountEntries(aimass::redis::Connection& connection,
                                                const std::string& key, EntryId from, EntryId last,
                                                const CancelToken& cancel);

}  // namespace aimass::connectors::redis
