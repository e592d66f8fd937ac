#include "sources/connector.h"

namespace aimass {
namespace {

std::unexpected<Error> NoLog() {
  return Fail(ErrorCode::kUnsupported, "this kind of source does not tell which rows changed");
}

}  // namespace

Result<ChangePosition> SourceConnection::Position() { return NoLog(); }

Result<std::unique_ptr<ChangedKeys>> SourceConnection::KeysSince(const std::string& /*table*/,
                                                                 const ChangePosition& /*from*/,
                                                                 const CancelToken& /*cancel*/) {
  return NoLog();
}

}  // namespace aimass
