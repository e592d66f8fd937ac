#include "main/cli/terminal.h"

#include <gtest/gtest.h>

namespace aimass::cli {
namespace {

TEST(Width, CountsColumnsNotBytes) {
  EXPECT_EQ(Width("abc"), 3);
  EXPECT_EQ(Width("数据集"), 6);
  EXPECT_EQ(Width("é"), 1);
  EXPECT_EQ(Width("e\u0301"), 1);  // a combining accent
  EXPECT_EQ(Width("🙂"), 2);
  EXPECT_EQ(Width("\033[31mred\033[0m"), 3);
  EXPECT_EQ(Width("\xff\xfe"), 2);  // broken bytes show as one replacement each
}

TEST(Cut, KeepsWholeCharacters) {
  EXPECT_EQ(Cut("abcdef", 6), "abcdef");
  EXPECT_EQ(Cut("abcdef", 4), "abc…");
  EXPECT_EQ(Cut("数据集合", 5), "数据…");
  EXPECT_EQ(Cut("数据集合", 4), "数…");  // the second would stand half outside
  EXPECT_EQ(Cut("abc", 0), "");
}

TEST(Printable, DataCannotSteerTheTerminal) {
  EXPECT_EQ(Printable("a\033[2Jb"), "a�[2Jb");
  EXPECT_EQ(Printable("a\nb\tc"), "a⏎b c");
  EXPECT_EQ(Printable("x\u202Ey"), "x�y");  // right-to-left override
  EXPECT_EQ(Printable("上海"), "上海");
}

TEST(Wrap, BreaksAtSpacesAndBetweenChineseCharacters) {
  EXPECT_EQ(Wrap("one two three", 8), (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(Wrap("一二三四五", 4), (std::vector<std::string>{"一二", "三四", "五"}));
  EXPECT_EQ(Wrap("一二，三", 4),
            (std::vector<std::string>{"一", "二，", "三"}));  // no line begins with a mark
  EXPECT_EQ(Wrap("", 10), (std::vector<std::string>{""}));
}

TEST(Wrap, NothingIsLost) {
  const std::string text = "Reads CSV、JSON and Excel，也支持 gzip 压缩 of any kind";
  for (int width = 6; width < 40; ++width) {
    std::string joined;
    for (const std::string& line : Wrap(text, width)) joined += line;
    std::string expected;
    for (const char c : text) {
      if (c != ' ') expected += c;
    }
    std::erase(joined, ' ');
    EXPECT_EQ(joined, expected) << width;
  }
}

TEST(Table, AlignsColumnsOfBothScripts) {
  Table table({{"名称"}, {"rows", Table::Align::kRight}});
  table.Add({"销售", "1,067,371"});
  table.Add({"x", "5"});
  EXPECT_EQ(table.ToText(std::nullopt),
            "名称       rows\n"
            "────  ─────────\n"
            "销售  1,067,371\n"
            "x             5\n");
}

TEST(Table, TheWidestColumnGivesWay) {
  Table table({{"a"}, {"b"}});
  table.Add({"short", std::string(100, 'x')});
  const std::string text = table.ToText(30);
  EXPECT_NE(text.find("short"), std::string::npos);
  EXPECT_NE(text.find("…"), std::string::npos);
}

TEST(Texts, OfNumbers) {
  EXPECT_EQ(Thousands(0), "0");
  EXPECT_EQ(Thousands(999), "999");
  EXPECT_EQ(Thousands(1067371), "1,067,371");
  EXPECT_EQ(Thousands(-1000), "-1,000");
  EXPECT_EQ(Bytes(999), "999 B");
  EXPECT_EQ(Bytes(1200), "1.2 kB");
  EXPECT_EQ(Bytes(45'600'000), "46 MB");
  EXPECT_EQ(Duration(850), "850 ms");
  EXPECT_EQ(Duration(59'700), "1 min 0 s");
  EXPECT_EQ(Duration(3'600'000), "1 h 0 min");
  EXPECT_EQ(Number(0.91234), "0.9123");
  EXPECT_EQ(Number(12), "12");
  EXPECT_EQ(Number(0.00001234), "1.23e-05");
}

TEST(DrawBar, FitsAndTells) {
  const ProgressLine::State state{
      .fraction = 0.475, .step = "trial 12", .rows = 12000, .eta_ms = 8000};
  const std::string bar = DrawBar(state, 200, Language::kEnglish);
  EXPECT_NE(bar.find("47 %"), std::string::npos) << bar;
  EXPECT_NE(bar.find("trial 12 · 12,000 rows · 8 s left"), std::string::npos) << bar;
  EXPECT_LE(Width(DrawBar(state, 40, Language::kEnglish)), 40);
  EXPECT_EQ(DrawBar({.fraction = -1.0, .step = "waiting"}, 40, Language::kEnglish), "waiting");
}

}  // namespace
}  // namespace aimass::cli
