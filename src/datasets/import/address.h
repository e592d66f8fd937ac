#pragma once

#include <string>

#include "base/json.h"
#include "store/secrets.h"

namespace aimass {

/// An address as people may see it: without user and password, and with *** for the values of a
/// query that give access ("token", "X-Amz-Signature" …).
[[nodiscard]] std::string ShownAddress(const std::string& url);

/// An address that rows are fetched from, for job parameters and a dataset's origin: its
/// ShownAddress() as "url" and, where that is not all of it, the whole sealed as "sealed_url".
/// Errors   those of SecretBox::Seal.
[[nodiscard]] Result<Json> KeptAddress(const SecretBox& secrets, const std::string& url);

/// The whole address again, to fetch from. Errors: those of SecretBox::Open.
[[nodiscard]] Result<std::string> WholeAddress(const SecretBox& secrets, const Json& kept);

/// A dataset's origin or a job's parameters for people: without what is sealed.
[[nodiscard]] Json WithoutSealed(Json shown);

}  // namespace aimass
