#include "datasets/import/prepare.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/file.h"
#include "datasets/import/encoding.h"
#include "datasets/import/mapped.h"
#include "native/archive/archive.h"

namespace aimass {
namespace {
namespace fs = std::filesystem;

constexpr std::size_t kFirstBytes = std::size_t{64} << 10;
constexpr int kMaxDepth = 3;  // a .csv.gz inside a .zip, and one more
constexpr std::array<std::string_view, 8> kPackings{".gz",  ".zst", ".zstd", ".xz",
                                                    ".bz2", ".zip", ".tar",  ".tgz"};

struct Found {
  std::string path;
  std::string name;
};

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  return text;
}

// "sales.csv.gz" → "sales.csv"
std::string WithoutPacking(std::string name) {
  for (bool again = true; again;) {
    again = false;
    const std::string lower = Lower(name);
    for (const std::string_view ending : kPackings) {
      if (lower.size() > ending.size() && lower.ends_with(ending)) {
        name.resize(name.size() - ending.size());
        again = true;
        break;
      }
    }
  }
  return name;
}

const FormatType* ByEnding(const FormatRegistry& formats, const std::string& name) {
  const std::string ending = Lower(fs::path(WithoutPacking(name)).extension().string());
  if (ending.empty()) return nullptr;
  for (const auto& [known, format] : formats.types()) {
    std::string_view endings = format.endings;
    while (!endings.empty()) {
      const std::size_t space = std::min(endings.find(' '), endings.size());
      if (endings.substr(0, space) == ending) return &format;
      endings.remove_prefix(std::min(space + 1, endings.size()));
    }
  }
  return nullptr;
}

bool IsPacked(const std::string& name) {
  const std::string lower = Lower(name);
  return std::any_of(kPackings.begin(), kPackings.end(),
                     [&](std::string_view e) { return lower.ends_with(e); });
}

// Hidden files, and what the archivers of macOS and Windows add.
bool Ignored(const std::string& name) {
  for (const fs::path& part : fs::path(name)) {
    const std::string text = part.string();
    if (text.starts_with('.') || text == "__MACOSX" || text == "Thumbs.db" || text == "desktop.ini")
      return true;
  }
  return false;
}

class Preparation {
 public:
  Preparation(const FormatRegistry& formats, const PrepareRequest& request)
      : formats_(formats), request_(request) {}

  Result<Prepared> Run() {
    ASSIGN_OR_RETURN(const std::vector<Found> sources, Sources());
    for (std::size_t i = 0; i < sources.size(); ++i) {
      RETURN_IF_ERROR(
          Unpack(sources[i], fmt::format("{}/unpacked-{}", request_.work_folder, i), 0));
    }
    if (found_.empty()) {
      return Fail(ErrorCode::kUnprocessable, "'{}' holds no file to import", request_.name);
    }
    const FormatType* format = nullptr;
    std::string first;
    for (const Found& file : found_) {
      ASSIGN_OR_RETURN(const FormatType* const its, FormatOf(file));
      if (format != nullptr && its != format) {
        return Fail(ErrorCode::kUnprocessable,
                    "the files of one dataset need one format: '{}' is {}, '{}' is {}", first,
                    format->name, file.name, its->name);
      }
      if (format == nullptr) first = file.name;
      format = its;
    }
    Prepared prepared{.format = std::string(format->name), .files = {}, .warnings = {}};
    for (std::size_t i = 0; i < found_.size(); ++i) {
      RETURN_IF_ERROR(request_.cancel.Check());
      FormatFile file{.path = found_[i].path, .name = found_[i].name};
      if (format->text) RETURN_IF_ERROR(MakeUtf8(i, file, prepared.warnings));
      prepared.files.push_back(std::move(file));
    }
    return prepared;
  }

 private:
  Result<std::vector<Found>> Sources() {
    std::error_code error;
    const fs::file_status status = fs::status(request_.path, error);
    if (!fs::exists(status)) {
      return Fail(ErrorCode::kNotFound, "there is no file or folder '{}'", request_.path);
    }
    std::vector<Found> sources;
    if (!fs::is_directory(status)) {
      sources.push_back({.path = request_.path, .name = request_.name});
      return sources;
    }
    for (fs::recursive_directory_iterator at(request_.path, error), end; !error && at != end;
         at.increment(error)) {
      if (!at->is_regular_file(error)) continue;
      const std::string name = fs::relative(at->path(), request_.path, error).string();
      if (Ignored(name)) continue;
      if (ByEnding(formats_, name) != nullptr || IsPacked(name)) {
        sources.push_back({.path = at->path().string(), .name = name});
      }
    }
    if (error) return std::unexpected(SystemError(error.value(), "list", request_.path));
    std::sort(sources.begin(), sources.end(),
              [](const Found& a, const Found& b) { return a.name < b.name; });
    if (sources.empty()) {
      return Fail(ErrorCode::kUnprocessable, "the folder '{}' holds no file whose ending is known",
                  request_.path);
    }
    return sources;
  }

  // Adds `file`, or what is in it.
  Status Unpack(const Found& file, const std::string& folder, int depth) {
    std::string head;
    {
      ASSIGN_OR_RETURN(const MappedFile mapped, MappedFile::Open(file.path));
      head = mapped.bytes().substr(0, kFirstBytes);
    }
    const archive::Packing packing = archive::Detect(head);
    const bool workbook =
        packing == archive::Packing::kZip && archive::ZipHas(file.path, "[Content_Types].xml");
    if (packing == archive::Packing::kNone || workbook || depth >= kMaxDepth) {
      found_.push_back(file);
      return {};
    }
    ASSIGN_OR_RETURN(std::vector<archive::Member> members,
                     archive::Unpack(
                         file.path, folder, {.max_bytes = request_.max_bytes}, request_.cancel,
                         [this, &file](double fraction) {
                           if (request_.progress) {
                             request_.progress(fraction, Msg("unpacking {}", file.name));
                           }
                         },
                         file.name));
    std::sort(members.begin(), members.end(),
              [](const archive::Member& a, const archive::Member& b) { return a.name < b.name; });
    for (std::size_t i = 0; i < members.size(); ++i) {
      const std::string& inner = members[i].name;
      if (!inner.empty() &&
          (Ignored(inner) ||
           (members.size() > 1 && ByEnding(formats_, inner) == nullptr && !IsPacked(inner)))) {
        continue;
      }
      RETURN_IF_ERROR(Unpack(
          {.path = members[i].path, .name = inner.empty() ? WithoutPacking(file.name) : inner},
          fmt::format("{}/{}", folder, i), depth + 1));
    }
    return {};
  }

  Result<const FormatType*> FormatOf(const Found& file) {
    if (!request_.format.empty() && request_.format != "auto")
      return formats_.Find(request_.format);
    ASSIGN_OR_RETURN(const MappedFile mapped, MappedFile::Open(file.path));
    const std::string_view head = mapped.bytes().substr(0, kFirstBytes);
    // Text in UTF-16 has zero bytes; what a format looks at is text.
    const bool wide = DetectEncoding(head).name.starts_with("UTF-16");
    const FormatType* const named = ByEnding(formats_, file.name);
    if (named != nullptr && (head.empty() || (wide && named->text) || named->recognises(head)))
      return named;
    for (const auto& [name, format] : formats_.types()) {
      if (!format.text && format.recognises(head)) return &format;
    }
    for (const auto& [name, format] : formats_.types()) {
      if (name != "csv" && format.text && format.recognises(head)) return &format;
    }
    // JSON that is none is told so; what is called a workbook is often text in truth.
    if (named != nullptr && named->text && head.find('\0') == head.npos) return named;
    ASSIGN_OR_RETURN(const FormatType* const csv, formats_.Find("csv"));
    if (wide || csv->recognises(head)) return csv;
    if (const std::size_t zero = head.find('\0'); named != nullptr && zero != head.npos) {
      return WithHint(
          Fail(
              ErrorCode::kUnprocessable, "'{}' should be text ({}), but has a zero byte in line {}",
              file.name, named->name,
              1 + std::count(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(zero), '\n')),
          Msg("save it as text in UTF-8; for UTF-16 without a byte order mark set encoding"));
    }
    return Fail(ErrorCode::kUnsupported,
                "'{}' is in no format that this build reads (csv, json, parquet, excel)",
                file.name);
  }

  Status MakeUtf8(std::size_t index, FormatFile& file, std::vector<Message>& warnings) {
    ASSIGN_OR_RETURN(const MappedFile mapped, MappedFile::Open(file.path));
    ASSIGN_OR_RETURN(const Encoding encoding, EncodingFromName(request_.encoding, mapped.bytes()));
    file.valid_utf8 = encoding.valid_utf8;
    if (encoding.name == "UTF-8" && encoding.mark_bytes == 0) return {};
    if (encoding.name != "UTF-8" && encoding.guessed) {
      warnings.push_back(
          Msg("'{}' was read as {}; set encoding if that is wrong", file.name, encoding.name));
    }
    if (request_.progress)
      request_.progress(0.0, Msg("converting {} from {}", file.name, encoding.name));
    const std::string target = fmt::format("{}/text-{}", request_.work_folder, index);
    std::int64_t broken = 0;
    RETURN_IF_ERROR(Transcode(mapped.bytes(), encoding, target, request_.cancel, &broken));
    if (encoding.name != "UTF-8") file.valid_utf8 = broken == 0;
    // An unpacked copy is not needed any more; the user's own file is never touched.
    if (file.path.starts_with(request_.work_folder + "/unpacked-")) {
      std::error_code ignored;
      fs::remove(file.path, ignored);
    }
    file.path = target;
    return {};
  }

  const FormatRegistry& formats_;
  const PrepareRequest& request_;
  std::vector<Found> found_;
};

}  // namespace

Json ToJson(const Prepared& prepared) {
  Json files = Json::array();
  for (const FormatFile& file : prepared.files) {
    files.push_back({{"path", file.path}, {"name", file.name}, {"valid_utf8", file.valid_utf8}});
  }
  Json warnings = Json::array();
  for (const Message& warning : prepared.warnings) warnings.push_back(ToJson(warning));
  return {
      {"format", prepared.format}, {"files", std::move(files)}, {"warnings", std::move(warnings)}};
}

Result<Prepared> PreparedFromJson(const Json& json) {
  Prepared prepared;
  ASSIGN_OR_RETURN(prepared.format, GetString(json, "format"));
  for (const Json& item : json.value("files", Json::array())) {
    FormatFile file;
    ASSIGN_OR_RETURN(file.path, GetString(item, "path"));
    ASSIGN_OR_RETURN(file.name, GetString(item, "name"));
    ASSIGN_OR_RETURN(file.valid_utf8, GetBool(item, "valid_utf8"));
    prepared.files.push_back(std::move(file));
  }
  for (const Json& item : json.value("warnings", Json::array()))
    prepared.warnings.push_back(MessageFromJson(item));
  return prepared;
}

Result<Prepared> Prepare(const FormatRegistry& formats, const PrepareRequest& request) {
  return Preparation(formats, request).Run();
}

}  // namespace aimass
