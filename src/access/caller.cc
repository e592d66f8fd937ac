#include "access/caller.h"

namespace aimass {

Json ToJson(const Caller& caller) {
  return Json{{"kind", caller.kind},           {"id", caller.id},           {"org", caller.org},
              {"workspace", caller.workspace}, {"purpose", caller.purpose}, {"role", caller.role}};
}

Caller CallerFromJson(const Json& json) {
  Caller caller;
  if (!json.is_object()) return caller;
  const auto text = [&json](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  caller.kind = text("kind");
  caller.id = text("id");
  caller.org = text("org");
  caller.workspace = text("workspace");
  caller.purpose = text("purpose");
  caller.role = text("role");
  return caller;
}

}  // namespace aimass
