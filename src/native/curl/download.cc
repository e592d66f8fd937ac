// libcurl 7.88.
#include "native/curl/download.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>

#include "base/file.h"
#include "native/curl/handle.h"

namespace aimass::curl {
namespace {

struct Transfer {
  CURL* handle = nullptr;
  int fd = -1;
  const DownloadOptions* options = nullptr;
  const CancelToken* cancel = nullptr;
  const std::function<void(std::int64_t, std::int64_t)>* progress = nullptr;
  Gate gate;
  std::int64_t start = 0;         // bytes that an earlier attempt left
  std::int64_t range_start = -1;  // where the answer says that its bytes begin
  std::int64_t range_total = -1;  // and how many there are in all
  std::int64_t written = 0;       // including `start`
  bool checked = false;           // the status of the answer that is being written
  bool too_large = false;
  bool wrong_range = false;  // the answer is another piece than was asked for
  int system_error = 0;
  Download result;
};

// "bytes 100-199/1000", "bytes */1000"
void ReadRange(std::string_view text, Transfer& transfer) {
  if (!text.starts_with("bytes ")) return;
  text.remove_prefix(6);
  std::from_chars(text.data(), text.data() + text.size(), transfer.range_start);
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return;
  std::from_chars(text.data() + slash + 1, text.data() + text.size(), transfer.range_total);
}

// A weak ETag (W/…) does not promise the same bytes.
std::string ValidatorOf(const Download& download) {
  return download.etag.starts_with('"') ? download.etag : download.last_modified;
}

std::size_t OnHeader(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const std::string_view line(data, size * count);
  if (line.starts_with("HTTP/")) {  // of each redirect too: what counts is the last answer
    transfer.result.etag.clear();
    transfer.result.last_modified.clear();
    transfer.range_start = -1;
    transfer.range_total = -1;
    return size * count;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size * count;
  const std::string name = LowerCase(line.substr(0, colon));
  if (name == "etag") transfer.result.etag = Trimmed(line.substr(colon + 1));
  if (name == "content-range") ReadRange(Trimmed(line.substr(colon + 1)), transfer);
  if (name == "last-modified") transfer.result.last_modified = Trimmed(line.substr(colon + 1));
  return size * count;
}

std::size_t OnBody(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  std::size_t left = size * count;
  if (!transfer.checked) {
    long status = 0;
    curl_easy_getinfo(transfer.handle, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200 && status != 206) return left;  // the text of an error page is not the file
    if (status == 200 && transfer.start > 0) {        // the server sends all of it again
      if (ftruncate(transfer.fd, 0) != 0 || lseek(transfer.fd, 0, SEEK_SET) != 0) {
        transfer.system_error = errno;
        return 0;
      }
      transfer.written = 0;
      transfer.start = 0;
    }
    if (status == 206 && transfer.range_start != transfer.start) {
      transfer.wrong_range = true;
      return 0;
    }
    transfer.checked = true;
    if (transfer.options->on_start) transfer.options->on_start(ValidatorOf(transfer.result));
  }
  if (transfer.written + static_cast<std::int64_t>(left) > transfer.options->max_bytes) {
    transfer.too_large = true;
    return 0;
  }
  while (left > 0) {
    const ssize_t done = write(transfer.fd, data, left);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) {
      transfer.system_error = errno;
      return 0;
    }
    data += done;
    left -= static_cast<std::size_t>(done);
    transfer.written += done;
  }
  return size * count;
}

int OnProgress(void* user, curl_off_t total, curl_off_t now, curl_off_t /*up*/,
               curl_off_t /*up_total*/) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (*transfer.progress)
    (*transfer.progress)(transfer.start + now, total > 0 ? transfer.start + total : 0);
  return transfer.cancel->cancelled() ? 1 : 0;
}

// All but what is to be done with the answer.
void SetUp(CURL* handle, const std::string& url, const DownloadOptions& options,
           Transfer& transfer) {
  transfer.gate.public_only = options.public_only;
  SetUpTransfer(handle, url, options.stall_ms, options.time_limit_ms, transfer.gate);
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, options.max_redirects > 0 ? 1L : 0L);
  curl_easy_setopt(handle, CURLOPT_MAXREDIRS, static_cast<long>(options.max_redirects));
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &OnHeader);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &OnBody);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, &OnProgress);
  curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &transfer);
  if (options.user.empty()) return;
  // curl hands them to no other host that it is sent to.
  curl_easy_setopt(handle, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
  curl_easy_setopt(handle, CURLOPT_USERNAME, options.user.c_str());
  curl_easy_setopt(handle, CURLOPT_PASSWORD, options.password.c_str());
}

Status CheckOutcome(CURLcode code, const Transfer& transfer, const std::string& url,
                    const std::string& path) {
  const std::string address = WithoutSecrets(url);
  if (transfer.cancel->cancelled()) return transfer.cancel->Check();
  if (transfer.system_error != 0) {
    return std::unexpected(SystemError(transfer.system_error, "write", path));
  }
  if (transfer.too_large) {
    return Fail(ErrorCode::kPayloadTooLarge, "'{}' is larger than the {} bytes that are allowed",
                address, transfer.options->max_bytes);
  }
  RETURN_IF_ERROR(CheckTransfer(code, transfer.gate, address));
  long status = 0;
  curl_easy_getinfo(transfer.handle, CURLINFO_RESPONSE_CODE, &status);
  if (status == 200 || status == 206 || (status == 416 && transfer.start > 0)) return {};
  const ErrorCode kind = status == 404 || status == 410   ? ErrorCode::kNotFound
                         : status == 401 || status == 403 ? ErrorCode::kPermissionDenied
                                                          : ErrorCode::kUnavailable;
  return Fail(kind, "'{}' answered with status {}", address, status);
}

}  // namespace

bool IsPublicAddress(std::span<const std::uint8_t> address) {
  if (address.size() == 4) {
    const std::uint32_t ip = static_cast<std::uint32_t>(address[0]) << 24 |
                             static_cast<std::uint32_t>(address[1]) << 16 |
                             static_cast<std::uint32_t>(address[2]) << 8 | address[3];
    struct Network {
      std::uint32_t first;
      int bits;
    };
    // Special-purpose addresses of RFC 6890, and multicast and what is reserved.
    constexpr std::array<Network, 13> kNotPublic{{{0x00000000, 8},
                                                  {0x0a000000, 8},
                                                  {0x64400000, 10},
                                                  {0x7f000000, 8},
                                                  {0xa9fe0000, 16},
                                                  {0xac100000, 12},
                                                  {0xc0000000, 24},
                                                  {0xc0000200, 24},
                                                  {0xc0a80000, 16},
                                                  {0xc6120000, 15},
                                                  {0xc6336400, 24},
                                                  {0xcb007100, 24},
                                                  {0xe0000000, 3}}};
    return std::none_of(kNotPublic.begin(), kNotPublic.end(), [ip](const Network& network) {
      return ip >> (32 - network.bits) == network.first >> (32 - network.bits);
    });
  }
  if (address.size() != 16) return false;
  constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::equal(kMapped.begin(), kMapped.end(), address.begin()))
    return IsPublicAddress(address.subspan(12));
  if (address[0] == 0x20 && address[1] == 0x02) return IsPublicAddress(address.subspan(2, 4));
  // Teredo and documentation (2001::/32, 2001:db8::/32), of 2000::/3, which is what is routed.
  if (address[0] == 0x20 && address[1] == 0x01 &&
      ((address[2] == 0 && address[3] == 0) || (address[2] == 0x0d && address[3] == 0xb8))) {
    return false;
  }
  return (address[0] & 0xe0) == 0x20;
}

std::string WithoutSecrets(const std::string& url) {
  std::string out = url.substr(0, url.find_first_of("?#"));
  const std::size_t scheme = out.find("://");
  if (scheme == std::string::npos) return out;
  const std::size_t host = scheme + 3;
  const std::size_t slash = std::min(out.find('/', host), out.size());
  const std::size_t at = out.rfind('@', slash);
  if (at != std::string::npos && at >= host) out.erase(host, at + 1 - host);
  return out;
}

Result<Download> Look(const std::string& url, const DownloadOptions& options,
                      const CancelToken& cancel) {
  const Handle handle = NewHandle();
  const std::function<void(std::int64_t, std::int64_t)> nobody;
  Transfer transfer{
      .handle = handle.get(), .options = &options, .cancel = &cancel, .progress = &nobody};
  SetUp(handle.get(), url, options, transfer);
  curl_easy_setopt(handle.get(), CURLOPT_NOBODY, 1L);
  curl_easy_setopt(handle.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(options.stall_ms));
  const CURLcode code = curl_easy_perform(handle.get());
  RETURN_IF_ERROR(CheckOutcome(code, transfer, url, ""));
  curl_off_t bytes = -1;
  curl_easy_getinfo(handle.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &bytes);
  transfer.result.bytes = bytes;
  return transfer.result;
}

Result<Download> Fetch(const std::string& url, const std::string& path,
                       const std::string& validator, const DownloadOptions& options,
                       const CancelToken& cancel,
                       const std::function<void(std::int64_t done, std::int64_t total)>& progress) {
  const FileDescriptor fd(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return std::unexpected(SystemError(errno, "create", path));
  const Handle handle = NewHandle();
  Transfer transfer{.handle = handle.get(),
                    .fd = fd.get(),
                    .options = &options,
                    .cancel = &cancel,
                    .progress = &progress};
  if (validator.empty()) {
    if (ftruncate(fd.get(), 0) != 0) return std::unexpected(SystemError(errno, "write", path));
  } else {
    transfer.start = lseek(fd.get(), 0, SEEK_END);
    transfer.written = transfer.start;
  }
  HeaderList headers(nullptr, &curl_slist_free_all);
  if (transfer.start > 0) {
    headers.reset(curl_slist_append(nullptr, fmt::format("If-Range: {}", validator).c_str()));
    curl_easy_setopt(handle.get(), CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(handle.get(), CURLOPT_RESUME_FROM_LARGE,
                     static_cast<curl_off_t>(transfer.start));
  }
  SetUp(handle.get(), url, options, transfer);
  const CURLcode code = curl_easy_perform(handle.get());
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  if (transfer.start > 0 &&
      (transfer.wrong_range || (status == 416 && transfer.range_total != transfer.start))) {
    return Fetch(url, path, "", options, cancel, progress);  // what is there is of another file
  }
  RETURN_IF_ERROR(CheckOutcome(code, transfer, url, path));
  char* text = nullptr;
  if (curl_easy_getinfo(handle.get(), CURLINFO_CONTENT_TYPE, &text) == CURLE_OK &&
      text != nullptr) {
    transfer.result.content_type = text;
  }
  if (curl_easy_getinfo(handle.get(), CURLINFO_EFFECTIVE_URL, &text) == CURLE_OK &&
      text != nullptr) {
    transfer.result.final_url = text;
  }
  transfer.result.bytes = transfer.written;
  return transfer.result;
}

}  // namespace aimass::curl
