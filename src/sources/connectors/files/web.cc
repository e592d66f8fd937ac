#include "sources/connectors/files/web.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/file.h"
#include "native/curl/download.h"

namespace aimass::connectors::files {
namespace {

// What a table says behind the address: a path that stays below it, with a query or without.
Status CheckRelative(std::string_view table) {
  const std::string_view path = table.substr(0, table.find('?'));
  bool good = !path.empty() && path.front() != '/' && table.size() <= 2048 &&
              table.find('#') == table.npos && path.find('\\') == path.npos &&
              std::ranges::none_of(
                  table, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
  for (std::string_view left = path; good && !left.empty();) {
    const std::size_t slash = std::min(left.find('/'), left.size());
    std::string name(left.substr(0, slash));
    for (const char* dot : {"%2e", "%2E"}) {
      for (std::size_t at = name.find(dot); at != std::string::npos; at = name.find(dot))
        name.replace(at, 3, ".");
    }
    good = name != "." && name != "..";
    left.remove_prefix(std::min(slash + 1, left.size()));
  }
  if (good) return {};
  return WithHint(Fail(ErrorCode::kUnprocessable,
                       "a table of a web address is an address relative to it, got '{}'", table),
                  Msg("such as 2026/orders.csv.gz; a space is %20"));
}

// Characters beyond ASCII, as addresses write them.
std::string Encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x80 ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return out;
}

class Web final : public FileConnection {
 public:
  explicit Web(WebOptions options) : options_(std::move(options)) {}

  Result<std::vector<Check>> Test() override {
    const auto found = curl::Look(options_.address, Options(), CancelToken());
    std::vector<Check> checks;
    const std::string shown = curl::WithoutSecrets(options_.address);
    // What lies at the address itself matters to nobody; that it answers does.
    if (found || found.error().code == ErrorCode::kNotFound) {
      checks.push_back({.ok = true, .message = Msg("'{}' answers", shown), .hint = {}});
    } else {
      checks.push_back({.ok = false, .message = found.error().message, .hint = found.error().hint});
    }
    return checks;
  }

  Result<std::vector<SourceTable>> ListTables() override { return std::vector<SourceTable>(); }

  Result<std::vector<SourceFile>> ListFiles(const std::string& table,
                                            const CancelToken& cancel) override {
    RETURN_IF_ERROR(CheckRelative(table));
    SourceFile file{.path = table,
                    .name = table.substr(0, table.find('?')),
                    .bytes = -1,
                    .state = {},
                    .modified_ms = 0};
    const auto found = curl::Look(UrlOf(table), Options(), cancel);
    if (!found && found.error().code == ErrorCode::kNotFound) return std::vector<SourceFile>();
    if (found) {
      file.bytes = found->bytes;
      file.state = StateOf(*found);
    } else if (found.error().code == ErrorCode::kCancelled ||
               found.error().code == ErrorCode::kTimeout) {
      return std::unexpected(found.error());
    }
    // Not every server likes to be asked without being read: then the file itself tells.
    return std::vector<SourceFile>{std::move(file)};
  }

  Result<FetchedFile> Fetch(const SourceFile& file, const FetchRequest& request) override {
    std::string validator;
    curl::DownloadOptions options = Options();
    options.max_bytes = request.max_bytes;
    options.on_start = [&validator](const std::string& now) { validator = now; };
    const std::string url = UrlOf(file.path);
    const auto fetch = [&] {
      return curl::Fetch(url, request.to, std::string(validator), options, request.cancel,
                         [&](std::int64_t done, std::int64_t /*total*/) {
                           if (request.progress) request.progress(done);
                         });
    };
    auto arrived = fetch();
    // As long as each attempt brings more, a connection that breaks is no reason to give up.
    for (std::uintmax_t had = 0; !arrived && (arrived.error().code == ErrorCode::kUnavailable ||
                                              arrived.error().code == ErrorCode::kTimeout);) {
      std::error_code error;
      const std::uintmax_t have = std::filesystem::file_size(request.to, error);
      if (error || have <= had || validator.empty()) break;
      had = have;
      arrived = fetch();
    }
    if (!arrived) return std::unexpected(std::move(arrived).error());
    FetchedFile fetched{.file = file, .sha256 = {}};
    fetched.file.bytes = arrived->bytes;
    fetched.file.state = StateOf(*arrived);
    ASSIGN_OR_RETURN(fetched.sha256, Sha256File(request.to));
    return fetched;
  }

 private:
  [[nodiscard]] curl::DownloadOptions Options() const {
    curl::DownloadOptions options;
    options.stall_ms = options_.timeout_ms;
    options.public_only = !options_.private_addresses;
    options.user = options_.user;
    options.password = options_.password;
    return options;
  }

  [[nodiscard]] std::string UrlOf(const std::string& table) const {
    return options_.address + Encoded(table);
  }

  static std::string StateOf(const curl::Download& answer) {
    return answer.etag.empty() ? answer.last_modified : answer.etag;
  }

  WebOptions options_;
};

}  // namespace

Result<std::unique_ptr<FileConnection>> OpenWeb(WebOptions options) {
  const bool web =
      options.address.starts_with("http://") || options.address.starts_with("https://");
  if (!web || options.address.find_first_of("?#") != std::string::npos) {
    return Fail(ErrorCode::kUnprocessable,
                "'{}' must be an http:// or https:// address without a query",
                curl::WithoutSecrets(options.address));
  }
  const std::string_view host =
      std::string_view(options.address)
          .substr(options.address.find("://") + 3,
                  options.address.find('/', 8) - options.address.find("://"));
  if (host.find('@') != std::string_view::npos) {
    return Fail(ErrorCode::kUnprocessable,
                "an address holds no user and no password: they are settings of their own");
  }
  if (!options.address.ends_with('/')) options.address += '/';
  return std::make_unique<Web>(std::move(options));
}

}  // namespace aimass::connectors::files
