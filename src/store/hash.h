#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace aimass::store {

/// SHA-256 of what comes in pieces.
class RunningSha256 {
 public:
  RunningSha256();
  ~RunningSha256();
  void Add(std::string_view piece);
  [[nodiscard]] std::string Hex();  // once, at the end

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace aimass::store
