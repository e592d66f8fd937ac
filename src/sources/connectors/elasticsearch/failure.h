#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"

namespace aimass::connectors::elasticsearch {

/// What answers say. Nothing of it holds a secret.
/// Threads  pure functions.

/// A member of an object; null where there is none, whatever `json` is.
[[nodiscard]] const Json& MemberOf(const Json& json, std::string_view name);

/// Such a member where it is a text; empty otherwise.
[[nodiscard]] std::string TextAt(const Json& json, std::string_view name);

/// What sending makes beside a table: indices of "orders" are called "orders-aimass-…".
constexpr std::string_view kStageMark = "-aimass-";
constexpr std::string_view kDeliveries = "aimass-deliveries";

/// Who asks for what, for errors.
struct Asked {
  std::string_view user;   // empty: nobody has signed in
  std::string_view table;  // empty: the cluster
  bool writes = false;     // wants to change it as well
};

/// Of an answer with a status of 300 and more.
/// Errors   kUnauthenticated, kPermissionDenied with the role that is missing, kNotFound,
///          kUnavailable (429, 502, 503, 504, and a point in time that is gone), kResourceExhausted
///          where the server has no memory for the answer, kUnprocessable.
/// Source   Elasticsearch's documentation of its REST API, and what version 8.19 answers.
[[nodiscard]] std::unexpected<Error> FailureOf(int status, std::string_view body,
                                               const Asked& asked);

/// Of an answer to a search that is not whole: a shard failed, or time was up. Ok: it is whole.
[[nodiscard]] Status CheckWhole(const Json& answer);

/// What an administrator sends to the server, so that the table may be read, or written as well.
/// `table` empty: all tables.
[[nodiscard]] std::string RoleFor(std::string_view table, bool writes = false);

}  // namespace aimass::connectors::elasticsearch
