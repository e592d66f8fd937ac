#include "sources/connectors/redis/witness.h"

#include <utility>
#include <vector>

namespace aimass::connectors::redis {
namespace {

using aimass::redis::Connection;
using aimass::redis::Options;
using aimass::redis::Reply;

constexpr std::string_view kChannel = "__redis__:invalidate";
constexpr std::size_t kMaxBytes = std::size_t{64} << 20;
constexpr std::size_t kNodeBytes = 80;  // what a key takes beside its text

}  // namespace

Result<Witness> Witness::Begin(const Options& options, const std::string& prefix) {
  ASSIGN_OR_RETURN(Connection connection, Connection::Open(options));
  ASSIGN_OR_RETURN(const Reply* const id, connection.Ask({"CLIENT", "ID"}));
  const std::string own = std::to_string(id->root().integer());
  std::vector<std::string_view> words = {"CLIENT", "TRACKING", "ON", "REDIRECT", own, "BCAST"};
  if (!prefix.empty()) {
    words.emplace_back("PREFIX");
    words.emplace_back(prefix);
  }
  RETURN_IF_ERROR(connection.Ask(words));
  RETURN_IF_ERROR(connection.Ask({"SUBSCRIBE", kChannel}));
  return Witness(std::move(connection));
}

void Witness::Take(const Reply& message) {
  const Reply::Item all = message.root();
  if (all.size() != 3 || all.first().text() != "message") return;
  const Reply::Item keys = all.first().next().next();
  if (keys.kind() == Reply::Kind::kNil) everything_ = true;  // FLUSHALL
  if (keys.size() == 0) return;
  Reply::Item key = keys.first();
  for (std::size_t i = 0; i < keys.size(); ++i, key = key.next()) {
    if (bytes_ > kMaxBytes) {
      everything_ = true;
      return;
    }
    if (keys_.emplace(key.text()).second) bytes_ += key.text().size() + kNodeBytes;
  }
}

Status Witness::Listen() {
  for (;;) {
    ASSIGN_OR_RETURN(const Reply* const message, connection_.Arrived());
    if (message == nullptr) return {};
    Take(*message);
  }
}

Status Witness::AwaitAnswer() {
  connection_.Send({"SUBSCRIBE", kChannel});  // it is already, and may do so again
  RETURN_IF_ERROR(connection_.Flush({}));
  for (;;) {
    ASSIGN_OR_RETURN(const Reply* const message, connection_.Receive({}));
    const Reply::Item all = message->root();
    if (all.kind() == Reply::Kind::kError) return connection_.FailureOf(all.text());
    if (all.size() == 3 && all.first().text() == "subscribe") return {};
    Take(*message);
  }
}

Status Witness::Await() {
  // The server sends what changed at the end of a round of its loop: the first answer may come
  // before that, the second cannot.
  RETURN_IF_ERROR(AwaitAnswer());
  return AwaitAnswer();
}

}  // namespace aimass::connectors::redis
