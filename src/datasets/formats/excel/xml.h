#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace aimass::formats::excel {

/// Walks the tags and texts of a well-formed XML document without building a tree: enough for the
/// parts of a workbook, which are machine-written. Comments, processing instructions and
/// declarations are passed over; entities beyond the five of XML and numeric ones are left as they
/// stand.
class XmlWalk {
 public:
  explicit XmlWalk(std::string_view document) : document_(document) {}

  enum class Kind { kOpen, kClose, kText, kEnd };
  /// The next piece. A tag without content comes as kOpen, then kClose.
  Kind Next();
  /// Of a tag: its name without a namespace prefix.
  [[nodiscard]] std::string_view name() const { return name_; }
  /// Of kText: the text, entities resolved.
  [[nodiscard]] std::string text() const;
  /// Of kOpen: the attribute with this name (with its prefix, as it stands).
  [[nodiscard]] std::optional<std::string> Attribute(std::string_view name) const;

 private:
  std::string_view document_;
  std::size_t at_ = 0;
  std::string_view name_;
  std::string_view body_;  // of a tag: what stands behind its name; of a text: itself
  bool closes_ = false;    // the tag just given closes itself
  bool literal_ = false;   // CDATA
};

}  // namespace aimass::formats::excel
