#include "models/bundle.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/words.h"
#include "models/folder.h"

namespace aimass {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlock = 512;
constexpr std::string_view kManifest = "manifest.json";
constexpr std::string_view kManifestSum = "manifest.sha256";
constexpr std::size_t kMaxManifestBytes = std::size_t{4} << 20;
constexpr std::uint64_t kMaxFileBytes = std::uint64_t{4} << 30;
constexpr std::size_t kMaxFiles = 1000;

/// A ustar header (POSIX.1-2001): the fields that a plain file needs.
struct TarHeader {
  std::array<char, kBlock> bytes{};

  void Text(std::size_t at, std::string_view text) {
    std::memcpy(bytes.data() + at, text.data(), text.size());
  }
  void Octal(std::size_t at, std::size_t width, std::uint64_t value) {
    for (std::size_t i = width - 1; i-- > 0; value >>= 3) {
      bytes[at + i] = static_cast<char>('0' + (value & 7u));
    }
  }
  [[nodiscard]] std::uint64_t Sum() const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < kBlock; ++i) {
      sum += i >= 148 && i < 156 ? std::uint64_t{' '} : static_cast<unsigned char>(bytes[i]);
    }
    return sum;
  }
};

TarHeader HeaderOf(std::string_view name, std::uint64_t size) {
  TarHeader header;
  header.Text(0, name.substr(0, 99));
  header.Octal(100, 8, 0644);
  header.Octal(108, 8, 0);
  header.Octal(116, 8, 0);
  header.Octal(124, 12, size);
  header.Octal(136, 12, 0);  // no time: the same version gives the same bytes
  header.bytes[156] = '0';
  header.Text(257, std::string_view("ustar\00000", 8));
  header.Octal(148, 7, header.Sum());
  header.bytes[155] = ' ';
  return header;
}

std::uint64_t Padding(std::uint64_t size) { return (kBlock - size % kBlock) % kBlock; }

/// An output file that reports the first failure.
class Output {
 public:
  explicit Output(const std::string& path)
      : path_(path), stream_(path, std::ios::binary | std::ios::trunc) {}
  void Write(std::string_view bytes) {
    stream_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  void Pad(std::uint64_t size) { Write(std::string(Padding(size), '\0')); }
  [[nodiscard]] Status Close() {
    stream_.close();
    if (stream_.fail()) return std::unexpected(SystemError(errno, "write", path_));
    return SyncPath(path_);
  }

 private:
  std::string path_;
  std::ofstream stream_;
};

struct Entry {
  std::string name;
  std::uint64_t size = 0;
};

std::optional<std::uint64_t> ParseOctal(std::string_view field) {
  while (!field.empty() && (field.back() == '\0' || field.back() == ' ')) field.remove_suffix(1);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value, 8);
  if (error != std::errc() || end != field.data() + field.size()) return std::nullopt;
  return value;
}

/// The next entry; nullopt at the end-of-archive mark.
Result<std::optional<Entry>> NextEntry(std::ifstream& stream) {
  TarHeader header;
  if (!stream.read(header.bytes.data(), kBlock))
    return Fail(ErrorCode::kUnprocessable, "the bundle is damaged: it ends too early");
  const std::string_view bytes(header.bytes.data(), kBlock);
  if (std::ranges::all_of(bytes, [](char c) { return c == '\0'; })) return std::optional<Entry>();
  if (bytes.substr(257, 5) != "ustar")
    return Fail(ErrorCode::kUnprocessable, "the bundle is damaged: a header is not ustar");
  const auto sum = ParseOctal(bytes.substr(148, 8));
  const auto size = ParseOctal(bytes.substr(124, 12));
  if (!sum || *sum != header.Sum() || !size)
    return Fail(ErrorCode::kUnprocessable, "the bundle is damaged: a header's sum is wrong");
  Entry entry{.name = std::string(bytes.substr(0, bytes.substr(0, 100).find('\0'))), .size = *size};
  if (bytes[156] != '0' || !IsModelFileName(entry.name))
    return Fail(ErrorCode::kUnprocessable, "the bundle is damaged: an entry is not a plain file");
  if (entry.size > kMaxFileBytes) {
    return Fail(ErrorCode::kPayloadTooLarge, "'{}' is larger than {} bytes", entry.name,
                kMaxFileBytes);
  }
  return std::optional(std::move(entry));
}

/// Copies an entry's content to `out`, block by block.
Status CopyContent(std::ifstream& stream, std::uint64_t size, const std::string& path) {
  Output out(path);
  std::vector<char> buffer(std::size_t{1} << 20);
  for (std::uint64_t left = size; left > 0;) {
    const std::size_t step = static_cast<std::size_t>(std::min<std::uint64_t>(left, buffer.size()));
    if (!stream.read(buffer.data(), static_cast<std::streamsize>(step)))
      return Fail(ErrorCode::kUnprocessable, "the bundle is damaged: it ends too early");
    out.Write({buffer.data(), step});
    left -= step;
  }
  stream.ignore(static_cast<std::streamsize>(Padding(size)));
  return out.Close();
}

/// The content of manifest.sha256, as sha256sum writes it.
std::string ManifestSum(std::string_view manifest) {
  return Sha256(manifest) + "  " + std::string(kManifest) + "\n";
}

/// A small entry's content.
Result<std::string> ReadText(std::ifstream& stream, std::string_view name) {
  ASSIGN_OR_RETURN(const auto entry, NextEntry(stream));
  if (!entry || entry->name != name || entry->size > kMaxManifestBytes) {
    return Fail(ErrorCode::kUnprocessable,
                "the bundle is damaged: it does not begin with its manifest");
  }
  std::string text(static_cast<std::size_t>(entry->size), '\0');
  if (!stream.read(text.data(), static_cast<std::streamsize>(text.size()))) {
    return Fail(ErrorCode::kUnprocessable, "the bundle is damaged: it ends too early");
  }
  stream.ignore(static_cast<std::streamsize>(Padding(entry->size)));
  return text;
}

struct Listed {
  std::uint64_t size = 0;
  std::string sha256;
};

Result<std::map<std::string, Listed>> ListedFiles(const Json& manifest) {
  const auto files = manifest.find("files");
  if (files == manifest.end() || !files->is_array() || files->empty() ||
      files->size() > kMaxFiles) {
    return Fail(ErrorCode::kUnprocessable, "the bundle is damaged: its manifest lists no files");
  }
  std::map<std::string, Listed> listed;
  for (const Json& file : *files) {
    ASSIGN_OR_RETURN(const std::string name, GetString(file, "name"));
    ASSIGN_OR_RETURN(const std::int64_t size, GetInteger(file, "size"));
    ASSIGN_OR_RETURN(const std::string sum, GetString(file, "sha256"));
    if (!IsModelFileName(name) || size < 0 || name == kManifest || name == kManifestSum ||
        !listed.emplace(name, Listed{static_cast<std::uint64_t>(size), sum}).second) {
      return Fail(ErrorCode::kUnprocessable,
                  "the bundle is damaged: its manifest lists a file twice or under a bad name");
    }
  }
  return listed;
}

Result<Json> ReadManifest(std::ifstream& stream) {
  ASSIGN_OR_RETURN(const std::string text, ReadText(stream, kManifest));
  ASSIGN_OR_RETURN(const std::string sum, ReadText(stream, kManifestSum));
  if (sum != ManifestSum(text)) {
    return Fail(ErrorCode::kUnprocessable,
                "the bundle was tampered with: its manifest was changed");
  }
  ASSIGN_OR_RETURN(Json manifest, ParseJson(text));
  ASSIGN_OR_RETURN(const std::string kind, GetString(manifest, "kind"));
  ASSIGN_OR_RETURN(const std::int64_t format, GetInteger(manifest, "format"));
  if (kind != "aimass.model" || format != 1) {
    return Fail(ErrorCode::kUnsupported,
                "the bundle is '{}' of format {}; this build reads 'aimass.model' of format 1",
                kind, format);
  }
  return manifest;
}

}  // namespace

Status WriteBundle(const ModelInfo& model, const ModelVersion& version, const std::string& path) {
  RETURN_IF_ERROR(VerifyFolder(version.folder, version.checksum));
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(version.folder, error), end; !error && entry != end;
       entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  if (error) return std::unexpected(SystemError(error.value(), "read", version.folder));
  std::sort(names.begin(), names.end());
  Json files = Json::array();
  for (const std::string& name : names) {
    const fs::path file = fs::path(version.folder) / name;
    ASSIGN_OR_RETURN(const std::string sum, Sha256File(file));
    files.push_back({{"name", name}, {"size", fs::file_size(file, error)}, {"sha256", sum}});
  }
  const std::string manifest = Json{{"format", 1},
                                    {"kind", "aimass.model"},
                                    {"name", model.name},
                                    {"task", model.task},
                                    {"version", version.version},
                                    {"checksum", version.checksum},
                                    {"created_at", ToRfc3339(version.created_ms)},
                                    {"metrics", version.metrics},
                                    {"lineage", version.lineage},
                                    {"files", files}}
                                   .dump(2) +
                               "\n";
  Output out(path);
  const auto add = [&out](std::string_view name, std::uint64_t size) {
    const TarHeader header = HeaderOf(name, size);
    out.Write({header.bytes.data(), kBlock});
  };
  add(kManifest, manifest.size());
  out.Write(manifest);
  out.Pad(manifest.size());
  const std::string sum = ManifestSum(manifest);
  add(kManifestSum, sum.size());
  out.Write(sum);
  out.Pad(sum.size());
  for (const Json& file : files) {
    const std::string name = file["name"];
    const std::uint64_t size = file["size"];
    add(name, size);
    std::ifstream stream(fs::path(version.folder) / name, std::ios::binary);
    std::vector<char> buffer(std::size_t{1} << 20);
    std::uint64_t written = 0;
    while (stream.read(buffer.data(), static_cast<std::streamsize>(buffer.size())),
           stream.gcount() > 0) {
      out.Write({buffer.data(), static_cast<std::size_t>(stream.gcount())});
      written += static_cast<std::uint64_t>(stream.gcount());
    }
    if (written != size) return Fail(ErrorCode::kInternal, "'{}' changed while it was read", name);
    out.Pad(size);
  }
  out.Write(std::string(2 * kBlock, '\0'));
  return out.Close();
}

Result<Unpacked> ReadBundle(const std::string& path, const std::string& folder) {
  std::ifstream stream(path, std::ios::binary);
  std::array<char, 262> start{};
  stream.read(start.data(), start.size());
  if (stream.gcount() < 262 || std::string_view(start.data() + 257, 5) != "ustar") {
    return Fail(ErrorCode::kUnsupported,
                "not a model bundle: expected the .aimass file that an export wrote");
  }
  stream.seekg(0);
  ASSIGN_OR_RETURN(const Json manifest, ReadManifest(stream));
  ASSIGN_OR_RETURN(const auto listed, ListedFiles(manifest));
  RETURN_IF_ERROR(MakeFolder(folder));
  std::set<std::string> seen;
  while (true) {
    ASSIGN_OR_RETURN(const auto entry, NextEntry(stream));
    if (!entry) break;
    const auto expected = listed.find(entry->name);
    if (expected == listed.end() || !seen.insert(entry->name).second) {
      return Fail(ErrorCode::kUnprocessable,
                  "the bundle was tampered with: '{}' is not in its manifest", entry->name);
    }
    const std::string file = (fs::path(folder) / entry->name).string();
    if (entry->size != expected->second.size) {
      return Fail(ErrorCode::kUnprocessable,
                  "the bundle was tampered with: '{}' has {} bytes, expected {}", entry->name,
                  entry->size, expected->second.size);
    }
    RETURN_IF_ERROR(CopyContent(stream, entry->size, file));
    ASSIGN_OR_RETURN(const std::string found, Sha256File(file));
    if (found != expected->second.sha256) {
      return Fail(ErrorCode::kUnprocessable,
                  "the bundle was tampered with: '{}' has SHA-256 {}, expected {}", entry->name,
                  found, expected->second.sha256);
    }
  }
  if (seen.size() != listed.size())
    return Fail(ErrorCode::kUnprocessable,
                "the bundle is damaged: files of its manifest are missing");
  ASSIGN_OR_RETURN(const std::string checksum, GetString(manifest, "checksum"));
  RETURN_IF_ERROR(VerifyFolder(folder, checksum));
  ASSIGN_OR_RETURN(const Json model, ReadModelJson(folder));

  for (const std::string_view key : {"metrics", "lineage"}) {
    if (const Json value = manifest.value(key, Json::object()); !value.is_object()) {
      return Fail(ErrorCode::kUnprocessable, "{} is damaged: expected {}, found {}", kManifest,
                  Word{"an object"}, KindOf(value));
    }
  }

  Unpacked unpacked;
  ASSIGN_OR_RETURN(unpacked.name, GetString(manifest, "name"));
  ASSIGN_OR_RETURN(unpacked.task, GetString(model, "task"));
  unpacked.metrics = manifest.value("metrics", Json::object());
  unpacked.lineage = {{"origin", "bundle"},
                      {"name", unpacked.name},
                      {"version", manifest.value("version", Json())},
                      {"checksum", checksum},
                      {"lineage", manifest.value("lineage", Json::object())}};
  return unpacked;
}

}  // namespace aimass
