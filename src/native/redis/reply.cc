#include "native/redis/reply.h"

namespace aimass::redis {
namespace {

constexpr std::size_t kKeptBytes = std::size_t{4} << 20;

}  // namespace

std::string_view Reply::Item::text() const {
  return std::string_view(reply_->bytes_).substr(node().begin, node().length);
}

std::int64_t Reply::Item::integer() const {
  return node().kind == Kind::kInteger ? node().number : 0;
}

std::size_t Reply::Item::size() const {
  return node().kind == Kind::kArray ? static_cast<std::size_t>(node().number) : 0;
}

Reply::Item Reply::Item::next() const {
  std::size_t index = index_;
  for (std::size_t left = 1; left > 0; --left) {
    const Node& node = reply_->nodes_[index++];
    if (node.kind == Kind::kArray) left += static_cast<std::size_t>(node.number);
  }
  return {reply_, index};
}

void Reply::Clear() {
  nodes_.clear();
  bytes_.clear();
  if (bytes_.capacity() > kKeptBytes) bytes_.shrink_to_fit();  // one that was large stays no longer
}

void Reply::AddText(Kind kind, std::string_view text) {
  nodes_.push_back({kind, 0, bytes_.size(), text.size()});
  bytes_ += text;
}

}  // namespace aimass::redis
