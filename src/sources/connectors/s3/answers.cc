#include "sources/connectors/s3/answers.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/percent.h"
#include "native/pugixml/xml.h"

namespace aimass::connectors::s3 {
namespace {

std::int64_t NumberIn(const std::string& text, std::int64_t otherwise) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() ? number : otherwise;
}

// What people are shown is text, whatever a store sends.
std::string Shown(const xml::Element& parent, const char* child) {
  std::string text = parent.Text(child);
  return IsUtf8(text) ? text : std::string();
}

std::unexpected<Error> NoListing() {
  return WithHint(Fail(ErrorCode::kUnprocessable, "what answers does not list a bucket as S3 does"),
                  Msg("endpoint is the address of the object store's S3 API, not of its console"));
}

}  // namespace

Result<Listing> ParseListing(std::string_view xml) {
  const auto document = xml::Document::Parse(xml);
  if (!document || document->root().name() != "ListBucketResult") return NoListing();
  const xml::Element root = document->root();
  // Not every store encodes keys where it is asked to; those that do say so.
  const bool encoded = root.Text("EncodingType") == "url";
  Listing listing;
  for (const xml::Element& element : root.Children("Contents")) {
    ListedObject object{.key = element.Text("Key"),
                        .etag = BareEtag(element.Text("ETag")),
                        .last_modified = Shown(element, "LastModified"),
                        .storage_class = Shown(element, "StorageClass"),
                        .bytes = NumberIn(element.Text("Size"), -1)};
    if (encoded) {
      auto key = PercentDecode(object.key, /*plus_is_space=*/true);
      if (!key) return NoListing();
      object.key = *std::move(key);
    }
    if (object.key.empty() || object.bytes < 0) return NoListing();
    listing.objects.push_back(std::move(object));
  }
  if (root.Text("IsTruncated") == "true") {
    listing.next = root.Text("NextContinuationToken");
    if (listing.next.empty()) return NoListing();
  }
  return listing;
}

std::optional<Refusal> ParseRefusal(std::string_view xml) {
  const auto document = xml::Document::Parse(xml);
  if (!document || document->root().name() != "Error") return std::nullopt;
  const xml::Element root = document->root();
  Refusal refusal{.code = Shown(root, "Code"),
                  .message = Shown(root, "Message"),
                  .region = Shown(root, "Region"),
                  .endpoint = Shown(root, "Endpoint"),
                  .server_time = Shown(root, "ServerTime"),
                  .storage_class = Shown(root, "StorageClass"),
                  .allowed_skew_ms = NumberIn(root.Text("MaxAllowedSkewMilliseconds"), 0)};
  if (refusal.code.empty()) return std::nullopt;
  return refusal;
}

std::string BareEtag(std::string_view etag) {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"')
    etag = etag.substr(1, etag.size() - 2);
  // What no header can hold is none.
  const bool good = std::ranges::all_of(etag, [](char c) { return c > 0x20 && c < 0x7f; });
  return good ? std::string(etag) : std::string();
}

bool IsArchive(std::string_view storage_class) {
  constexpr std::array<std::string_view, 6> kArchives{
      // of AWS, COS and OSS
      "GLACIER", "DEEP_ARCHIVE", "ARCHIVE", "Archive", "ColdArchive", "DeepColdArchive"};
  return std::ranges::find(kArchives, storage_class) != kArchives.end();
}

}  // namespace aimass::connectors::s3
