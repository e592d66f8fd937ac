#pragma once

#include <mongoc/mongoc.h>

#include <optional>

#include "base/cancel.h"
#include "base/error.h"
#include "native/socket/socket.h"

namespace aimass::mongodb {

/// What the streams of one client share.
struct Wire {
  SocketOptions options;         // but host and port, which are each stream's own
  CancelToken cancel;            // of what is being asked for
  std::optional<Error> failure;  // of the socket that failed last
  bool encrypted = false;
};

/// libmongoc's way to a server over a Socket, so that every wait ends, can be cancelled, and TLS is
/// what it is for other databases. A `mongoc_stream_initiator_t`; `wire` is a Wire*, which must
/// outlive the client.
///
/// Source   mongoc-stream.h of libmongoc 1.23.
mongoc_stream_t* OpenStream(const mongoc_uri_t* uri, const mongoc_host_list_t* host, void* wire,
                            bson_error_t* error);

}  // namespace aimass::mongodb
