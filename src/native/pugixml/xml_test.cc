#include "native/pugixml/xml.h"

#include <gtest/gtest.h>

namespace aimass::xml {
namespace {

TEST(Xml, GivesNamesAndTexts) {
  const auto document = Document::Parse(
      "<?xml version=\"1.0\"?><a xmlns=\"x\"><b>1 &amp; <![CDATA[<2>]]></b><b> "
      "</b><c><d>&#38144;</d>"
      "</c></a>");
  ASSERT_TRUE(document.has_value());
  const Element root = document->root();
  EXPECT_EQ(root.name(), "a");
  ASSERT_EQ(root.Children("b").size(), 2u);
  EXPECT_EQ(root.Children("b")[0].Text(), "1 & <2>");
  EXPECT_EQ(root.Children("b")[1].Text(), " ");
  EXPECT_EQ(root.Child("c").Text("d"), "销");
  EXPECT_EQ(root.Child("no").Child("no").Text("no"), "");
}

TEST(Xml, SaysWhereItIsNone) {
  for (const char* const text : {"", "plain", "<a><b></a>", "{\"a\":1}"}) {
    const auto document = Document::Parse(text);
    ASSERT_FALSE(document.has_value()) << text;
    EXPECT_EQ(document.error().code, ErrorCode::kUnprocessable);
  }
}

TEST(Xml, ReadsNothingElse) {
  const auto document = Document::Parse(
      "<!DOCTYPE a [<!ENTITY f SYSTEM \"file:///etc/passwd\"><!ENTITY g \"gggg\">]><a>&f;&g;</a>");
  ASSERT_TRUE(document.has_value());
  EXPECT_EQ(document->root().Text(), "&f;&g;");
}

}  // namespace
}  // namespace aimass::xml
