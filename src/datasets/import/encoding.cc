#include "datasets/import/encoding.h"

#include <fcntl.h>
#include <simdjson.h>
#include <unicode/ucnv.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <vector>

#include "base/file.h"

namespace aimass {
namespace {

constexpr std::size_t kProbeBytes = std::size_t{4} << 20;
using Converter = std::unique_ptr<UConverter, decltype(&ucnv_close)>;

Converter OpenConverter(const char* name) {
  UErrorCode status = U_ZERO_ERROR;
  Converter converter(ucnv_open(name, &status), &ucnv_close);
  if (U_FAILURE(status)) return {nullptr, &ucnv_close};
  ucnv_setToUCallBack(converter.get(), UCNV_TO_U_CALLBACK_STOP, nullptr, nullptr, nullptr, &status);
  return converter;
}

// Valid sequences beyond ASCII, and bytes that belong to none.
struct Utf8Census {
  std::int64_t valid = 0;
  std::int64_t broken = 0;
};

Utf8Census CountUtf8(std::string_view bytes) {
  Utf8Census census;
  for (std::size_t i = 0; i < bytes.size();) {
    const auto lead = static_cast<unsigned char>(bytes[i]);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    bool ok = lead >= 0xc2 && lead < 0xf5 && i + length <= bytes.size();
    for (std::size_t k = 1; ok && k < length; ++k)
      ok = (static_cast<unsigned char>(bytes[i + k]) & 0xc0) == 0x80;
    ++(ok ? census.valid : census.broken);
    i += ok ? length : 1;
  }
  return census;
}

// Whether text beyond ASCII is Chinese in GB18030: all but 1 % of it decodes, and most pairs are of
// the common characters, whose second byte is high too (a stray é before a letter looks like a pair
// as well).
bool LooksLikeGb18030(std::string_view bytes) {
  std::int64_t pairs = 0;
  std::int64_t common = 0;
  std::int64_t broken = 0;
  for (std::size_t i = 0; i < bytes.size();) {
    const auto lead = static_cast<unsigned char>(bytes[i]);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const auto next = i + 1 < bytes.size() ? static_cast<unsigned char>(bytes[i + 1]) : 0U;
    if (lead == 0x80 || lead == 0xff || next < 0x30 || next == 0x7f || next == 0xff) {
      if (i + 1 < bytes.size()) ++broken;
      ++i;
    } else if (next < 0x40) {
      i += 4;  // four bytes
    } else {
      ++pairs;
      if (next >= 0xa1) ++common;
      i += 2;
    }
  }
  return pairs > 0 && broken * 100 <= pairs && common * 10 >= pairs * 7;
}

}  // namespace

Encoding DetectEncoding(std::string_view bytes) {
  if (bytes.starts_with("\xef\xbb\xbf")) {
    const std::string_view rest = bytes.substr(3);
    return {.mark_bytes = 3, .valid_utf8 = simdjson::validate_utf8(rest.data(), rest.size())};
  }
  if (bytes.starts_with("\xff\xfe")) return {.name = "UTF-16LE", .mark_bytes = 2};
  if (bytes.starts_with("\xfe\xff")) return {.name = "UTF-16BE", .mark_bytes = 2};
  const std::string_view head = bytes.substr(0, std::size_t{1} << 16);
  std::array<std::int64_t, 2> zeros{0, 0};
  for (std::size_t i = 0; i < head.size(); ++i) {
    if (head[i] == '\0') ++zeros[i % 2];
  }
  const std::int64_t total = zeros[0] + zeros[1];
  if (total * 50 > static_cast<std::int64_t>(head.size()) && total > 1) {
    if (zeros[1] * 10 > total * 9) return {.name = "UTF-16LE", .guessed = true};
    if (zeros[0] * 10 > total * 9) return {.name = "UTF-16BE", .guessed = true};
  }
  if (simdjson::validate_utf8(bytes.data(), bytes.size())) return {};
  const Utf8Census census = CountUtf8(bytes);
  if (census.valid > 4 * census.broken) return {.valid_utf8 = false, .guessed = true};
  const auto first = static_cast<std::size_t>(
      std::find_if(bytes.begin(), bytes.end(),
                   [](char c) { return static_cast<unsigned char>(c) >= 0x80; }) -
      bytes.begin());
  const std::string_view probe = bytes.substr(first, kProbeBytes);
  if (LooksLikeGb18030(probe)) return {.name = "GB18030", .guessed = true};
  return {.valid_utf8 = false, .guessed = true};
}

Result<Encoding> EncodingFromName(const std::string& name, std::string_view bytes) {
  std::string lower = name;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower.empty() || lower == "auto") return DetectEncoding(bytes);
  if (lower == "utf-8" || lower == "utf8") {
    const std::size_t mark = bytes.starts_with("\xef\xbb\xbf") ? 3 : 0;
    return Encoding{
        .mark_bytes = mark,
        .valid_utf8 = simdjson::validate_utf8(bytes.data() + mark, bytes.size() - mark)};
  }
  if (lower == "utf-16" || lower == "utf16") {
    const Encoding found = DetectEncoding(bytes);
    return found.name.starts_with("UTF-16") ? found : Encoding{.name = "UTF-16LE"};
  }
  if (lower == "gbk" || lower == "gb2312" || lower == "gb18030") return Encoding{.name = "GB18030"};
  if (!OpenConverter(name.c_str())) {
    return Fail(ErrorCode::kUnprocessable,
                "no encoding '{}'; use auto, utf-8, utf-16, gb18030, big5, latin1 …", name);
  }
  return Encoding{.name = name};
}

Status Transcode(std::string_view bytes, const Encoding& encoding, const std::string& path,
                 const CancelToken& cancel, std::int64_t* broken) {
  *broken = 0;
  bytes.remove_prefix(encoding.mark_bytes);
  const FileDescriptor fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd.valid()) return std::unexpected(SystemError(errno, "create", path));
  const auto write_all = [&fd, &path](std::string_view left) -> Status {
    while (!left.empty()) {
      const ssize_t written = write(fd.get(), left.data(), left.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return std::unexpected(SystemError(errno, "write", path));
      left.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  };
  if (encoding.name == "UTF-8") {
    for (std::size_t at = 0; at < bytes.size(); at += kProbeBytes) {
      RETURN_IF_ERROR(cancel.Check());
      RETURN_IF_ERROR(write_all(bytes.substr(at, kProbeBytes)));
    }
    return {};
  }
  const Converter from = OpenConverter(encoding.name.c_str());
  const Converter into = OpenConverter("UTF-8");
  if (!from || !into) return Fail(ErrorCode::kInternal, "ICU cannot read '{}'", encoding.name);
  std::vector<UChar> middle(std::size_t{1} << 16);
  std::vector<char> out(std::size_t{1} << 18);
  const char* source = bytes.data();
  const char* const end = source + bytes.size();
  bool done = bytes.empty();
  while (!done) {
    RETURN_IF_ERROR(cancel.Check());
    UChar* target = middle.data();
    UErrorCode status = U_ZERO_ERROR;
    ucnv_toUnicode(from.get(), &target, middle.data() + middle.size(), &source, end, nullptr, 1,
                   &status);
    const bool full = status == U_BUFFER_OVERFLOW_ERROR;
    const bool invalid = !full && U_FAILURE(status);
    const UChar* pivot = middle.data();
    char* text = out.data();
    UErrorCode written = U_ZERO_ERROR;
    ucnv_fromUnicode(into.get(), &text, out.data() + out.size(), &pivot, target, nullptr, 0,
                     &written);
    RETURN_IF_ERROR(write_all({out.data(), static_cast<std::size_t>(text - out.data())}));
    if (invalid) {
      ++*broken;
      RETURN_IF_ERROR(write_all("\xff"));
      ucnv_resetToUnicode(from.get());
    }
    done = source >= end && !full;
  }
  return {};
}

}  // namespace aimass
