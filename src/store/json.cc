#include "store/json.h"

namespace aimass {

Json JsonOf(const SqlRow& row, std::size_t column) {
  Json json = Json::parse(row.Text(column), nullptr, false);
  return json.is_discarded() ? Json() : json;
}

}  // namespace aimass
