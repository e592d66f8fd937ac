#include "datasets/import/address.h"

#include <algorithm>
#include <array>
#include <utility>

#include "native/curl/download.h"

namespace aimass {
namespace {

constexpr std::string_view kSealed = "sealed_url";
// Parts of the names of query values that give access, in lower case.
constexpr std::array<std::string_view, 9> kSecretNames{
    "auth", "credential", "key", "pass", "pwd", "secret", "sig", "token", "code"};

bool GivesAccess(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return std::ranges::any_of(
      kSecretNames, [&](std::string_view part) { return lower.find(part) != std::string::npos; });
}

// Where it is sealed for: an address is of no use under another one's name.
std::string Place(const std::string& shown) { return "import from " + shown; }

}  // namespace

std::string ShownAddress(const std::string& url) {
  std::string shown = curl::WithoutSecrets(url);
  const std::size_t query = url.find('?');
  if (query == std::string::npos || url.find('#') < query) return shown;
  const std::string_view values =
      std::string_view(url).substr(query + 1, url.find('#') - query - 1);
  char separator = '?';
  for (std::size_t from = 0; from <= values.size();) {
    const std::size_t end = std::min(values.find('&', from), values.size());
    const std::string_view value = values.substr(from, end - from);
    const std::size_t equals = value.find('=');
    shown += separator;
    if (equals != std::string_view::npos && GivesAccess(value.substr(0, equals))) {
      shown.append(value.substr(0, equals)).append("=***");
    } else {
      shown += value;
    }
    separator = '&';
    from = end + 1;
  }
  return shown;
}

Result<Json> KeptAddress(const SecretBox& secrets, const std::string& url) {
  const std::string shown = ShownAddress(url);
  Json kept{{"url", shown}};
  if (shown == url) return kept;
  ASSIGN_OR_RETURN(kept[kSealed], secrets.Seal(url, Place(shown)));
  return kept;
}

Result<std::string> WholeAddress(const SecretBox& secrets, const Json& kept) {
  ASSIGN_OR_RETURN(std::string url, GetString(kept, "url"));
  ASSIGN_OR_RETURN(const std::string sealed, GetString(kept, kSealed, ""));
  if (sealed.empty()) return url;
  return secrets.Open(sealed, Place(url));
}

Json WithoutSealed(Json shown) {
  if (const auto source = shown.find("source"); source != shown.end() && source->is_object())
    source->erase(kSealed);
  return shown;
}

}  // namespace aimass
