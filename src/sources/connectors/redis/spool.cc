#include "sources/connectors/redis/spool.h"

#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <unordered_map>

namespace aimass::connectors::redis {
namespace {

constexpr std::size_t kMaxHeldBytes = std::size_t{32} << 20;

struct Lengths {
  std::uint32_t id;
  std::uint32_t more;
};

std::unexpected<Error> Failed(std::string_view words) {
  const ErrorCode code = errno == ENOSPC ? ErrorCode::kStorageFull : ErrorCode::kInternal;
  return Fail(code, "a temporary file failed: {}", words);
}

Result<FileDescriptor> NamelessFile() {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::temp_directory_path(error);
  std::string name = (error ? std::filesystem::path("/tmp") : folder) / "aimass-XXXXXX";
  FileDescriptor file(mkstemp(name.data()));
  if (!file.valid()) return Failed(std::strerror(errno));
  unlink(name.c_str());
  return file;
}

}  // namespace

Status Spool::Add(std::string_view id, std::string_view more) {
  const Lengths lengths{static_cast<std::uint32_t>(id.size()),
                        static_cast<std::uint32_t>(more.size())};
  std::string& bytes = parts_[std::hash<std::string_view>()(id) % kParts].bytes;
  bytes.append(reinterpret_cast<const char*>(&lengths), sizeof(lengths));
  bytes += id;
  bytes += more;
  ++added_;
  held_ += sizeof(lengths) + id.size() + more.size();
  return held_ > kMaxHeldBytes ? WriteOut() : Status{};
}

Status Spool::WriteOut() {
  if (!file_.valid()) {
    ASSIGN_OR_RETURN(file_, NamelessFile());
  }
  for (Part& part : parts_) {
    const std::int64_t begin = written_;
    for (std::string_view left = part.bytes; !left.empty();) {
      const ssize_t done = pwrite(file_.get(), left.data(), left.size(), written_);
      if (done <= 0) return Failed(std::strerror(errno));
      written_ += done;
      left.remove_prefix(static_cast<std::size_t>(done));
    }
    if (!part.bytes.empty()) part.blocks.push_back({begin, part.bytes.size()});
    part.bytes = {};
  }
  held_ = 0;
  return {};
}

Status Spool::Load(Part& part) {
  loaded_.clear();
  for (const Block& block : part.blocks) {
    const std::size_t begin = loaded_.size();
    loaded_.resize(begin + block.length);
    for (std::size_t done = 0; done < block.length;) {
      const ssize_t bytes = pread(file_.get(), loaded_.data() + begin + done, block.length - done,
                                  block.begin + static_cast<std::int64_t>(done));
      if (bytes <= 0) return Failed(std::strerror(errno));
      done += static_cast<std::size_t>(bytes);
    }
  }
  loaded_ += part.bytes;
  part = {};
  std::unordered_map<std::string_view, std::size_t> seen;
  for (std::string_view left = loaded_; !left.empty();) {
    Lengths lengths{};
    std::memcpy(&lengths, left.data(), sizeof(lengths));
    left.remove_prefix(sizeof(lengths));
    const Record record{.id = left.substr(0, lengths.id),
                        .more = left.substr(lengths.id, lengths.more)};
    left.remove_prefix(lengths.id + lengths.more);
    const auto [at, added] = seen.emplace(record.id, records_.size());
    if (added) {
      records_.push_back(record);
    } else {
      records_[at->second] = record;
    }
  }
  return {};
}

Result<bool> Spool::Next() {
  while (at_ == records_.size()) {
    if (part_ == kParts) return false;
    records_.clear();
    at_ = 0;
    RETURN_IF_ERROR(Load(parts_[part_++]));
  }
  ++at_;
  return true;
}

}  // namespace aimass::connectors::redis
