"""SQL over HTTP: answers, Arrow streams, limits, cancel, and what is refused."""

import json
import socket
import threading
import time

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ARROW = "application/vnd.apache.arrow.stream"

# One expression per type; `i` is the row. A third of the rows are null.
EXPRESSIONS = [
    "true", "(-128)::TINYINT", "1::SMALLINT", "42", "9000000000000000000 + i", "255::UTINYINT", "1::USMALLINT",
    "1::UINTEGER", "18446744073709551615::UBIGINT", "0.1::FLOAT", "1e300::DOUBLE", "1.50::DECIMAL(9,2)",
    "'99999999999999999999999999999999999.999'::DECIMAL(38,3)", "'中文' || i", r"'\xFFa'::BLOB",
    "DATE '2024-02-29'", "TIME '23:59:59.25'", "TIMESTAMP '1969-12-31 23:59:59.999999'",
    "TIMESTAMPTZ '2024-01-01 08:00:00+08'", "[i, NULL, 3]", "[[i], [], NULL]", "{'a': i, '名': 'x' || i}",
    "MAP {'k' || i: [1.5]}", "{'l': [{'z': i}]}", "''",
]
EVERY_TYPE = "SELECT i, " + ", ".join(
    f"CASE WHEN i % 3 = 0 THEN NULL ELSE {e} END AS c{n}" for n, e in enumerate(EXPRESSIONS)
) + " FROM range(ROWS) t(i)"


def ask(client, query, **body):
    return client.post("/api/v1/sql", json={"query": query, **body})


def rows(client, query, **body):
    answer = ask(client, query, **body)
    assert answer.status_code == 200, answer.text
    return answer.json()["rows"]


def problem(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    return answer.json()


@pytest.fixture(scope="module")
def orders(aimass, tmp_path_factory):
    """Dataset `orders` with two versions, and `订单 明细`."""
    folder = tmp_path_factory.mktemp("files")
    first = folder / "first.csv"
    first.write_text("id,customer,amount\n" + "".join(f"{i},c{i % 7},{i}.5\n" for i in range(1000)))
    second = folder / "second.csv"
    second.write_text("id,customer,amount\n" + "".join(f"{i},c{i % 7},{i}.25\n" for i in range(1000, 1500)))
    chinese = folder / "明细.csv"
    chinese.write_text("编号,商品\n1,苹果\n2,梨\n")
    aimass("datasets", "import", "orders", first)
    aimass("datasets", "import", "orders", second, "--append")
    aimass("datasets", "import", "订单 明细", chinese)
    return "orders"


def test_answer_has_columns_rows_and_no_more(client):
    answer = ask(client, "SELECT 1 AS one, 'x' AS \"two words\", NULL AS three").json()
    assert answer == {
        "columns": [{"name": "one", "type": "integer"}, {"name": "two words", "type": "text"},
                    {"name": "three", "type": "integer"}],
        "rows": [[1, "x", None]],
        "truncated": False,
    }


def test_exact_values(client):
    assert rows(client, """
        SELECT 9007199254740991, 9007199254740992, 0.1::DECIMAL(3,2), sum(i)::HUGEINT, 'nan'::DOUBLE,
               '-inf'::DOUBLE, TIMESTAMP '2024-01-01 10:00:00', TIMESTAMPTZ '2024-01-01 10:00:00+08', DATE '2024-01-01',
               [1, NULL], {'a': 1}, MAP {1: 'x'}, 'é"\\'
        FROM range(10) t(i)""") == [[
        9007199254740991, "9007199254740992", "0.10", 45, "NaN", "-Infinity", "2024-01-01T10:00:00",
        "2024-01-01T02:00:00Z", "2024-01-01", [1, None], {"a": 1}, [{"key": 1, "value": "x"}], 'é"\\']]


def test_bytes_are_found_whatever_they_are(client, aimass, tmp_path):
    """DuckDB 1.5 misses them where a file has Bloom filters: it looks for how they are printed."""
    values = [b"\x00\xff", b"\xff", b"a\x00", b"ab", "é".encode()]
    pq.write_table(pa.table({"n": list(range(5)), "b": values}), tmp_path / "bytes.parquet")
    aimass("datasets", "import", "bytes", tmp_path / "bytes.parquet")
    for value in values:
        literal = "".join(f"\\x{byte:02X}" for byte in value)
        assert rows(client, f"SELECT count(*) FROM bytes WHERE b = '{literal}'::blob") == [[1]], value
    assert rows(client, "SELECT count(*) FROM bytes s WHERE EXISTS (SELECT 1 FROM bytes a WHERE a.n = s.n AND a.b = s.b AND a.n = 0) "
                        "OR EXISTS (SELECT 1 FROM bytes k WHERE k.n = s.n AND k.b = s.b)") == [[5]]


@pytest.mark.parametrize("n, limit, expected, truncated", [
    (10, 10, 10, False), (11, 10, 10, True), (5000, 4096, 4096, True), (0, 1, 0, False), (5000, None, 1000, True)])
def test_limit(client, n, limit, expected, truncated):
    answer = ask(client, f"SELECT i FROM range({n}) t(i)", **({"limit": limit} if limit else {})).json()
    assert [row[0] for row in answer["rows"]] == list(range(expected))
    assert answer["truncated"] is truncated


@pytest.mark.parametrize("body, word", [
    ({"limit": 0}, "limit"), ({"limit": 100001}, "limit"), ({"timeout_s": 0}, "timeout_s"),
    ({"timeout_s": 601}, "timeout_s"), ({"id": "a b"}, "id"), ({"id": ""}, "id"), ({"id": "x" * 65}, "id"),
    ({"limits": 5}, "limits")])
def test_bad_options_are_422(client, body, word):
    assert word in problem(ask(client, "SELECT 1", **body), 422)["detail"]


def test_malformed_requests(client):
    problem(client.post("/api/v1/sql", json={}), 400)
    problem(client.post("/api/v1/sql", json=[]), 400)
    problem(client.post("/api/v1/sql", json={"query": 5}), 400)
    problem(client.post("/api/v1/sql", content=b"{", headers={"Content-Type": "application/json"}), 400)
    problem(client.post("/api/v1/sql", content=b"x", headers={"Content-Type": "text/plain"}), 415)
    problem(client.post("/api/v1/sql", json={"query": "SELECT 1"}, headers={"Authorization": "Bearer no"}), 401)


@pytest.mark.parametrize("count", [0, 1, 5000])
def test_arrow_stream_equals_duckdb(client, count):
    query = EVERY_TYPE.replace("ROWS", str(count))
    answer = client.post("/api/v1/sql", json={"query": query}, headers={"Accept": ARROW})
    assert answer.status_code == 200 and answer.headers["content-type"] == ARROW
    table = pa.ipc.open_stream(answer.content).read_all()
    table.validate(full=True)
    own = duckdb.connect()
    own.execute("SET TimeZone = 'UTC'")
    expected = own.execute(query).to_arrow_table()
    assert table.column_names == expected.column_names
    assert table.to_pylist() == expected.to_pylist()


def test_arrow_stream_is_cut_at_the_limit(client):
    answer = client.post("/api/v1/sql", json={"query": "SELECT i, [i] AS l FROM range(10000) t(i)", "limit": 2500},
                         headers={"Accept": ARROW})
    table = pa.ipc.open_stream(answer.content).read_all()
    table.validate(full=True)
    assert table.column("i").to_pylist() == list(range(2500))


def test_arrow_streams_while_it_is_made(client):
    """The first rows of a result of 10^11 rows come at once; closing ends the query."""
    started = time.monotonic()
    with client.stream("POST", "/api/v1/sql", json={"query": "SELECT i FROM range(100000000000) t(i)"},
                       headers={"Accept": ARROW}) as answer:
        for piece in answer.iter_raw():
            assert piece
            break
    assert time.monotonic() - started < 10


def test_an_error_in_the_first_rows_has_its_status(client):
    answer = client.post("/api/v1/sql", json={"query": "SELECT 'x'::INTEGER"}, headers={"Accept": ARROW})
    assert problem(answer, 422)["detail"] == "'x' cannot be converted to INTEGER (line 1, column 11)"


def test_time_limit(client):
    started = time.monotonic()
    answer = ask(client, "SELECT sum(a.i * b.i) FROM range(10000000) a(i), range(10000000) b(i)", timeout_s=0.5)
    assert problem(answer, 504)["code"] == "timeout"
    assert time.monotonic() - started < 10


def test_cancel(client, server):
    answers = []

    def run():
        with server.client() as other:
            answers.append(ask(other, "SELECT sum(a.i * b.i) FROM range(10000000) a(i), range(10000000) b(i)",
                               id="slow.1"))

    thread = threading.Thread(target=run)
    thread.start()
    deadline = time.monotonic() + 20
    while client.post("/api/v1/sql/slow.1/cancel").status_code == 404:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    started = time.monotonic()
    thread.join(10)
    assert answers and time.monotonic() - started < 2
    assert problem(answers[0], 499)["code"] == "cancelled"
    problem(client.post("/api/v1/sql/slow.1/cancel"), 404)


def test_an_id_runs_once_at_a_time(client, server):
    def run():
        with server.client() as other:
            slow = "SELECT sum(a.i * b.i) FROM range(10000000) a(i), range(10000000) b(i)"
            while ask(other, slow, id="twice").status_code == 409:  # the quick one below was first
                pass

    thread = threading.Thread(target=run)
    thread.start()
    deadline = time.monotonic() + 20
    while (answer := ask(client, "SELECT 1", id="twice")).status_code != 409:
        assert answer.status_code == 200 and time.monotonic() < deadline
        time.sleep(0.05)
    assert client.post("/api/v1/sql/twice/cancel").json() == {"id": "twice", "state": "cancelled"}
    thread.join(10)
    assert ask(client, "SELECT 1", id="twice").status_code == 200


@pytest.mark.parametrize("accept", ["application/json", ARROW])
def test_a_client_that_leaves_ends_its_query(client, server, accept):
    identity = f"left-{len(accept)}"
    body = json.dumps({"query": "SELECT sum(a.i * b.i) FROM range(10000000) a(i), range(10000000) b(i)",
                       "timeout_s": 60, "id": identity}).encode()
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"POST /api/v1/sql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                           + f"Accept: {accept}\r\nAuthorization: Bearer {server.key}\r\n".encode()
                           + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        time.sleep(1)  # or the quick query below could take the id first
        deadline = time.monotonic() + 20
        while ask(client, "SELECT 1", id=identity).status_code != 409:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    deadline = time.monotonic() + 10
    while ask(client, "SELECT 1", id=identity).status_code == 409:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_memory_limit_is_429_and_the_server_lives(start_server, tmp_path):
    server = start_server(tmp_path / "data", env={"AIMASS_SQL_MEMORY_MB": "64"})
    with server.client() as client:
        answer = ask(client, "SELECT list(repeat('x', 1000) || i) FROM range(3000000) t(i)")
        assert problem(answer, 429)["code"] == "resource_exhausted"
        assert rows(client, "SELECT 1") == [[1]]


def test_datasets_are_tables(client, orders):
    assert rows(client, "SELECT count(*), sum(amount), min(id), max(id) FROM Orders") == [[1500, 1500 * 1499 / 2 + 625, 0, 1499]]
    assert rows(client, 'SELECT 商品 FROM "订单 明细" WHERE 编号 = 2') == [["梨"]]
    assert [row[0] for row in rows(client, "SELECT id FROM orders", limit=100000)] == list(range(1500))


def test_versions(client, orders):
    versions = [rows(client, f'SELECT count(*) FROM "orders@{v}"')[0][0] for v in range(20)
                if ask(client, f'SELECT 1 FROM "orders@{v}"').status_code == 200]
    assert versions[-1] == 1500 and 1000 in versions
    problem(ask(client, 'SELECT * FROM "orders@999"'), 404)


def test_names_that_do_not_exist(client, orders):
    table = problem(ask(client, "SELECT * FROM oders"), 404)
    assert "oders" in table["detail"] and "orders" in table["detail"] + table.get("hint", "")
    column = problem(ask(client, "SELECT amunt FROM orders"), 400)
    assert column["detail"] == "there is no column 'amunt' here (line 1, column 8)"
    assert column["hint"].startswith("the nearest: amount") and (column["line"], column["column"]) == (1, 8)
    chinese = client.post("/api/v1/sql", json={"query": "SELEC 1"}, headers={"Accept-Language": "zh"})
    assert "第 1 行" in problem(chinese, 400)["detail"]


@pytest.mark.parametrize("query", [
    "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM '/etc/passwd'", "FROM '{file}'",
    "SELECT * FROM read_parquet('{file}')", "ATTACH '{data}/metadata.db'", "COPY orders TO '{data}/x.csv'",
    "SELECT * FROM sqlite_scan('{data}/metadata.db', 'keys')", "SELECT * FROM duckdb_settings", "SHOW TABLES",
    "SELECT * FROM duckdb_views()", "SELECT current_setting('temp_directory')", "SELECT getenv('HOME')",
    "SET lock_configuration = false", "SELECT 1; SELECT 2", "CREATE TABLE x AS SELECT 1", "INSTALL httpfs",
    "SELECT * FROM information_schema.tables", "PRAGMA database_list", "EXPLAIN SELECT 1", "", ";", "--"])
def test_what_is_refused(client, server, orders, query):
    files = list(server.data.rglob("*.parquet"))
    assert files
    answer = ask(client, query.replace("{file}", str(files[0])).replace("{data}", str(server.data)))
    assert problem(answer, answer.status_code)["code"] in ("invalid_argument", "not_found")
    assert not (server.data / "x.csv").exists()


def test_cli(aimass, orders):
    assert aimass("sql", "SELECT 42 AS answer", "--json").json["rows"] == [[42]]
    assert "answer" in aimass("sql", "SELECT 42 AS answer").out
    refused = aimass("sql", "SELECT * FROM oders", check=False)
    assert refused.status == 1 and "oders" in refused.err
