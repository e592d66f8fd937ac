#pragma once

#include <curl/curl.h>

#include <memory>

namespace aimass::curl {

using Handle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using HeaderList = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

/// A handle of libcurl, which is made ready on the first call. Threads: any; a handle is one's own.
[[nodiscard]] Handle NewHandle();

}  // namespace aimass::curl
