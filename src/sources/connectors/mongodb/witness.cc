#include "sources/connectors/mongodb/witness.h"

#include <utility>

#include "native/mongodb/bson.h"
#include "sources/connectors/mongodb/json.h"

namespace aimass::connectors::mongodb {
namespace {

using aimass::mongodb::BsonType;
using aimass::mongodb::Connection;
using aimass::mongodb::Find;

constexpr std::size_t kMaxBytes = std::size_t{64} << 20;
constexpr std::size_t kNodeBytes = 80;  // what an id takes beside its text
constexpr std::chrono::seconds kListenEvery{5};
constexpr int kQuiet = 3;  // as often in a row there must be nothing

}  // namespace

Result<Witness> Witness::Begin(Connection& connection, const std::string& collection) {
  ASSIGN_OR_RETURN(auto stream, connection.Watch(collection));
  return Witness(std::move(stream));
}

Result<bool> Witness::Take() {
  heard_at_ = Clock::now();
  ASSIGN_OR_RETURN(const auto change, stream_.Next());
  if (!change) return false;
  const auto key = Find(*change, "documentKey");
  const auto id = key && key->type == BsonType::kDocument ? Find(key->bytes, "_id") : std::nullopt;
  std::string text;
  if (!id || AppendText(text, *id) != Flaw::kNone || bytes_ > kMaxBytes) {
    everything_ = true;  // drop, rename, invalidate
    return true;
  }
  const std::size_t size = text.size();
  if (ids_.insert(std::move(text)).second) bytes_ += size + kNodeBytes;
  return true;
}

Status Witness::Listen() {
  if (Clock::now() - heard_at_ < kListenEvery) return {};
  for (bool more = true; more && !everything_;) {
    ASSIGN_OR_RETURN(more, Take());
  }
  return {};
}

Status Witness::Await() {
  for (int quiet = 0; quiet < kQuiet && !everything_;) {
    ASSIGN_OR_RETURN(const bool came, Take());
    quiet = came ? 0 : quiet + 1;
  }
  return {};
}

bool Witness::Changed(const Json& id) const {
  if (id.is_string()) return ids_.contains(id.get_ref<const std::string&>());
  return ids_.contains(id.dump());
}

}  // namespace aimass::connectors::mongodb
