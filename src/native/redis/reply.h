#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace aimass::redis {

/// One answer of a server: its items in the order in which they came, an array before what it
/// holds, and all their bytes in one piece. Used again and again, it takes no new memory.
///
/// Threads  one at a time.
class Reply {
 public:
  enum class Kind : std::uint8_t { kNil, kInteger, kText, kError, kArray };

 private:
  struct Node {
    Kind kind;
    std::int64_t number;  // an integer, or how many items an array holds
    std::size_t begin;    // of the bytes
    std::size_t length;
  };

 public:
  /// An item of the answer. Valid until the connection's next answer.
  class Item {
   public:
    [[nodiscard]] Kind kind() const { return node().kind; }
    /// The bytes of a text or an error; empty for the rest.
    [[nodiscard]] std::string_view text() const;
    [[nodiscard]] std::int64_t integer() const;  // 0 where it is none
    [[nodiscard]] std::size_t size() const;      // of an array; 0 where it is none
    /// The first item that an array holds, and the one behind this. Whether there is one is the
    /// caller's to know, from size().
    [[nodiscard]] Item first() const { return {reply_, index_ + 1}; }
    [[nodiscard]] Item next() const;

   private:
    friend class Reply;
    Item(const Reply* reply, std::size_t index) : reply_(reply), index_(index) {}
    [[nodiscard]] const Node& node() const { return reply_->nodes_[index_]; }
    const Reply* reply_;
    std::size_t index_;
  };

  [[nodiscard]] std::size_t bytes() const { return bytes_.size(); }
  [[nodiscard]] Item root() const { return {this, 0}; }

  /// For whoever reads the answer: in the order in which it comes.
  void Clear();
  void Add(Kind kind, std::int64_t number) { nodes_.push_back({kind, number, 0, 0}); }
  void AddText(Kind kind, std::string_view text);

 private:
  std::vector<Node> nodes_;
  std::string bytes_;
};

}  // namespace aimass::redis
