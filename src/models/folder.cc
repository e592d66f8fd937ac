#include "models/folder.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <vector>

#include "base/file.h"

namespace aimass {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kSums = "SHA256SUMS";
constexpr std::size_t kMaxSumsBytes = std::size_t{1} << 20;

/// The names of the files in `folder` without SHA256SUMS, sorted.
Result<std::vector<std::string>> Files(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!fs::is_regular_file(entry->symlink_status()) || !IsModelFileName(name)) {
      return Fail(ErrorCode::kUnprocessable, "'{}' does not belong in a model folder", name);
    }
    if (name != kSums) names.push_back(name);
  }
  if (error) return std::unexpected(SystemError(error.value(), "read", folder));
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::map<std::string, std::string>> ParseSums(std::string_view text) {
  std::map<std::string, std::string> sums;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (end == std::string_view::npos || line.size() < 67 || line.substr(64, 2) != "  " ||
        line.substr(0, 64).find_first_not_of("0123456789abcdef") != std::string_view::npos ||
        !IsModelFileName(line.substr(66)) ||
        !sums.emplace(line.substr(66), line.substr(0, 64)).second) {
      return Fail(ErrorCode::kUnprocessable, "SHA256SUMS is damaged at '{}'", line.substr(0, 80));
    }
    text.remove_prefix(end + 1);
  }
  return sums;
}

}  // namespace

bool IsModelFileName(std::string_view name) {
  return !name.empty() && name.size() <= 128 && name.front() != '.' &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '_' || c == '-';
         });
}

Status WriteSums(const std::string& folder) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, Files(folder));
  std::string text;
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(const std::string sum, Sha256File(fs::path(folder) / name));
    RETURN_IF_ERROR(SyncPath(fs::path(folder) / name));
    text += sum + "  " + name + "\n";
  }
  return WriteFileAtomic(fs::path(folder) / kSums, text);
}

Result<std::string> VerifyFolder(const std::string& folder) {
  auto text = ReadFile(fs::path(folder) / kSums, kMaxSumsBytes);
  if (!text) {
    if (text.error().code != ErrorCode::kNotFound) return std::unexpected(text.error());
    return Fail(ErrorCode::kUnprocessable, "the model folder has no SHA256SUMS");
  }
  ASSIGN_OR_RETURN(const auto sums, ParseSums(*text));
  ASSIGN_OR_RETURN(const std::vector<std::string> names, Files(folder));
  for (const std::string& name : names) {
    const auto expected = sums.find(name);
    if (expected == sums.end()) {
      return Fail(ErrorCode::kUnprocessable, "'{}' does not belong in a model folder", name);
    }
    ASSIGN_OR_RETURN(const std::string found, Sha256File(fs::path(folder) / name));
    if (found != expected->second) {
      return Fail(ErrorCode::kUnprocessable, "'{}' was changed: expected SHA-256 {}, found {}",
                  name, expected->second, found);
    }
  }
  for (const auto& [name, sum] : sums) {
    if (!std::ranges::binary_search(names, name)) {
      return Fail(ErrorCode::kUnprocessable, "the model's file '{}' is missing", name);
    }
  }
  return Sha256(*text);
}

Status VerifyFolder(const std::string& folder, std::string_view checksum) {
  ASSIGN_OR_RETURN(const std::string found, VerifyFolder(folder));
  if (found == checksum) return {};
  return Fail(ErrorCode::kUnprocessable,
              "the model folder is not the registered one: expected checksum {}, found {}",
              checksum, found);
}

Result<Json> ReadModelJson(const std::string& folder) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(fs::path(folder) / "model.json"));
  ASSIGN_OR_RETURN(Json model, ParseJson(text));
  ASSIGN_OR_RETURN(const std::int64_t format, GetInteger(model, "format"));
  if (format != 1) {
    return Fail(ErrorCode::kUnsupported, "model.json has format {}; this build reads format 1",
                format);
  }
  for (const std::string_view key : {"task", "target", "link"}) {
    RETURN_IF_ERROR(GetString(model, key));
  }
  const auto members = model.find("members");
  if (members == model.end() || !members->is_array() || members->empty()) {
    return Fail(ErrorCode::kUnprocessable, "model.json names no members");
  }
  for (const Json& member : *members) {
    ASSIGN_OR_RETURN(const std::string file, GetString(member, "file"));
    if (!IsModelFileName(file) || !fs::exists(fs::path(folder) / file)) {
      return Fail(ErrorCode::kUnprocessable, "the model's file '{}' is missing", file);
    }
  }
  return model;
}

}  // namespace aimass
