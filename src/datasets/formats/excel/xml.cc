#include "datasets/formats/excel/xml.h"

#include <charconv>
#include <cstdint>

namespace aimass::formats::excel {
namespace {

void AppendUtf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

std::string Resolve(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t end = text[i] == '&' ? text.find(';', i) : std::string_view::npos;
    if (end == std::string_view::npos || end - i > 10) {
      out += text[i];
      continue;
    }
    const std::string_view entity = text.substr(i + 1, end - i - 1);
    std::uint32_t code = 0;
    if (entity == "amp") {
      code = '&';
    } else if (entity == "lt") {
      code = '<';
    } else if (entity == "gt") {
      code = '>';
    } else if (entity == "quot") {
      code = '"';
    } else if (entity == "apos") {
      code = '\'';
    } else if (entity.starts_with("#x")) {
      std::from_chars(entity.data() + 2, entity.data() + entity.size(), code, 16);
    } else if (entity.starts_with('#')) {
      std::from_chars(entity.data() + 1, entity.data() + entity.size(), code);
    }
    if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
      out += text[i];
      continue;
    }
    AppendUtf8(out, code);
    i = end;
  }
  return out;
}

}  // namespace

XmlWalk::Kind XmlWalk::Next() {
  if (closes_) {
    closes_ = false;
    return Kind::kClose;
  }
  for (;;) {
    literal_ = false;
    if (at_ >= document_.size()) return Kind::kEnd;
    if (document_[at_] != '<') {
      const std::size_t end = std::min(document_.find('<', at_), document_.size());
      body_ = document_.substr(at_, end - at_);
      at_ = end;
      return Kind::kText;
    }
    const std::string_view rest = document_.substr(at_);
    if (rest.starts_with("<![CDATA[")) {
      const std::size_t end = std::min(rest.find("]]>"), rest.size());
      body_ = rest.substr(9, end < 9 ? 0 : end - 9);
      at_ += std::min(end + 3, rest.size());
      literal_ = true;
      return Kind::kText;
    }
    if (rest.starts_with("<!--")) {
      const std::size_t end = rest.find("-->");
      at_ = end == std::string_view::npos ? document_.size() : at_ + end + 3;
      continue;
    }
    // A '>' inside an attribute's quotes does not end the tag.
    std::size_t end = 1;
    for (char quote = '\0'; end < rest.size(); ++end) {
      const char c = rest[end];
      if (quote != '\0') {
        if (c == quote) quote = '\0';
      } else if (c == '"' || c == '\'') {
        quote = c;
      } else if (c == '>') {
        break;
      }
    }
    std::string_view tag = rest.substr(1, end - 1);
    at_ += std::min(end + 1, rest.size());
    if (tag.starts_with('?') || tag.starts_with('!')) continue;
    const bool close = tag.starts_with('/');
    if (close) tag.remove_prefix(1);
    closes_ = !close && tag.ends_with('/');
    if (closes_) tag.remove_suffix(1);
    const std::size_t space = std::min(tag.find_first_of(" \t\r\n"), tag.size());
    name_ = tag.substr(0, space);
    body_ = tag.substr(space);
    if (const std::size_t colon = name_.find(':'); colon != std::string_view::npos)
      name_.remove_prefix(colon + 1);
    return close ? Kind::kClose : Kind::kOpen;
  }
}

std::string XmlWalk::text() const { return literal_ ? std::string(body_) : Resolve(body_); }

std::optional<std::string> XmlWalk::Attribute(std::string_view name) const {
  std::string_view rest = body_;
  while (!rest.empty()) {
    const std::size_t begin = rest.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) break;
    rest.remove_prefix(begin);
    const std::size_t equals = rest.find('=');
    if (equals == std::string_view::npos) break;
    std::string_view key = rest.substr(0, equals);
    while (!key.empty() && key.back() == ' ') key.remove_suffix(1);
    const std::size_t open = rest.find_first_of("\"'", equals);
    if (open == std::string_view::npos) break;
    const std::size_t end = rest.find(rest[open], open + 1);
    if (end == std::string_view::npos) break;
    if (key == name) return Resolve(rest.substr(open + 1, end - open - 1));
    rest.remove_prefix(end + 1);
  }
  return std::nullopt;
}

}  // namespace aimass::formats::excel
