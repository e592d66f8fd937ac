// Each text of DuckDB's that we have words for, made to happen.
#include "native/duckdb/errors.h"

#include <gtest/gtest.h>

#include "native/duckdb/database.h"

namespace aimass::duckdb {
namespace {

Error ErrorOfSql(std::string_view sql) {
  auto database = Database::Open({.threads = 1});
  EXPECT_TRUE(database);
  auto connection = database->Connect();
  EXPECT_TRUE(connection);
  EXPECT_TRUE(connection->Execute(
      "CREATE VIEW orders AS SELECT 1 AS id, 'x' AS s, 2.5 AS amount, '{' AS j"));
  auto rows = connection->Query(sql);
  if (!rows) return rows.error();
  auto batch = (*rows)->Next();
  while (batch && *batch) batch = (*rows)->Next();
  EXPECT_FALSE(batch) << sql;
  return batch ? Error{} : batch.error();
}

struct WordsCase {
  std::string_view sql, english, hint, chinese;
};
class DuckDbWords : public testing::TestWithParam<WordsCase> {};

TEST_P(DuckDbWords, AreOurs) {
  const Error error = ErrorOfSql(GetParam().sql);
  EXPECT_EQ(Describe(error, Language::kEnglish), GetParam().english) << GetParam().sql;
  EXPECT_EQ(Render(error.hint, Language::kEnglish), GetParam().hint) << GetParam().sql;
  EXPECT_EQ(Describe(error, Language::kChinese), GetParam().chinese) << GetParam().sql;
  EXPECT_TRUE(error.code == ErrorCode::kInvalidArgument || error.code == ErrorCode::kUnprocessable);
  EXPECT_TRUE(error.hint.empty() || ChineseText(error.hint.format)) << error.hint.format;
}

INSTANTIATE_TEST_SUITE_P(
    , DuckDbWords,
    testing::Values(
        WordsCase{"SELEC 1", "syntax error near 'SELEC' (line 1, column 1)",
                  "did you mean 'SELECT'?", "“SELEC”附近有语法错误（第 1 行，第 1 列）"},
        WordsCase{"SELECT '中文',\n  '中' FORM orders o",
                  "syntax error near 'orders' (line 2, column 12)", "",
                  "“orders”附近有语法错误（第 2 行，第 12 列）"},
        WordsCase{"SELECT 1 +", "the SQL ends too early (line 1, column 11)",
                  "a name, a value or a closing bracket is missing at the end",
                  "SQL 不完整：过早结束（第 1 行，第 11 列）"},
        WordsCase{"SELECT 'abc", "a text in single quotes is not closed (line 1, column 8)",
                  "a quote inside a text is written twice: 'it''s'",
                  "单引号中的文本没有结束（第 1 行，第 8 列）"},
        WordsCase{"SELECT \"abc", "a name in double quotes is not closed (line 1, column 8)", "",
                  "双引号中的名称没有结束（第 1 行，第 8 列）"},
        WordsCase{"SELECT 1 /* a",
                  "a comment that begins with /* is not closed (line 1, column 10)", "",
                  "以 /* 开始的注释没有结束（第 1 行，第 10 列）"},
        WordsCase{"SELECT sum(id) OVER w FROM orders", "there is no window 'w'",
                  "name it at the end: WINDOW w AS (ORDER BY …)", "没有窗口“w”"},
        WordsCase{"SELECT '中文', amunt\nFROM orders",
                  "there is no column 'amunt' here (line 1, column 14)", "the nearest: amount",
                  "此处没有列“amunt”（第 1 行，第 14 列）"},
        WordsCase{"SELECT nothing", "there is no column 'nothing' here (line 1, column 8)", "",
                  "此处没有列“nothing”（第 1 行，第 8 列）"},
        WordsCase{"SELECT orders.amunt FROM orders",
                  "'orders' has no column 'amunt' (line 1, column 8)", "",
                  "“orders”没有列“amunt”（第 1 行，第 8 列）"},
        WordsCase{"SELECT * FROM orders a JOIN orders b USING (zz)",
                  "USING needs column 'zz' on both sides of the join", "",
                  "USING 要求连接的两侧都有列“zz”"},
        WordsCase{"SELECT * EXCLUDE (zz) FROM orders", "there is no column 'zz' here", "",
                  "此处没有列“zz”"},
        WordsCase{"SELECT x.id FROM orders", "FROM has no table or alias 'x' (line 1, column 8)",
                  "the nearest: orders", "FROM 中没有表或别名“x”（第 1 行，第 8 列）"},
        WordsCase{"SELECT id FROM orders a, orders b",
                  "'id' could be a column of several tables (line 1, column 8)",
                  "write one of: a.id, b.id", "列“id”有歧义：多个表中都有（第 1 行，第 8 列）"},
        WordsCase{"SELECT * FROM oders", "no dataset 'oders' (line 1, column 15)",
                  "did you mean 'orders'?", "没有数据集“oders”（第 1 行，第 15 列）"},
        WordsCase{"SELECT lenght('a')", "there is no function 'lenght' (line 1, column 8)",
                  "did you mean 'length'?", "没有函数“lenght”（第 1 行，第 8 列）"},
        WordsCase{"SELECT row_number() FROM orders",
                  "function 'row_number' needs a window (line 1, column 8)",
                  "for example row_number() OVER (ORDER BY …)",
                  "函数“row_number”需要窗口（第 1 行，第 8 列）"},
        WordsCase{"SELECT CAST(1 AS integr)", "there is no type 'integr' (line 1, column 18)",
                  "did you mean 'integer'?", "没有类型“integr”（第 1 行，第 18 列）"},
        WordsCase{"SELECT substr(1, 2, 3, 4, 5)",
                  "function 'substr' does not take (INTEGER, INTEGER, INTEGER, INTEGER, INTEGER) "
                  "(line 1, column 8)",
                  "it takes substr(VARCHAR, BIGINT, BIGINT), substr(VARCHAR, BIGINT); CAST(x AS "
                  "type) converts",
                  "函数“substr”不接受参数 (INTEGER, INTEGER, INTEGER, INTEGER, INTEGER)（第 1 "
                  "行，第 8 列）"},
        WordsCase{"SELECT 'a' + 1",
                  "'+' of (VARCHAR, INTEGER) can be meant in several ways (line 1, column 12)",
                  "say which by CAST(x AS type)",
                  "“+”用于 (VARCHAR, INTEGER) 时含义不唯一（第 1 行，第 12 列）"},
        WordsCase{"SELECT id, sum(amount) FROM orders",
                  "column 'id' is neither in GROUP BY nor in an aggregate (line 1, column 8)",
                  "add it to GROUP BY, or take sum, max or any_value of it",
                  "列“id”既不在 GROUP BY 中，也不在聚合函数中（第 1 行，第 8 列）"},
        WordsCase{"SELECT * FROM orders WHERE sum(id) > 1",
                  "WHERE cannot hold an aggregate (line 1, column 28)",
                  "conditions on groups stand in HAVING",
                  "WHERE 中不能使用聚合函数（第 1 行，第 28 列）"},
        WordsCase{"SELECT max(sum(id)) FROM orders",
                  "an aggregate cannot stand in an aggregate (line 1, column 12)",
                  "compute the inner one in a subquery",
                  "聚合函数中不能再用聚合函数（第 1 行，第 12 列）"},
        WordsCase{"SELECT 1 UNION SELECT 1, 2",
                  "both sides of UNION, INTERSECT or EXCEPT need equally many columns", "",
                  "UNION、INTERSECT、EXCEPT 两侧的列数必须相同"},
        WordsCase{"SELECT * FROM orders ORDER BY 9",
                  "a number in ORDER BY is a column from 1 to 4 (line 1, column 31)", "",
                  "ORDER BY 中的数字表示第几列，应为 1 到 4（第 1 行，第 31 列）"},
        WordsCase{"SELECT 1 LIMIT -1", "LIMIT and OFFSET cannot be negative (line 1, column 16)",
                  "", "LIMIT 与 OFFSET 不能为负数（第 1 行，第 16 列）"},
        WordsCase{"SELECT (SELECT i FROM range(2) t(i))",
                  "a subquery that is used as a value gave more than one row",
                  "add LIMIT 1, or an aggregate such as max", "作为值使用的子查询返回了多行"},
        WordsCase{"SELECT 'x'::INT", "'x' cannot be converted to INTEGER (line 1, column 11)",
                  "TRY_CAST(x AS INTEGER) gives NULL instead",
                  "“x”无法转换为 INTEGER（第 1 行，第 11 列）"},
        WordsCase{"SELECT s::BIGINT FROM orders",
                  "'x' in column 's' cannot be converted to BIGINT (line 1, column 9)",
                  "TRY_CAST(x AS BIGINT) gives NULL instead",
                  "值“x”（列“s”）无法转换为 BIGINT（第 1 行，第 9 列）"},
        WordsCase{"SELECT 300::TINYINT", "300 is out of range for TINYINT (line 1, column 11)",
                  "a wider type such as BIGINT or DOUBLE holds it",
                  "300 超出 TINYINT 的范围（第 1 行，第 11 列）"},
        WordsCase{"SELECT 2147483647::INT + 1::INT", "2147483647 + 1 is out of range for INTEGER",
                  "a wider type such as BIGINT or DOUBLE holds it",
                  "2147483647 + 1 超出 INTEGER 的范围"},
        WordsCase{"SELECT DATE '2024-13-01'", "there is no date '2024-13-01'",
                  "a date is written 2024-12-31", "不存在日期“2024-13-01”"},
        WordsCase{"SELECT CAST(s AS DATE) FROM orders",
                  "'x' is not written as a date (line 1, column 8)", "a date is written 2024-12-31",
                  "“x”不是日期的写法（第 1 行，第 8 列）"},
        WordsCase{"SELECT CAST(s AS TIMESTAMP) FROM orders",
                  "'x' is not written as a time (line 1, column 8)",
                  "a time is written 2024-12-31 23:59:59", "“x”不是时间的写法（第 1 行，第 8 列）"},
        WordsCase{"SELECT strptime(s, '%Y') FROM orders", "'x' is not written as '%Y'",
                  "try_strptime gives NULL instead", "“x”不符合格式“%Y”"},
        WordsCase{"SELECT date_part('foo', DATE '2024-01-01')", "there is no part 'foo' of a date",
                  "there are year, quarter, month, week, day, hour, minute, second and more",
                  "日期没有“foo”这个部分"},
        WordsCase{"SELECT sqrt(-1)", "a negative number has no square root", "", "负数没有平方根"},
        WordsCase{"SELECT ln(0)", "only numbers above 0 have a logarithm",
                  "leave the others out, or take ln(nullif(x, 0))", "只有大于 0 的数才有对数"}));

TEST(DuckDbQuotes, AreCleaned) {
  // What we have no words for: DuckDB's sentence without its drawing, our names inside, and advice
  // that nobody can follow here.
  const Error drawn = ErrorFromText(
      "Binder Error: No such thing as memory.main.orders\n\nLINE 1: SELECT …\n               ^");
  EXPECT_EQ(drawn.ToString(), "the SQL cannot be run: No such thing as orders");
  const Error advice =
      ErrorFromText("Invalid Input Error: It is so.\n\nUse \"SET this=that\" to change it.");
  EXPECT_EQ(advice.ToString(), "the SQL stopped at a value: It is so.");
  EXPECT_EQ(Describe(advice, Language::kChinese), "SQL 执行到某个值时停止，引擎说明：“It is so.”");
  const Error own = ErrorOfSql("SELECT error('坏' || repeat('长', 1000))");
  EXPECT_LT(own.ToString().size(), 500U);
  EXPECT_TRUE(own.ToString().starts_with("the SQL stopped at a value: 坏长")) << own.ToString();
  EXPECT_TRUE(own.ToString().ends_with("长…")) << own.ToString();
}

TEST(DuckDbQuotes, PlaceIsInTheTextThatWasWritten) {
  // HUGEINT leaves as a decimal, for which the statement is rewritten: a place in that would
  // mislead.
  EXPECT_EQ(ErrorOfSql("SELECT 1::HUGEINT, s::INT FROM orders").line, 0);
  EXPECT_EQ(ErrorOfSql("SELECT 1::HUGEINT,\n nothing FROM orders").line, 2);
}

}  // namespace
}  // namespace aimass::duckdb
