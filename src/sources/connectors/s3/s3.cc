// Object stores that speak S3: AWS S3, MinIO, Alibaba OSS, Tencent COS, versitygw … Tried:
// versitygw 1.8, moto 5.2.
#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/percent.h"
#include "sources/connectors/s3/arrival.h"
#include "sources/connectors/s3/store.h"
#include "sources/files.h"
#include "sources/glob.h"

namespace aimass::connectors::s3 {
namespace {

constexpr std::size_t kMaxFiles = 1'000'000;
constexpr int kPagesForTables = 10;  // of a thousand keys

constexpr std::array kFields = {
    Field{.name = "bucket", .label = {"Bucket", "存储桶"}, .required = true},
    Field{.name = "endpoint",
          .label = {"Address of the object store (AWS where empty)",
                    "对象存储的地址（留空则为 AWS）"}},
    Field{.name = "region",
          .label = {"Region (found by the address where empty)", "地域（留空则由地址得出）"}},
    Field{.name = "prefix",
          .label = {"Folder of the bucket that tables are relative to",
                    "表名所相对的文件夹（存储桶内）"}},
    Field{.name = "access_key",
          .label = {"Access key id (public bucket where empty)",
                    "访问密钥 ID（留空则为公开存储桶）"}},
    Field{.name = "secret_key",
          .label = {"Secret access key", "访问密钥"},
          .kind = FieldKind::kSecret},
    Field{.name = "session_token",
          .label = {"Session token, of temporary keys", "会话令牌（临时密钥）"},
          .kind = FieldKind::kSecret},
    Field{.name = "addressing",
          .label = {"Where the bucket stands in addresses: path, or name of the host",
                    "存储桶在地址中的位置：路径或主机名"},
          .kind = FieldKind::kChoice,
          .default_value = "auto",
          .choices = "auto path virtual"},
    Field{.name = "ca_file", .label = {"Certificate authority (file)", "证书颁发机构（文件）"}},
    Field{.name = "timeout_s",
          .label = {"Longest wait for an answer (seconds)", "等待回答的最长时间（秒）"},
          .kind = FieldKind::kInteger,
          .default_value = "60",
          .min = 1,
          .max = 3600},
};

// What programs put into buckets for folders.
bool IsFolderMarker(const ListedObject& object) {
  return object.bytes == 0 && (object.key.ends_with('/') || object.key.ends_with("_$folder$"));
}

// An ETag is all that a store promises to change with an object: mostly the MD5 of its bytes, but
// not where it came in parts, or is encrypted. The time tells where a store promises nothing.
std::string StateOf(const ListedObject& object) {
  if (object.etag.empty() && object.last_modified.empty()) return {};
  return object.etag + " " + object.last_modified;
}
std::string EtagIn(const std::string& state) { return state.substr(0, state.find(' ')); }

// Which keys have to be listed for a pattern.
struct Scope {
  std::string prefix;      // behind the source's own
  bool one_level = false;  // none of a folder below
};
Scope ScopeOf(const Glob& glob) {
  const std::string& text = glob.text();
  Scope scope{.prefix = text.substr(0, text.find_first_of("*?["))};
  const std::size_t slash = text.rfind('/');
  const std::string last = slash == std::string::npos ? text : text.substr(slash + 1);
  scope.one_level = text.find('/', scope.prefix.size()) == std::string::npos && last != "**";
  return scope;
}

class Bucket final : public FileConnection {
 public:
  Bucket(Store store, std::string folder) : store_(std::move(store)), folder_(std::move(folder)) {}

  Result<std::vector<Check>> Test() override {
    const auto page = store_.List({.prefix = folder_}, CancelToken());
    if (!page) return Failed(page.error());
    std::vector<Check> checks;
    const auto add = [&checks](bool ok, Message message, Message hint = {}) {
      checks.push_back({.ok = ok, .message = std::move(message), .hint = std::move(hint)});
    };
    const Place& place = store_.place();
    add(true, Msg("connected to {}", place.Address()));
    if (place.scheme == "https") {
      add(true, Msg("the connection is encrypted"));
    } else {
      add(true, Msg("the connection is not encrypted"),
          Msg("in a network that others use, give an https:// endpoint"));
    }
    const std::string& who = store_.credentials().access_key;
    add(true, who.empty() ? Msg("nobody signs in: the bucket is open to everybody")
                          : Msg("signed in as {}", who));
    std::int64_t files = 0;
    std::int64_t archived = 0;
    const ListedObject* one = nullptr;
    for (const ListedObject& object : page->objects) {
      if (IsFolderMarker(object)) continue;
      ++files;
      if (IsArchive(object.storage_class)) {
        ++archived;
      } else if (object.bytes > 0 && IsUtf8(object.key) &&
                 (one == nullptr || object.bytes < one->bytes)) {
        one = &object;
      }
    }
    const std::string where = place.bucket + "/" + folder_;
    if (page->next.empty()) {
      add(files > 0, Msg("{} files in '{}' may be listed", files, where),
          files > 0 ? Message{} : Msg("check prefix; keys seldom begin with a slash"));
    } else {
      add(true, Msg("{} files and more in '{}' may be listed", files, where));
    }
    if (archived > 0) {
      add(true,
          Msg("{} of them lie in an archive and must be restored before they are read", archived));
    }
    if (one == nullptr) return checks;
    const auto read =
        store_.Get({.key = one->key,
                    .path = PathOf(one->key),
                    .count = 1,
                    .sink = [](const curl::Answer&, std::string_view) { return Status{}; }},
                   CancelToken());
    if (read) {
      add(true, Msg("'{}' may be read", PathOf(one->key)));
    } else {
      add(false, read.error().message, read.error().hint);
    }
    return checks;
  }

  Result<std::vector<SourceTable>> ListTables() override {
    std::vector<SourceFile> files;
    std::string token;
    for (int page = 0; page < kPagesForTables; ++page) {
      ASSIGN_OR_RETURN(Listing listing,
                       store_.List({.prefix = folder_, .token = token}, CancelToken()));
      for (ListedObject& object : listing.objects) {
        if (!IsFolderMarker(object) && IsUtf8(object.key)) files.push_back(FileOf(object));
      }
      token = std::move(listing.next);
      if (token.empty()) break;
    }
    std::vector<SourceTable> tables = TablesOf(files);
    // Empty names, and those that lead upwards, are told apart by patterns only: **/*.csv
    std::erase_if(tables, [](const SourceTable& table) { return !Glob::Parse(table.name); });
    return tables;
  }

  Result<std::vector<SourceFile>> ListFiles(const std::string& table,
                                            const CancelToken& cancel) override {
    ASSIGN_OR_RETURN(const Glob glob, Glob::Parse(table));
    const Scope scope = ScopeOf(glob);
    ListRequest request{.prefix = folder_ + scope.prefix, .one_level = scope.one_level};
    std::vector<SourceFile> files;
    for (;;) {
      ASSIGN_OR_RETURN(const Listing page, store_.List(request, cancel));
      for (const ListedObject& object : page.objects) {
        if (!object.key.starts_with(folder_) || object.key == folder_ || IsFolderMarker(object) ||
            !glob.Matches(PathOf(object.key))) {
          continue;
        }
        if (!IsUtf8(object.key)) {
          return WithHint(
              Fail(ErrorCode::kUnprocessable, "the key '{}' matches '{}' and is not UTF-8",
                   PercentEncode(object.key, "/"), table),
              Msg("copy the object to another key, or let the table leave it out"));
        }
        if (files.size() == kMaxFiles) {
          return Fail(ErrorCode::kUnprocessable, "'{}' matches more than {} files", table,
                      kMaxFiles);
        }
        files.push_back(FileOf(object));
      }
      if (page.next.empty()) break;
      if (page.next == request.token) {
        return Fail(ErrorCode::kUnavailable,
                    "the object store gives the same page of its list again and again");
      }
      request.token = page.next;
    }
    std::ranges::sort(files, {}, &SourceFile::path);
    return files;
  }

  Result<FetchedFile> Fetch(const SourceFile& file, const FetchRequest& request) override {
    const std::string etag = EtagIn(file.state);
    ASSIGN_OR_RETURN(Arrival arrival, Arrival::Open(file, etag, request));
    for (;;) {
      const std::int64_t before = arrival.have();
      arrival.Expect();
      const auto answer = store_.Get(
          {.key = folder_ + file.path,
           .path = file.path,
           .etag = etag,
           .from = before,
           .sink = [&arrival](const curl::Answer& head,
                              std::string_view bytes) { return arrival.Take(head, bytes); }},
          request.cancel);
      if (answer) {
        RETURN_IF_ERROR(arrival.Take(*answer, {}));  // of no bytes nobody has heard yet
        if (arrival.whole()) return arrival.Finish();
      } else if (answer.error().code != ErrorCode::kUnavailable &&
                 answer.error().code != ErrorCode::kTimeout) {
        return std::unexpected(answer.error());
      }
      // As long as each attempt brings more, a connection that breaks is no reason to give up.
      if (arrival.changed() || arrival.have() <= before) {
        if (!answer) return std::unexpected(answer.error());
        return Fail(ErrorCode::kUnavailable, "file '{}' arrived with {} of its {} bytes", file.path,
                    arrival.have(), file.bytes);
      }
    }
  }

 private:
  static std::vector<Check> Failed(const Error& error) {
    return {{.ok = false, .message = error.message, .hint = error.hint}};
  }

  [[nodiscard]] std::string PathOf(const std::string& key) const {
    return key.substr(std::min(folder_.size(), key.size()));
  }

  [[nodiscard]] SourceFile FileOf(const ListedObject& object) const {
    const std::string path = PathOf(object.key);
    return {.path = path,
            .name = path,
            .bytes = object.bytes,
            .state = StateOf(object),
            .modified_ms = FromRfc3339(object.last_modified).value_or(0)};
  }

  Store store_;
  std::string folder_;  // in the bucket: "" or "in/"
};

// A value that goes into a header of HTTP.
Status CheckHeader(std::string_view name, std::string_view value) {
  const bool good = std::ranges::all_of(value, [](char c) { return c > 0x20 && c < 0x7f; });
  if (good) return {};
  return Fail(ErrorCode::kUnprocessable, "'{}' holds a space or another character that no key has",
              name);
}

Result<std::unique_ptr<FileConnection>> ConnectFiles(const Settings& settings,
                                                     const Surroundings& here) {
  ASSIGN_OR_RETURN(Place place, PlaceOf({.endpoint = settings.at("endpoint"),
                                         .region = settings.at("region"),
                                         .bucket = settings.at("bucket"),
                                         .addressing = settings.at("addressing")}));
  Credentials credentials{.access_key = settings.at("access_key"),
                          .secret_key = settings.at("secret_key"),
                          .session_token = settings.at("session_token")};
  if (credentials.access_key.empty() != credentials.secret_key.empty() ||
      (credentials.access_key.empty() && !credentials.session_token.empty())) {
    return WithHint(
        Fail(ErrorCode::kUnprocessable, "access_key and secret_key are both given, or neither"),
        Msg("neither, for a bucket that everybody may read; session_token only beside them"));
  }
  RETURN_IF_ERROR(CheckHeader("access_key", credentials.access_key));
  RETURN_IF_ERROR(CheckHeader("secret_key", credentials.secret_key));
  RETURN_IF_ERROR(CheckHeader("session_token", credentials.session_token));
  std::string folder = settings.at("prefix");
  if (!folder.empty() && !folder.ends_with('/')) folder += '/';
  Store store(std::move(place), std::move(credentials), folder,
              {.stall_ms = IntegerOf(settings, "timeout_s") * 1000,
               .public_only = !here.private_addresses,
               .ca_file = settings.at("ca_file")});
  return std::make_unique<Bucket>(std::move(store), std::move(folder));
}

}  // namespace

void Register(ConnectorRegistry& registry) {
  registry.Add({.name = "s3",
                .label = {"S3 and other object stores", "S3 等对象存储"},
                .fields = kFields,
                .can = {.incremental = true, .files = true},
                .connect_files = ConnectFiles});
}

}  // namespace aimass::connectors::s3
