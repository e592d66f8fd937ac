#pragma once

#include <memory>
#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace aimass::xml {

/// An element of a Document, valid while that lives. One that is not there has no name, no text
/// and no children.
class Element {
 public:
  explicit Element(pugi::xml_node node) : node_(node) {}

  [[nodiscard]] std::string_view name() const { return node_.name(); }
  /// The first child of that name.
  [[nodiscard]] Element Child(const char* name) const { return Element(node_.child(name)); }
  [[nodiscard]] std::vector<Element> Children(const char* name) const;
  /// What stands in it, but for what stands in its children.
  [[nodiscard]] std::string Text() const;
  /// Of the first child of that name.
  [[nodiscard]] std::string Text(const char* child) const { return Child(child).Text(); }

 private:
  pugi::xml_node node_;
};

/// An XML document in memory. Nothing outside of it is read, and no entity is resolved but XML's
/// five and characters by their number.
class Document {
 public:
  /// Errors   kUnprocessable where it is no XML.
  [[nodiscard]] static Result<Document> Parse(std::string_view text);
  [[nodiscard]] Element root() const;

 private:
  std::unique_ptr<pugi::xml_document> document_;
};

}  // namespace aimass::xml
