#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/error.h"
#include "native/socket/socket.h"

namespace aimass::mongodb {

using Tls = SocketOptions::Tls;

struct Options {
  std::string host;  // of a replica set also several, "a,b:27018"
  int port = 27017;  // of hosts that do not say theirs
  std::string user;  // empty: nobody signs in
  std::string password;
  std::string database;
  std::string auth_source = "admin";        // the database that the user was made in
  std::string auth_mechanism;               // empty: the strongest SCRAM that the server knows
  std::string replica_set;                  // empty: just this server, whatever it belongs to
  std::string read_preference = "primary";  // libmongoc's word; of replica sets
  Tls tls = Tls::kOff;
  std::string ca_file;  // for kVerify; empty: the system's
  int connect_timeout_s = 10;
  int timeout_s = 60;  // longest wait for the next bytes
};

/// The command for an administrator that lets the user of `options` read its database.
[[nodiscard]] std::string GrantOfRead(const Options& options);

/// The hosts of `options` with their ports: "a:27017,b:27018", "[::1]:27017".
/// Errors   kInvalidArgument for what is no host; for several without a replica set.
[[nodiscard]] Result<std::string> Hosts(const Options& options);

class Cursor;
class ChangeStream;

/// A client of a MongoDB server, replica set or sharded cluster, that only reads. What is asked for
/// is written in Extended JSON.
///
/// Every wait ends by `timeout_s`, or soon after its token is cancelled; the connection is useless
/// then. libmongoc's own log is off.
/// Errors   as SourceConnection's (sources/connector.h); kInvalidArgument for what is no Extended
///          JSON. The message is the server's.
/// Threads  one at a time, cursors and change streams included.
/// Source   libmongoc 1.23 (wire protocol 6 and later: MongoDB 3.6).
class Connection {
 public:
  [[nodiscard]] static Result<Connection> Open(const Options& options);
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  /// The reply to a command, in BSON. `database` empty: that of the options.
  [[nodiscard]] Result<std::string> Run(std::string_view command, std::string_view database = {},
                                        const CancelToken& cancel = {});
  /// Documents of a collection; `options` are the further fields of the command `find`.
  [[nodiscard]] Result<Cursor> Find(const std::string& collection, std::string_view filter,
                                    std::string_view options, const CancelToken& cancel = {});
  /// What a pipeline, an array of stages, gives; `options` as of the command `aggregate`.
  [[nodiscard]] Result<Cursor> Aggregate(const std::string& collection, std::string_view pipeline,
                                         std::string_view options, const CancelToken& cancel = {});
  /// Name and type of each collection that the user may see.
  [[nodiscard]] Result<Cursor> Collections();
  /// What changes in a collection from now on: documents with `operationType` and `documentKey`.
  /// Errors   kUnprocessable where the server has no change streams.
  [[nodiscard]] Result<ChangeStream> Watch(const std::string& collection);

  [[nodiscard]] const Options& options() const;
  [[nodiscard]] const std::string& server_version() const;  // "7.0.15"
  /// What it is connected to: the name of its replica set, or whether it is a sharded cluster.
  [[nodiscard]] const std::string& replica_set() const;
  [[nodiscard]] bool sharded() const;
  [[nodiscard]] bool encrypted() const;

 private:
  friend class Cursor;
  friend class ChangeStream;
  struct State;
  explicit Connection(std::shared_ptr<State> state);
  [[nodiscard]] Status LearnServer();
  std::shared_ptr<State> state_;
};

/// Documents that arrive as they are asked for.
class Cursor {
 public:
  Cursor(Cursor&&) noexcept;
  Cursor& operator=(Cursor&&) noexcept;
  ~Cursor();

  /// The bytes of the next document, valid until the next call; nothing at the end.
  [[nodiscard]] Result<std::optional<std::string_view>> Next();
  /// How many documents the server may send at a time from now on.
  void SetBatch(std::uint32_t documents);

 private:
  friend class Connection;
  struct Handle;
  Cursor(std::shared_ptr<Connection::State> state, std::unique_ptr<Handle> handle,
         CancelToken cancel);
  std::shared_ptr<Connection::State> state_;
  std::unique_ptr<Handle> handle_;
  CancelToken cancel_;
};

/// Changes as the server tells of them.
class ChangeStream {
 public:
  ChangeStream(ChangeStream&&) noexcept;
  ChangeStream& operator=(ChangeStream&&) noexcept;
  ~ChangeStream();

  /// The next change, valid until the next call; nothing where none came within a tenth of a
  /// second.
  [[nodiscard]] Result<std::optional<std::string_view>> Next();

 private:
  friend class Connection;
  struct Handle;
  ChangeStream(std::shared_ptr<Connection::State> state, std::unique_ptr<Handle> handle);
  std::shared_ptr<Connection::State> state_;
  std::unique_ptr<Handle> handle_;
};

}  // namespace aimass::mongodb
