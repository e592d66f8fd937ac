#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "main/cli/client.h"
#include "main/cli/connect.h"
#include "main/cli/terminal.h"

namespace aimass::cli {

/// The options that every verb has.
struct CommonOptions {
  std::string server;
  std::string key;
  std::string data;
  bool json = false;
  std::string lang;
};

/// What a verb works with: the connection to the server, and where its answer goes.
///
/// With --json, standard output holds exactly one JSON document and nothing else; without, what a
/// person reads. Progress and notes go to standard error. Threads: one.
class Context {
 public:
  explicit Context(Language language);
  ~Context();

  CommonOptions common;
  int exit_code = 0;  // of a verb that worked but found something bad (doctor): 1
  /// The same error, as wrong usage of the verb: exit code 2. `return context.WrongUsage(Fail(…));`
  [[nodiscard]] std::unexpected<Error> WrongUsage(std::unexpected<Error> error);
  [[nodiscard]] Language language() const { return language_; }
  [[nodiscard]] bool json() const { return common.json; }

  /// The server's client; the first call finds or starts the server (see connect.h).
  [[nodiscard]] Result<Client*> Server();
  /// Valid after Server().
  [[nodiscard]] const Connection& connection() const { return *connection_; }
  /// Ends an embedded server. Called once, after the verb.
  void Disconnect();

  [[nodiscard]] std::string Text(const Message& message) const {
    return Render(message, language_);
  }

  /// A word of ours (a state, a kind, a task) in the reader's language.
  [[nodiscard]] std::string Translated(std::string_view word) const;

  /// One JSON document on standard output.
  void Print(const Json& json);
  /// A line on standard output. Nothing with --json.
  void Say(const Message& line);
  void Say(std::string_view text);
  /// A table on standard output. Nothing with --json.
  void Say(const Table& table);
  /// A line on standard error.
  void Note(const Message& line);
  /// What the person should look at, on standard error.
  void Warn(std::string_view text);
  /// Prints `error` for people on standard error, with --json also as {"error":{…}} on standard
  /// output.
  void Print(const Error& error);

 private:
  Language language_;
  std::unique_ptr<Connection> connection_;
};

/// Asks for `path`, prints the answer with --json, else hands it to `show`: the shape of most
/// verbs.
template <typename Show>
Status GetAndShow(Context& context, const std::string& path, Show show) {
  ASSIGN_OR_RETURN(Client* const server, context.Server());
  ASSIGN_OR_RETURN(const Json answer, server->Get(path));
  if (context.json()) {
    context.Print(answer);
  } else {
    show(answer);
  }
  return {};
}

/// All pages of a list, or the first `limit` items: {"items":[…],"next_cursor":null or where it
/// goes on}.
[[nodiscard]] Result<Json> ListAll(Client& server, const std::string& path, std::int64_t limit);

/// Members of an answer, for printing: never fail, "–" where there is none.
[[nodiscard]] std::string CellText(const Json& value);
[[nodiscard]] std::string TextOf(const Json& object, std::string_view key);
[[nodiscard]] std::int64_t IntegerOf(const Json& object, std::string_view key,
                                     std::int64_t fallback = 0);
/// The member, or null where `object` is no object or has none.
[[nodiscard]] const Json& MemberOf(const Json& object, std::string_view key);

}  // namespace aimass::cli
