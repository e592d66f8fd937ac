// pugixml 1.13.
#include "native/pugixml/xml.h"

namespace aimass::xml {

std::vector<Element> Element::Children(const char* name) const {
  std::vector<Element> found;
  for (const pugi::xml_node child : node_.children(name)) found.emplace_back(child);
  return found;
}

std::string Element::Text() const {
  std::string text;
  for (const pugi::xml_node child : node_.children()) {
    if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata)
      text += child.value();
  }
  return text;
}

Result<Document> Document::Parse(std::string_view text) {
  Document document;
  document.document_ = std::make_unique<pugi::xml_document>();
  const pugi::xml_parse_result parsed = document.document_->load_buffer(
      text.data(), text.size(), pugi::parse_default | pugi::parse_ws_pcdata_single,
      pugi::encoding_auto);
  if (!parsed) {
    return Fail(ErrorCode::kUnprocessable, "this is no XML: {} at byte {}", parsed.description(),
                parsed.offset);
  }
  return document;
}

Element Document::root() const { return Element(document_->document_element()); }

}  // namespace aimass::xml
