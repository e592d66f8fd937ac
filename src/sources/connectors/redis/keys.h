#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "native/redis/redis.h"
#include "sources/connectors/redis/sink.h"
#include "sources/connectors/redis/spool.h"

namespace aimass::connectors::redis {

/// Hands every key of a place to `use`, some of them twice; ends early where `use` gives false.
/// Never KEYS: SCAN stops the server for a thousand keys at a time.
[[nodiscard]] Status EachKey(aimass::redis::Connection& connection, const Place& place,
                             const CancelToken& cancel,
                             const std::function<Result<bool>(std::string_view)>& use);

/// Looks at up to 2,000 keys.
[[nodiscard]] Result<Sample> SampleKeys(aimass::redis::Connection& connection, const Place& place);

/// How many rows the keys of a place are: keys by SCAN, elements by LLEN, HLEN, SCARD, ZCARD.
[[nodiscard]] Result<std::int64_t> CountRows(aimass::redis::Connection& connection,
                                             const Place& place, const CancelToken& cancel);

/// The rows of a place that is no stream. Both must outlive the reader; `listen` is called often.
[[nodiscard]] Result<std::unique_ptr<BatchReader>> ReadKeys(aimass::redis::Connection& connection,
                                                            Layout layout,
                                                            const SourceRead& request,
                                                            std::function<Status()> listen);

}  // namespace aimass::connectors::redis
