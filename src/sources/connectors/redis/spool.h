#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace aimass::connectors::redis {

/// Gives every record that was put in once, however many there are: SCAN may name a key twice.
///
/// Up to 32 MiB stay in memory; more goes into a file without a name in the folder for temporary
/// files, in 64 parts by the hash of their ids, of which one at a time is in memory again.
/// Errors   kStorageFull, kInternal.
/// Threads  one at a time.
class Spool {
 public:
  /// Of records with one id the last counts.
  [[nodiscard]] Status Add(std::string_view id, std::string_view more = {});
  [[nodiscard]] std::int64_t added() const { return added_; }

  /// The next record, in no order; false at the end. No Add() after the first.
  [[nodiscard]] Result<bool> Next();
  /// Of the current record; valid until the next.
  [[nodiscard]] std::string_view id() const { return records_[at_ - 1].id; }
  [[nodiscard]] std::string_view more() const { return records_[at_ - 1].more; }

 private:
  static constexpr std::size_t kParts = 64;
  struct Block {
    std::int64_t begin;
    std::size_t length;
  };
  struct Part {
    std::string bytes;
    std::vector<Block> blocks;
  };
  struct Record {
    std::string_view id;
    std::string_view more;
  };
  [[nodiscard]] Status WriteOut();
  [[nodiscard]] Status Load(Part& part);

  std::array<Part, kParts> parts_;
  std::size_t held_ = 0;  // bytes in memory
  std::int64_t added_ = 0;
  FileDescriptor file_;
  std::int64_t written_ = 0;
  std::size_t part_ = 0;  // the next to be loaded
  std::string loaded_;
  std::vector<Record> records_;
  std::size_t at_ = 0;
};

}  // namespace aimass::connectors::redis
