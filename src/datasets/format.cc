#include "datasets/format.h"

namespace aimass {

Result<std::unique_ptr<BatchReader>> FormatReader::ReadColumns(
    const std::vector<std::size_t>& /*columns*/, const Schema& /*schema*/) {
  return Fail(ErrorCode::kInternal, "this format reads no column twice");
}

Status FormatReader::Restore(const Json& checkpoint) {
  if (checkpoint.is_null()) return {};
  return Fail(ErrorCode::kInternal, "this format cannot go on within a file");
}

}  // namespace aimass
