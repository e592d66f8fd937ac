#include "native/curl/handle.h"

#include <mutex>

namespace aimass::curl {

Handle NewHandle() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  return {curl_easy_init(), &curl_easy_cleanup};
}

}  // namespace aimass::curl
