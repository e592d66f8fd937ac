#include "datasets/sql/check.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "datasets/sql/function_lists.h"

namespace aimass {
namespace {

/// One instance for all cases: opening it takes longer than a check. It ends before main does,
/// because DuckDB has statics of its own.
class ParserEnvironment final : public testing::Environment {
 public:
  void TearDown() override { connection.reset(); }
  std::optional<duckdb::Connection> connection;
};
ParserEnvironment* const environment = static_cast<ParserEnvironment*>(
    testing::AddGlobalTestEnvironment(std::make_unique<ParserEnvironment>().release()));

duckdb::Connection& Parser() {
  if (!environment->connection) {
    auto parser = OpenSqlParser(std::int64_t{1} << 30);
    EXPECT_TRUE(parser);
    environment->connection.emplace(std::move(*parser));
  }
  return *environment->connection;
}

struct HostileCase {
  std::string_view sql;
  std::string_view error;  // what the message must contain
};
class Hostile : public testing::TestWithParam<HostileCase> {};

TEST_P(Hostile, IsRefusedWithAClearMessage) {
  const auto checked = CheckUserSql(Parser(), GetParam().sql);
  ASSERT_FALSE(checked) << GetParam().sql;
  const Error& error = checked.error();
  EXPECT_TRUE(error.code == ErrorCode::kInvalidArgument ||
              error.code == ErrorCode::kPayloadTooLarge);
  EXPECT_NE(error.ToString().find(GetParam().error), std::string::npos) << GetParam().sql << "\n"
                                                                        << error.ToString();
}

constexpr HostileCase kHostile[] = {
    // Files.
    {"SELECT * FROM read_csv('/etc/passwd')", "table function 'read_csv'"},
    {"SELECT * FROM READ_CSV_AUTO('/etc/passwd')", "table function 'read_csv_auto'"},
    {"SELECT * FROM read_parquet('x.parquet')", "table function 'read_parquet'"},
    {"SELECT * FROM parquet_scan('x.parquet')", "table function 'parquet_scan'"},
    {"SELECT * FROM parquet_metadata('x.parquet')", "table function 'parquet_metadata'"},
    {"SELECT * FROM read_text('/etc/passwd')", "table function 'read_text'"},
    {"SELECT * FROM read_blob('/etc/passwd')", "table function 'read_blob'"},
    {"SELECT * FROM read_json('/x.json')", "table function 'read_json'"},
    {"SELECT * FROM read_ndjson_objects('/x.json')", "table function 'read_ndjson_objects'"},
    {"SELECT * FROM read_duckdb('/x.db')", "table function 'read_duckdb'"},
    {"SELECT * FROM sniff_csv('/etc/passwd')", "table function 'sniff_csv'"},
    {"SELECT * FROM glob('/etc/*')", "table function 'glob'"},
    {"SELECT * FROM \"read_text\"('/etc/passwd')", "table function 'read_text'"},
    {"SELECT * FROM system.main.read_text('/etc/passwd')", "table function 'read_text'"},
    {"SELECT * FROM (SELECT * FROM (SELECT * FROM read_text('/etc/passwd')))",
     "table function 'read_text'"},
    {"SELECT (SELECT content FROM read_text('/etc/passwd'))", "table function 'read_text'"},
    {"SELECT 1 WHERE EXISTS (FROM read_text('/etc/passwd'))", "table function 'read_text'"},
    {"SELECT 1 ORDER BY (SELECT count(*) FROM glob('*'))", "table function 'glob'"},
    {"SELECT 1 LIMIT (SELECT count(*) FROM glob('*'))", "table function 'glob'"},
    {"SELECT 1 OFFSET (SELECT count(*) FROM glob('*'))", "table function 'glob'"},
    {"SELECT x FROM orders GROUP BY (SELECT 1 FROM glob('*'))", "table function 'glob'"},
    {"SELECT x FROM orders GROUP BY x HAVING (SELECT true FROM glob('*'))",
     "table function 'glob'"},
    {"SELECT x FROM orders QUALIFY row_number() OVER (ORDER BY (SELECT 1 FROM glob('*'))) = 1",
     "table function 'glob'"},
    {"SELECT sum(x) OVER (PARTITION BY (SELECT 1 FROM glob('*'))) FROM orders",
     "table function 'glob'"},
    {"SELECT sum(x) FILTER (WHERE (SELECT true FROM glob('*'))) FROM orders",
     "table function 'glob'"},
    {"SELECT list(x ORDER BY (SELECT 1 FROM glob('*'))) FROM orders", "table function 'glob'"},
    {"SELECT * FROM orders a JOIN orders b ON (SELECT true FROM glob('*'))",
     "table function 'glob'"},
    {"SELECT * FROM orders, LATERAL (SELECT * FROM read_text(orders.path))",
     "table function 'read_text'"},
    {"SELECT DISTINCT ON ((SELECT 1 FROM glob('*'))) x FROM orders", "table function 'glob'"},
    {"VALUES ((SELECT content FROM read_text('/etc/passwd')))", "table function 'read_text'"},
    {"SELECT [x for x in [(SELECT content FROM read_text('/etc/passwd'))]]",
     "table function 'read_text'"},
    {"SELECT list_transform([1], lambda x: (SELECT 1 FROM glob('*')))", "table function 'glob'"},
    {"SELECT CASE WHEN true THEN (SELECT 1 FROM glob('*')) END", "table function 'glob'"},
    {"SELECT {'a': (SELECT 1 FROM glob('*'))}", "table function 'glob'"},
    {"SELECT * EXCLUDE (y) REPLACE (current_setting('threads') AS x) FROM orders",
     "function 'current_setting'"},
    {"SELECT MAP {'k': (SELECT 1 FROM glob('*'))}", "table function 'glob'"},
    {"SELECT x[(SELECT 1 FROM glob('*'))] FROM orders", "table function 'glob'"},
    {"SELECT CAST((SELECT 1 FROM glob('*')) AS VARCHAR)", "table function 'glob'"},
    {"SELECT x::DECIMAL((SELECT 1 FROM glob('*'))) FROM orders", "Expected a constant"},
    {"SELECT 1 BETWEEN 0 AND (SELECT 1 FROM glob('*'))", "table function 'glob'"},
    {"SELECT x COLLATE nocase IN (SELECT file FROM glob('*')) FROM orders",
     "table function 'glob'"},
    {"SELECT * FROM orders a ASOF JOIN (FROM glob('*')) b ON a.x >= b.file",
     "table function 'glob'"},
    {"SELECT lag(x, (SELECT 1 FROM glob('*'))) OVER () FROM orders", "table function 'glob'"},
    {"SELECT sum(x) OVER (ROWS BETWEEN (SELECT 1 FROM glob('*')) PRECEDING AND CURRENT ROW) FROM "
     "orders",
     "table function 'glob'"},
    {"SELECT x FROM orders GROUP BY GROUPING SETS (((SELECT 1 FROM glob('*'))))",
     "table function 'glob'"},
    {"SELECT * FROM (PIVOT orders ON x IN (1) USING sum((SELECT 1 FROM glob('*'))))",
     "table function 'glob'"},
    {"SELECT * FROM (PIVOT orders ON (SELECT 1 FROM glob('*')) IN (1) USING sum(x))",
     "Cannot pivot on subquery"},
    {"SELECT * FROM a JOIN b USING (k) WHERE k = ANY (SELECT file FROM glob('*'))",
     "table function 'glob'"},
    {"WITH a AS (WITH b AS (FROM glob('*')) FROM b) FROM a", "table function 'glob'"},
    {"FROM (FROM a SELECT (WITH b AS (FROM glob('*')) FROM b))", "table function 'glob'"},
    {"SELECT * REPLACE ((SELECT 1 FROM glob('*')) AS x) FROM orders", "table function 'glob'"},
    {"SELECT COLUMNS(c -> (SELECT true FROM glob('*'))) FROM orders", "table function 'glob'"},
    {"SELECT 1 UNION ALL SELECT count(*) FROM glob('*')", "table function 'glob'"},
    {"SELECT 1 EXCEPT (SELECT count(*) FROM glob('*'))", "table function 'glob'"},
    {"WITH a AS (SELECT * FROM glob('*')) SELECT 1", "table function 'glob'"},
    {"WITH RECURSIVE a AS (SELECT 1 AS n UNION ALL SELECT count(*) FROM glob('*')) SELECT * FROM a",
     "table function 'glob'"},
    {"SELECT * FROM (PIVOT (SELECT * FROM glob('*')) ON file IN ('a') USING count(*))",
     "table function 'glob'"},
    {"SELECT * FROM (UNPIVOT (SELECT * FROM glob('*')) ON file)", "table function 'glob'"},
    {"SUMMARIZE SELECT * FROM read_csv('/etc/passwd')", "table function 'read_csv'"},
    {"DESCRIBE SELECT * FROM read_csv('/etc/passwd')", "table function 'read_csv'"},
    {"SELECT * FROM range((SELECT count(*) FROM glob('*')))", "table function 'glob'"},
    // The catalogue, settings, the process.
    {"SELECT * FROM duckdb_settings()", "table function 'duckdb_settings'"},
    {"SELECT * FROM duckdb_secrets()", "table function 'duckdb_secrets'"},
    {"SELECT * FROM duckdb_views()", "table function 'duckdb_views'"},
    {"SELECT * FROM pragma_table_info('orders')", "table function 'pragma_table_info'"},
    {"SELECT * FROM information_schema.tables", "found 'information_schema.tables'"},
    {"SELECT * FROM pg_catalog.pg_class", "found 'pg_catalog.pg_class'"},
    {"SELECT * FROM main.orders", "found 'main.orders'"},
    {"SELECT * FROM memory.orders", "found 'memory.orders'"},
    {"SELECT * FROM system.main.duckdb_tables", "duckdb_tables"},
    {"WITH orders AS (SELECT 1) SELECT * FROM main.orders", "found 'main.orders'"},
    {"SELECT getenv('HOME')", "no function 'getenv'"},
    {"SELECT current_setting('temp_directory')", "function 'current_setting'"},
    {"SELECT getvariable('x')", "function 'getvariable'"},
    {"SELECT nextval('s')", "function 'nextval'"},
    {"SELECT sleep_ms(100000)", "function 'sleep_ms'"},
    {"SELECT pg_sleep(100)", "function 'pg_sleep'"},
    {"SELECT write_log('x')", "function 'write_log'"},
    {"SELECT setseed(0.5)", "function 'setseed'"},
    {"SELECT current_query()", "function 'current_query'"},
    {"SELECT pg_get_viewdef(1)", "function 'pg_get_viewdef'"},
    {"SELECT json_serialize_sql('SELECT 1')", "function 'json_serialize_sql'"},
    {"SELECT json_serialize_plan('SELECT 1')", "function 'json_serialize_plan'"},
    {"SELECT system.main.current_setting('threads')", "function 'current_setting'"},
    {"SELECT \"CURRENT_SETTING\"('threads')", "function 'current_setting'"},
    {"SELECT list_transform(['threads'], lambda x: current_setting(x))",
     "function 'current_setting'"},
    {"SELECT 'threads'.current_setting()", "syntax error"},
    {"SELECT x.current_setting() FROM orders", "function 'current_setting'"},
    {"SELECT * FROM query('SELECT 1')", "table function 'query'"},
    {"SELECT * FROM query_table('orders')", "table function 'query_table'"},
    {"SELECT * FROM json_execute_serialized_sql('{}')",
     "table function 'json_execute_serialized_sql'"},
    {"SELECT * FROM histogram_values('orders', x)", "table function 'histogram_values'"},
    {"SELECT * FROM seq_scan('orders')", "table function 'seq_scan'"},
    {"SELECT * FROM arrow_scan(1, 2, 3)", "table function 'arrow_scan'"},
    {"SELECT * FROM test_all_types()", "table function 'test_all_types'"},
    {"SELECT * FROM mysql_query('db', 'SELECT 1')", "table function 'mysql_query'"},
    {"SELECT * FROM postgres_scan('host=evil', 'a', 'b')", "table function 'postgres_scan'"},
    {"SELECT __internal_compress_string_ubigint('x')",
     "function '__internal_compress_string_ubigint'"},
    {"SELECT nosuchfunction(1)", "no function 'nosuchfunction'"},
    {"SHOW TABLES", "SHOW may not be used here"},
    {"SHOW ALL TABLES", "SHOW may not be used here"},
    {"SHOW DATABASES", ""},
    {"SELECT * FROM (SHOW TABLES)", "SHOW may not be used here"},
    {"SELECT * FROM (SHOW ALL TABLES)", "SHOW may not be used here"},
    {"DESCRIBE", "SHOW may not be used here"},
    // Other statements.
    {"ATTACH '/tmp/x.db'", "found ATTACH"},
    {"DETACH x", "found DETACH"},
    {"USE x", "found USE"},
    {"COPY (SELECT 1) TO '/tmp/x.csv'", "found COPY"},
    {"COPY orders FROM '/etc/passwd'", "found COPY"},
    {"EXPORT DATABASE '/tmp/x'", "found EXPORT"},
    {"IMPORT DATABASE '/tmp/x'", "found IMPORT"},
    {"INSTALL httpfs", "found INSTALL"},
    {"LOAD httpfs", "found LOAD"},
    {"FORCE INSTALL httpfs FROM 'http://evil'", "found FORCE"},
    {"PRAGMA database_list", "found PRAGMA"},
    {"SET threads = 64", "found SET"},
    {"RESET threads", "found RESET"},
    {"SET VARIABLE x = 1", "found SET"},
    {"CALL pragma_version()", "found CALL"},
    {"INSERT INTO orders VALUES (1)", "found INSERT"},
    {"UPDATE orders SET x = 1", "found UPDATE"},
    {"DELETE FROM orders", "found DELETE"},
    {"TRUNCATE orders", "found TRUNCATE"},
    {"MERGE INTO orders USING b ON x = y WHEN MATCHED THEN DELETE", "found MERGE"},
    {"CREATE TABLE x AS SELECT 1", "found CREATE"},
    {"CREATE VIEW x AS SELECT 1", "found CREATE"},
    {"CREATE MACRO x() AS 1", "found CREATE"},
    {"CREATE SECRET x (TYPE s3)", "found CREATE"},
    {"CREATE TYPE x AS ENUM ('a')", "found CREATE"},
    {"DROP VIEW orders", "found DROP"},
    {"ALTER VIEW orders RENAME TO x", "found ALTER"},
    {"PREPARE p AS SELECT 1", "found PREPARE"},
    {"EXECUTE p", "found EXECUTE"},
    {"DEALLOCATE p", "found DEALLOCATE"},
    {"BEGIN", "found BEGIN"},
    {"COMMIT", "found COMMIT"},
    {"CHECKPOINT", "found CHECKPOINT"},
    {"VACUUM", "found VACUUM"},
    {"ANALYZE", "found ANALYZE"},
    {"EXPLAIN SELECT 1", "found EXPLAIN"},
    {"EXPLAIN ANALYZE SELECT 1", "found EXPLAIN"},
    {"COMMENT ON VIEW orders IS 'x'", "found COMMENT"},
    {"SELECT 1 INTO x", ""},
    // More than one, none, hidden ones.
    {"SELECT 1; SELECT 2", "expected one SQL statement, found 2"},
    {"SELECT 1; DROP VIEW orders", "only SELECT may run here"},
    {"SELECT 1 /* ; */; COPY (SELECT 1) TO '/tmp/x'", "only SELECT may run here"},
    {"SELECT 1 -- ;\n; ATTACH 'x'", "only SELECT may run here"},
    {"/* SELECT */ COPY orders TO '/tmp/x'", "found COPY"},
    {"-- SELECT\nCOPY orders TO '/tmp/x'", "found COPY"},
    {"(COPY orders TO '/tmp/x')", "syntax error"},
    {"", "found 0"},
    {";;;", "found 0"},
    {"   -- nothing", "found 0"},
    {"SELEC 1", "line 1, column 1"},
    {"SELECT 1\n  FROM 中文 WHERE WHERE", "line 2, column 17"},
    {"WITH a AS (INSERT INTO orders VALUES (1) RETURNING *) SELECT * FROM a",
     "A CTE needs a SELECT"},
    {"WITH a AS (DELETE FROM orders RETURNING *) SELECT * FROM a", "A CTE needs a SELECT"},
    {"SELECT * FROM (INSERT INTO orders VALUES (1) RETURNING *)", "syntax error"},
    {"SELECT ?", "parameters"},
    {"SELECT $1", "parameters"},
    {"SELECT $name", "parameters"},
    {"PIVOT orders ON month USING sum(x)", "found PIVOT"},
    {"SELECT * FROM (PIVOT orders ON month USING sum(x))", "only SELECT may run here"},
    {"SELECT * FROM orders AT (VERSION => 3)", "AT may not be used here"},
    {"SELECT * FROM orders AT (TIMESTAMP => (SELECT now() FROM glob('*')))",
     "AT may not be used here"},
};
INSTANTIATE_TEST_SUITE_P(, Hostile, testing::ValuesIn(kHostile),
                         [](const auto& info) { return fmt::format("Case{}", info.index); });

TEST(HostileText, IsBounded) {
  EXPECT_EQ(CheckUserSql(Parser(), std::string(300 << 10, ' ')).error().code,
            ErrorCode::kPayloadTooLarge);
  EXPECT_FALSE(CheckUserSql(Parser(), std::string("SELECT 1\0; COPY orders TO 'x'", 29)));
  for (const std::size_t depth : {100, 2000, 60000}) {
    const std::string open(depth, '(');
    const std::string close(depth, ')');
    (void)CheckUserSql(Parser(), "SELECT " + open + "1" + close);  // an answer, not a crash
    std::string sum = "SELECT 1";
    for (std::size_t i = 0; i < depth; ++i) sum += "+1";
    (void)CheckUserSql(Parser(), sum);
    std::string nested = "SELECT 1";
    for (std::size_t i = 0; i < std::min<std::size_t>(depth, 9000); ++i)
      nested = "SELECT (" + nested + ")";
    (void)CheckUserSql(Parser(), nested);
  }
}

struct GoodCase {
  std::string_view sql;
  std::string_view tables;  // separated by spaces
};
class Legitimate : public testing::TestWithParam<GoodCase> {};

TEST_P(Legitimate, PassesAndNamesItsDatasets) {
  const auto checked = CheckUserSql(Parser(), GetParam().sql);
  ASSERT_TRUE(checked) << GetParam().sql << "\n" << checked.error().ToString();
  std::string tables;
  for (const TableReference& table : checked->tables)
    tables += (tables.empty() ? "" : " ") + table.table;
  EXPECT_EQ(tables, GetParam().tables) << GetParam().sql;
}

constexpr GoodCase kGood[] = {
    {"SELECT 1", ""},
    {"SELECT 1;", ""},
    {"SELECT 1; -- done", ""},
    {"VALUES (1, 'a'), (2, 'b')", ""},
    {"FROM orders", "orders"},
    {"FROM orders SELECT customer, sum(amount) GROUP BY ALL ORDER BY ALL LIMIT 10", "orders"},
    {"SELECT * FROM Orders JOIN ORDERS AS o USING (id)", "Orders"},
    {"SELECT * FROM \"orders@3\" a, orders b WHERE a.id = b.id", "orders@3 orders"},
    {"SELECT * FROM 'orders'", "orders"},
    {"SELECT * FROM 订单 WHERE 金额 > 100 AND \"客户 名\" LIKE '张%'", "订单"},
    {"SELECT 客户, sum(金额) AS 合计 FROM 订单 GROUP BY 客户 HAVING 合计 > 5", "订单"},
    {"WITH a AS (SELECT * FROM orders), b AS (SELECT * FROM a) SELECT * FROM b, returns",
     "orders returns"},
    {"WITH orders AS (SELECT * FROM orders) SELECT * FROM orders", "orders"},
    {"WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT * FROM t",
     ""},
    {"WITH a AS MATERIALIZED (FROM orders) SELECT * FROM a", "orders"},
    {"SELECT * FROM (WITH x AS (SELECT 1) SELECT * FROM x) y, x", "x"},
    {"SELECT row_number() OVER (PARTITION BY customer ORDER BY day DESC) AS r FROM orders QUALIFY "
     "r = 1",
     "orders"},
    {"SELECT lag(x, 1) OVER w, lead(x) OVER w, ntile(4) OVER w FROM orders WINDOW w AS (ORDER BY "
     "x)",
     "orders"},
    {"SELECT sum(x) OVER (ORDER BY t RANGE BETWEEN INTERVAL 7 DAY PRECEDING AND CURRENT ROW) FROM "
     "orders",
     "orders"},
    {"SELECT * FROM (PIVOT orders ON month IN (1, 2, 3) USING sum(amount) GROUP BY customer)",
     "orders"},
    {"SELECT * FROM orders PIVOT (sum(amount) FOR month IN (1, 2))", "orders"},
    {"UNPIVOT orders ON jan, feb INTO NAME month VALUE amount", "orders"},
    {"SELECT * FROM a POSITIONAL JOIN b", "a b"},
    {"SELECT * FROM a ASOF JOIN b ON a.k = b.k AND a.t >= b.t", "a b"},
    {"SELECT * FROM a SEMI JOIN b USING (k)", "a b"},
    {"SELECT * FROM a ANTI JOIN b USING (k)", "a b"},
    {"SELECT * FROM a NATURAL LEFT JOIN b FULL JOIN c ON true CROSS JOIN d", "a b c d"},
    {"SELECT * FROM a, LATERAL (SELECT max(x) FROM b WHERE b.k = a.k)", "a b"},
    {"SELECT * FROM a WHERE k IN (SELECT k FROM b) AND EXISTS (FROM c WHERE c.k = a.k)", "a b c"},
    {"SELECT (SELECT max(x) FROM b) FROM a", "a b"},
    {"SELECT * FROM a UNION ALL BY NAME SELECT * FROM b", "a b"},
    {"SELECT * FROM a INTERSECT SELECT * FROM b EXCEPT SELECT * FROM c", "a b c"},
    {"SELECT COLUMNS(*) FROM a", "a"},
    {"SELECT COLUMNS('amount_.*') FROM a", "a"},
    {"SELECT COLUMNS(c -> c LIKE 'x%') FROM a", "a"},
    {"SELECT * EXCLUDE (x) REPLACE (y * 2 AS y) RENAME (z AS w) FROM a", "a"},
    {"SELECT [x * 2 FOR x IN [1, 2, 3] IF x > 1]", ""},
    {"SELECT list_filter(tags, lambda t: t LIKE 'a%'), list_sum(xs), tags[1], tags[1:2] FROM a",
     "a"},
    {"SELECT {'a': 1, 'b': [1]}.a, MAP {'k': 1}['k'], struct_pack(x := 1)", ""},
    {"SELECT unnest([1, 2]), unnest(tags) FROM a", "a"},
    {"SELECT * FROM range(10) t(i), generate_series(1, 3) s(j), unnest([1, 2]) u(k)", ""},
    {"SELECT * FROM generate_series(DATE '2024-01-01', DATE '2024-12-31', INTERVAL 1 MONTH)", ""},
    {"SELECT CASE x WHEN 1 THEN 'a' ELSE 'b' END, coalesce(x, 0), nullif(x, 0), ifnull(x, 1), if(x "
     "> 1, 2, 3) FROM a",
     "a"},
    {"SELECT x::INTEGER, CAST(x AS DECIMAL(18, 2)), TRY_CAST(x AS DATE), x::VARCHAR[] FROM a", "a"},
    {"SELECT date_trunc('month', t), extract(year FROM t), t AT TIME ZONE 'Asia/Shanghai', t + "
     "INTERVAL 1 DAY, "
     "strftime(t, '%Y'), now(), current_date, age(t) FROM a",
     "a"},
    {"SELECT count(*), count(DISTINCT x), sum(x) FILTER (WHERE x > 0), string_agg(y, ',' ORDER BY "
     "y), "
     "quantile_cont(x, 0.5), mode(x), arg_max(y, x), approx_count_distinct(x), list(x), "
     "histogram(x), "
     "stddev(x), corr(x, z), median(x), first(x), any_value(x), regr_slope(x, z) FROM a",
     "a"},
    {"SELECT x FROM a GROUP BY GROUPING SETS ((x), ()), ROLLUP (y), CUBE (z)", "a"},
    {"SELECT grouping(x), x FROM a GROUP BY CUBE (x)", "a"},
    {"SELECT regexp_replace(x, '[0-9]+', '#', 'g'), x SIMILAR TO 'a.*', x ILIKE 'b%', x ~ 'c', x "
     "GLOB 'd*' FROM a",
     "a"},
    {"SELECT j->'$.a', j->>'b', json_extract(j, '$.c'), json_array_length(j) FROM a", "a"},
    {"SELECT x COLLATE NOCASE FROM a ORDER BY y COLLATE zh", "a"},
    {"SELECT * FROM a TABLESAMPLE 10% (bernoulli)", "a"},
    {"SELECT * FROM a USING SAMPLE 100 ROWS", "a"},
    {"SELECT DISTINCT ON (k) k, x FROM a ORDER BY k, x DESC NULLS LAST LIMIT 10 OFFSET 5", "a"},
    {"SELECT * FROM a LIMIT 10%", "a"},
    {"SELECT #1 FROM a ORDER BY 1", "a"},
    {"SELECT x BETWEEN 1 AND 2, x NOT IN (1, 2), x IS NULL, x IS DISTINCT FROM y, NOT b, x // 2, x "
     "% 2, x ** 2, "
     "-x, x || 'a', b AND c OR d, x << 1, ~x, x @> y FROM a",
     "a"},
    {"SELECT 'a', E'\\n', $$it's$$, x'00', 1e10, 1_000, TRUE, NULL", ""},
    {"SELECT TIMESTAMP '2024-01-01 00:00', DATE '2024-01-01', TIME '10:00', INTERVAL '1' DAY", ""},
    {"SUMMARIZE orders", "orders"},
    {"DESCRIBE orders", "orders"},
    {"DESCRIBE SELECT * FROM orders", "orders"},
    {"SELECT * FROM (DESCRIBE orders)", "orders"},
    {"SELECT trim(BOTH 'x' FROM y), position('a' IN y), substring(y FROM 2 FOR 3), overlay FROM a",
     "a"},
    {"SELECT array_cosine_similarity([1, 2]::FLOAT[2], [2, 3]::FLOAT[2]), levenshtein(x, y), "
     "md5(x), hash(x) FROM a",
     "a"},
    {"SELECT uuid(), random(), typeof(x), printf('%d', 1), format('{}', 2) FROM a", "a"},
    {"TABLE orders", "orders"},
    {"((SELECT * FROM orders))", "orders"},
    {"SELECT ';', '--', '/*' FROM orders -- ; DROP", "orders"},
    {"SELECT x AS \"select\", \"from\" FROM \"group by\"", "group by"},
};
INSTANTIATE_TEST_SUITE_P(, Legitimate, testing::ValuesIn(kGood),
                         [](const auto& info) { return fmt::format("Case{}", info.index); });

struct NameCase {
  std::string_view table, dataset;
  std::optional<std::int64_t> version;
};
TEST(ParseTableName, SplitsTheVersion) {
  for (const NameCase& c :
       std::initializer_list<NameCase>{{"orders", "orders", {}},
                                       {"orders@3", "orders", 3},
                                       {"订单@0", "订单", 0},
                                       {"a@b@12", "a@b", 12},
                                       {"a@b", "a@b", {}},
                                       {"a@", "a@", {}},
                                       {"@1", "@1", {}},
                                       {"a@-1", "a@-1", {}},
                                       {"a@99999999999999999999", "a@99999999999999999999", {}}}) {
    const TableReference reference = ParseTableName(c.table);
    EXPECT_EQ(reference.table, c.table);
    EXPECT_EQ(reference.dataset, c.dataset);
    EXPECT_EQ(reference.version, c.version);
  }
}

// Every function of this DuckDB was looked at: an upgrade that brings new ones fails here.
TEST(FunctionLists, HoldEveryFunctionOfThisDuckDb) {
  auto rows = Parser().Query(
      "SELECT DISTINCT function_name FROM duckdb_functions() "
      "WHERE function_type IN ('scalar', 'aggregate', 'macro') ORDER BY 1");
  ASSERT_TRUE(rows);
  std::size_t count = 0;
  for (auto batch = (*rows)->Next(); batch && *batch; batch = (*rows)->Next()) {
    for (std::size_t i = 0; i < (*batch)->num_rows(); ++i, ++count) {
      const std::string_view name = (*batch)->column(0).Bytes(i);
      EXPECT_NE(IsAllowedFunction(name), IsDeniedFunction(name)) << name;
    }
  }
  EXPECT_GT(count, 700U);
  EXPECT_FALSE(IsAllowedFunction(""));
  EXPECT_FALSE(IsAllowedFunction("sum avg"));
}

TEST(RegisteredFunctions, MayBeCalled) {
  SqlFunctionRegistry functions("SQL function");
  functions.Add({.name = "predict"});
  EXPECT_FALSE(CheckUserSql(Parser(), "SELECT predict('churn', x) FROM a"));
  EXPECT_TRUE(CheckUserSql(Parser(), "SELECT Predict('churn', x) FROM a", &functions));
}

TEST(CheckUserSql, NamesTheNearestFunction) {
  const auto checked = CheckUserSql(Parser(), "SELECT row_numbr() OVER () FROM a");
  ASSERT_FALSE(checked);
  EXPECT_EQ(Render(checked.error().hint, Language::kEnglish), "did you mean 'row_number'?");
}

}  // namespace
}  // namespace aimass
