#include "sources/fields.h"

#include <algorithm>

#include "base/id.h"
#include "base/percent.h"

namespace aimass {
namespace {

constexpr std::size_t kMaxNameBytes = 200;
constexpr std::string_view kRenamed = "_2";

}  // namespace

std::string ColumnOfField(std::string_view field, std::span<const std::string_view> own) {
  if (field.empty() || field.size() > kMaxNameBytes || !IsUtf8(field)) return {};
  if (std::ranges::any_of(field, [](char c) { return static_cast<unsigned char>(c) < ' '; }))
    return {};
  const std::string key = NameKey(field);
  const bool taken = key == kMoreFields || std::ranges::find(own, key) != own.end();
  return taken ? std::string(field) + std::string(kRenamed) : std::string(field);
}

std::string FieldOfColumn(std::string_view column, std::span<const std::string_view> own) {
  if (!column.ends_with(kRenamed)) return std::string(column);
  const std::string_view field = column.substr(0, column.size() - kRenamed.size());
  return ColumnOfField(field, own) == column ? std::string(field) : std::string(column);
}

}  // namespace aimass
