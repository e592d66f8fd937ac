// BSON as a server may send it: what is read as a document is written as JSON that another reader
// takes (names that come twice stay so), gets columns, and each value either fits its column or is
// refused with a reason.
#include "native/mongodb/bson.h"

#include <string>

#include "base/json.h"
#include "input.h"
#include "sources/connectors/mongodb/decode.h"
#include "sources/connectors/mongodb/json.h"
#include "sources/connectors/mongodb/layout.h"

namespace {

void CheckValue(const aimass::mongodb::Element& element, const aimass::ColumnInfo& column) {
  using namespace aimass;
  std::string json;
  if (connectors::mongodb::AppendJson(json, element) == connectors::mongodb::Flaw::kNone)
    fuzz::Require(Json::accept(json), "a value is written as JSON");
  std::string made;
  const auto value = connectors::mongodb::Decode(element, column, made);
  if (!value) {
    fuzz::Require(!Render(value.error(), Language::kChinese).empty(), "a refusal says why");
    return;
  }
  const bool text = value->kind == Value::Kind::kText;
  fuzz::Require(
      !text || column.type.kind == TypeKind::kText || column.type.kind == TypeKind::kBinary,
      "a value is of its column's type");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace aimass;
  const std::string_view document = fuzz::Text(data, size);
  fuzz::Require(Json::accept(connectors::mongodb::ShownDocument(document)),
                "any bytes are shown as JSON");
  connectors::mongodb::Sample sample;
  if (!sample.Add(document)) return 0;
  const auto layout = connectors::mongodb::LayoutOf(sample, true);
  mongodb::BsonReader reader(document);
  while (reader.Next()) {
    for (const auto& column : layout.columns) {
      if (column.field == reader.element().name) CheckValue(reader.element(), column.info);
    }
  }
  fuzz::Require(!reader.damaged(), "a second look sees the same");
  return 0;
}
