"""Datasets on their way back into databases: all rows at once, once, and as they were sent, or none."""

import decimal
import threading
import time

import pytest

import mysql_proxy
import postgres_proxy
from collecting import rows_of
from harness import MariaDb, Postgres, wait_for_job
from sending import dataset_of, start, table_name, text_of, until_running, write

ROWS = 30_000


class MariaDbShop:
    kind = "mysql"
    proxy = mysql_proxy.Proxy

    def __init__(self, home):
        self.server = MariaDb(home)
        self.server.start()
        self.server.run("CREATE DATABASE shop", "CREATE USER writer@'127.0.0.1' IDENTIFIED BY 'p'",
                        "CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'p'", "GRANT SELECT ON shop.* TO reader@'127.0.0.1'",
                        "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, CREATE TEMPORARY TABLES ON shop.* TO writer@'127.0.0.1'")

    def run(self, *statements):
        return [list(row) for row in self.server.run(*statements, database="shop")]

    def log(self):
        return self.server.queries()


class PostgresShop:
    kind = "postgres"
    proxy = postgres_proxy.Proxy

    def __init__(self, home):
        self.server = Postgres(home)
        self.server.start()
        self.server.run("CREATE DATABASE shop")
        self.run("CREATE ROLE writer LOGIN", "CREATE ROLE reader LOGIN", "GRANT USAGE, CREATE ON SCHEMA public TO writer",
                 "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO writer",
                 "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO reader",
                 "ALTER SYSTEM SET log_statement = 'all'", "SELECT pg_reload_conf()")

    def run(self, *statements):
        for sql in statements:
            out = self.server.run(sql, "shop")
        return [[None if cell == "" else cell for cell in line.split("|")] for line in out.splitlines()]

    def log(self):
        return self.server.log()


@pytest.fixture(scope="module", params=[MariaDbShop, PostgresShop], ids=["mariadb", "postgres"])
def shop(request, tmp_path_factory):
    shop = request.param(tmp_path_factory.mktemp("shop"))
    yield shop
    shop.server.remove()


def add_source(client, shop, name, user="writer", port=None, **settings):
    answer = client.post("/api/v1/sources", json={"name": name, "kind": shop.kind, "settings": {
        "host": "127.0.0.1", "port": port or shop.server.port, "user": user, "password": "p", "database": "shop",
        "tls": "off", "writable": True} | settings})
    assert answer.status_code == 201, answer.text
    return name


@pytest.fixture(scope="module")
def source(client, shop):
    return add_source(client, shop, f"{shop.kind}-shop")


@pytest.fixture
def dataset(client):
    return lambda sql: dataset_of(client, sql)


def test_every_type_comes_back_as_it_was_sent(client, shop, source, dataset):
    name = dataset("""
        SELECT CAST(i AS TINYINT) AS small, CAST(i * 1000000007 AS BIGINT) AS big, i % 2 = 0 AS flag,
               CAST(i * 0.37 AS DECIMAL(12,2)) AS amount, CAST(i / 7.0 AS DOUBLE) AS score, CAST(i / 7.0 AS FLOAT) AS rough,
               DATE '2026-01-01' + CAST(i AS INTEGER) AS day, TIMESTAMP '2026-01-01 08:00:00.000001' + INTERVAL (i) HOUR AS at,
               CASE i WHEN 1 THEN '' WHEN 2 THEN NULL WHEN 3 THEN 'it''s \\ "x"' || chr(9) || chr(10) || chr(13) || '\\N'
                      WHEN 4 THEN '订单 🛒' ELSE repeat('长', 1000) END AS note,
               CASE WHEN i > 1 THEN unhex('00ff5c27') END AS bytes
        FROM range(9) t(i)""")
    table = table_name()
    job = write(client, source, name, table)
    assert job["state"] == "succeeded" and job["output"] == {"rows": 9, "table": table, "created": True}, job
    answer = client.post("/api/v1/datasets", json={"name": f"{name}-back", "source": source, "table": table})
    assert wait_for_job(client, answer.json()["job"]["id"])["state"] == "succeeded"
    columns = "small, big, CAST(flag AS TINYINT), amount, score, CAST(rough AS FLOAT), day, \"at\", note, bytes"
    assert rows_of(client, f'SELECT {columns} FROM "{name}-back" ORDER BY small') == rows_of(
        client, f"SELECT {columns} FROM {name} ORDER BY small")


@pytest.mark.parametrize("sql, native, words", [
    ("SELECT 1 AS id, 1.239 AS v", "DECIMAL(12,2)", "'1.239' cannot be decimal(12,2) without a change"),
    ("SELECT 1 AS id, 3000000000 AS v", "INT", "'3000000000' cannot be integer without a change"),
    ("SELECT 1 AS id, '12 pieces' AS v", "INT", "'12 pieces' cannot be integer without a change"),
    ("SELECT 1 AS id, TIMESTAMP '2026-01-01 08:00:00' AS v", "DATE", "cannot be date without a change"),
    ("SELECT 1 AS id, repeat('x', 9) AS v", "VARCHAR(8)", ""),  # the database's own words
    ("SELECT 1 AS id, CAST(NULL AS INT) AS v", "INT NOT NULL", ""),
    ("SELECT 1 AS id, TIMESTAMP '2026-01-01 08:00:00.5' AS v", "TIMESTAMP(0)", "keeps other values than were sent"),
    ("SELECT 1 AS id, [1, 2] AS v", "TEXT", "no column of the database holds 'v'"),
    ("SELECT 1 AS id, 2 AS w", "INT", "has no column 'w'"),
])
def test_what_does_not_fit_is_named_and_changes_nothing(client, shop, source, dataset, sql, native, words):
    table = table_name()
    shop.run(f"CREATE TABLE {table} (id INT PRIMARY KEY, v {native})")
    for mode in ("append", "replace"):
        job = write(client, source, dataset(sql), table, mode=mode)
        assert job["state"] == "failed" and words in text_of(job), job
        assert job["error"]["code"] == "unprocessable", job
        assert shop.run(f"SELECT * FROM {table}") == []


def test_replace_shows_the_old_rows_until_the_new_ones_are_there(client, shop, source, dataset):
    table = table_name()
    shop.run(f"CREATE TABLE {table} (id INT PRIMARY KEY, note VARCHAR(50))", f"INSERT INTO {table} VALUES (-1, 'old')")
    new = dataset(f"SELECT CAST(i AS INT) AS id, 'n' || i AS note FROM range({ROWS}) t(i)")
    seen, stop = set(), threading.Event()

    def look():
        while not stop.is_set():
            seen.add(int(shop.run(f"SELECT COUNT(*) FROM {table}")[0][0]))

    looker = threading.Thread(target=look)
    looker.start()
    try:
        job = write(client, source, new, table, mode="replace")
    finally:
        stop.set()
        looker.join()
    assert job["state"] == "succeeded", job
    assert seen <= {1, ROWS}, seen
    assert int(shop.run(f"SELECT COUNT(*) FROM {table} WHERE id >= 0")[0][0]) == ROWS


def test_upsert_needs_a_key_that_tells_rows_apart(client, shop, source, dataset):
    table = table_name()
    shop.run(f"CREATE TABLE {table} (id INT NOT NULL, name VARCHAR(20), v INT, UNIQUE (name))",
             f"INSERT INTO {table} VALUES (1, 'a', 1), (2, 'b', 2)")
    good = dataset("SELECT 9 AS id, 'a' AS name, 5 AS v UNION ALL SELECT 3, 'c', 6")
    job = write(client, source, good, table, mode="upsert")
    assert job["state"] == "failed" and "has no primary key" in text_of(job), job
    job = write(client, source, good, table, mode="upsert", key=["id"])
    assert job["state"] == "failed" and "unique index of exactly these columns: id" in text_of(job), job
    assert "let an administrator of the database run" in text_of(job)
    job = write(client, source, good, table, mode="upsert", key=["none"])
    assert job["state"] == "failed" and "no column 'none'" in text_of(job), job
    for bad in ("SELECT 'a' AS name, 1 AS id, 1 AS v UNION ALL SELECT 'a', 2, 2", "SELECT CAST(NULL AS VARCHAR) AS name, 1 AS id, 1 AS v"):
        job = write(client, source, dataset(bad), table, mode="upsert", key=["name"])
        assert job["state"] == "failed" and "is empty or comes twice" in text_of(job), job
    assert len(shop.run(f"SELECT * FROM {table}")) == 2
    for _ in range(2):  # the same again changes nothing more
        job = write(client, source, good, table, mode="upsert", key=["name"])
        assert job["state"] == "succeeded", job
        rows = shop.run(f"SELECT id, name, v FROM {table} ORDER BY name")
        assert [[int(i), n, int(v)] for i, n, v in rows] == [[9, "a", 5], [2, "b", 2], [3, "c", 6]]


def test_a_row_that_another_index_takes_for_the_same_is_no_update(client, shop, source, dataset):
    table = table_name()
    shop.run(f"CREATE TABLE {table} (id INT PRIMARY KEY, mail VARCHAR(20) UNIQUE)", f"INSERT INTO {table} VALUES (1, 'a@x')")
    job = write(client, source, dataset("SELECT 2 AS id, 'a@x' AS mail"), table, mode="upsert")
    assert job["state"] == "failed" and "uplicate" in text_of(job), job
    assert [[int(i), m] for i, m in shop.run(f"SELECT * FROM {table}")] == [[1, "a@x"]]


def test_columns_that_are_not_sent_get_their_default_or_stay(client, shop, source, dataset):
    table = table_name()
    shop.run(f"CREATE TABLE {table} (id INT PRIMARY KEY, score DOUBLE PRECISION, owner VARCHAR(20) DEFAULT 'nobody')",
             f"INSERT INTO {table} VALUES (1, 0, 'somebody')")
    scores = dataset("SELECT 1 AS id, 0.5::DOUBLE AS score UNION ALL SELECT 2, 0.25::DOUBLE")
    assert write(client, source, scores, table, mode="upsert")["state"] == "succeeded"
    rows = shop.run(f"SELECT id, score, owner FROM {table} ORDER BY id")
    assert [[int(i), float(s), o] for i, s, o in rows] == [[1, 0.5, "somebody"], [2, 0.25, "nobody"]]


@pytest.mark.parametrize("how, words", [("drop", "missing"), ("double", "doubled"), (("alter", b"row-0041x"), "changed")])
def test_a_row_that_is_not_kept_as_it_was_sent_is_named(client, shop, dataset, how, words):
    """The proxy damages what the database gives back: nobody can know which way it was damaged."""
    table = table_name()
    shop.run(f"CREATE TABLE {table} (id INT PRIMARY KEY, note VARCHAR(50))")
    rows = dataset("SELECT CAST(i AS INT) AS id, printf('row-%05d', i) AS note FROM range(1000) t(i)")
    proxy = shop.proxy(shop.server.port, b"row-00417", how)
    name = add_source(client, shop, f"damaged-{table}", port=proxy.port)
    job = write(client, name, rows, table, mode="replace")
    proxy.close()
    assert proxy.done and job["state"] == "failed" and "keeps other values than were sent" in text_of(job), job
    assert shop.run(f"SELECT * FROM {table}") == []


def test_a_connection_that_breaks_is_tried_again(client, shop, dataset):
    table = table_name()
    rows = dataset("SELECT CAST(i AS INT) AS id, repeat('x', 200) AS note FROM range(5000) t(i)")
    proxy = shop.proxy(shop.server.port)
    proxy.cut_after = 200_000  # while the rows are read back
    name = add_source(client, shop, f"shaky-{table}", port=proxy.port)
    job_id = start(client, name, rows, table)
    deadline = time.monotonic() + 60
    while proxy.connections < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    proxy.cut_after = None
    job = wait_for_job(client, job_id)
    proxy.close()
    assert job["state"] == "succeeded", job
    assert int(shop.run(f"SELECT COUNT(*) FROM {table}")[0][0]) == 5000


def test_rows_are_appended_once_whatever_is_killed(shop, start_server, tmp_path):
    server = start_server(tmp_path / "data")
    client = server.client()
    source = add_source(client, shop, "shop")
    answer = client.post("/api/v1/datasets", json={"name": "rows", "sql": f"SELECT i AS id, 'n' || i AS note FROM range({ROWS}) t(i)"})
    assert wait_for_job(client, answer.json()["job"]["id"])["state"] == "succeeded"
    for kill in range(4):
        table = table_name()
        job = start(client, source, "rows", table)
        until_running(client, job)
        time.sleep(0.15 * kill)
        server.kill()
        server = start_server(tmp_path / "data")
        client = server.client()
        assert wait_for_job(client, job)["state"] == "succeeded"
        counted = shop.run(f"SELECT COUNT(*), COUNT(DISTINCT id) FROM {table}")[0]
        assert [int(n) for n in counted] == [ROWS, ROWS], kill


def test_a_job_that_died_behind_its_commit_appends_nothing_more(shop, start_server, tmp_path):
    """The database has the rows and the note of them; the job process never said so."""
    server = start_server(tmp_path / "data")
    client = server.client()
    source = add_source(client, shop, "shop")
    table = table_name()
    shop.run(f"CREATE TABLE {table} (id INT)")
    answer = client.post("/api/v1/datasets", json={"name": "rows", "sql": f"SELECT CAST(i AS INT) AS id FROM range({ROWS}) t(i)"})
    assert wait_for_job(client, answer.json()["job"]["id"])["state"] == "succeeded"
    job = start(client, source, "rows", table)
    until_running(client, job)
    server.kill()  # its jobs end with it
    if int(shop.run(f"SELECT COUNT(*) FROM {table}")[0][0]) == 0:  # as if it had come to its commit
        shop.run(f"INSERT INTO {table} VALUES (1)", "CREATE TABLE IF NOT EXISTS aimass_deliveries "
                 "(id VARCHAR(64) PRIMARY KEY, delivered_at TIMESTAMP NOT NULL)",
                 f"INSERT INTO aimass_deliveries VALUES ('{job}', CURRENT_TIMESTAMP)")
    before = shop.run(f"SELECT COUNT(*) FROM {table}")
    server = start_server(tmp_path / "data")
    client = server.client()
    assert wait_for_job(client, job)["state"] == "succeeded"
    assert shop.run(f"SELECT COUNT(*) FROM {table}") == before


def test_who_may_not_write_is_told_what_is_missing(client, shop, dataset):
    table = table_name()
    shop.run(f"CREATE TABLE {table} (id INT PRIMARY KEY)")
    rows = dataset("SELECT 1 AS id")
    closed = add_source(client, shop, f"closed-{table}", writable=False)
    answer = client.post(f"/api/v1/sources/{closed}/write", json={"dataset": rows, "table": table})
    assert answer.status_code == 403 and "may only be read" in answer.text and "writable=true" in answer.text
    reader = add_source(client, shop, f"reader-{table}", user="reader")
    for mode in ("append", "upsert", "replace"):
        job = write(client, reader, rows, table, mode=mode)
        assert job["state"] == "failed" and job["error"]["code"] == "permission_denied", job
        assert "GRANT" in text_of(job) or "CREATE TABLE" in text_of(job), job
    assert shop.run(f"SELECT * FROM {table}") == []


def test_a_wrong_request_is_refused(client, shop, source, dataset):
    rows = dataset("SELECT 1 AS id")
    for body, status, words in (
            ({"dataset": "none", "table": "t"}, 404, "none"), ({"dataset": rows, "table": ""}, 422, "name it"),
            ({"dataset": rows, "table": "t", "mode": "insert"}, 422, "append, upsert or replace"),
            ({"dataset": rows, "table": "t", "key": ["id"]}, 422, "goes with mode upsert"),
            ({"dataset": rows, "table": "t", "mode": "upsert", "key": [1]}, 422, "list of column names"),
            ({"dataset": rows, "table": "t", "tabel": 1}, 422, "tabel")):
        answer = client.post(f"/api/v1/sources/{source}/write", json=body)
        assert answer.status_code == status and words in answer.text, answer.text
    assert client.post("/api/v1/sources/none/write", json={"dataset": rows, "table": "t"}).status_code == 404


def test_a_cancelled_job_leaves_nothing(client, shop, source, dataset):
    table = table_name()
    shop.run(f"CREATE TABLE {table} (id INT, note TEXT)")
    rows = dataset("SELECT CAST(i AS INT) AS id, repeat('x', 500) AS note FROM range(300000) t(i)")
    job = start(client, source, rows, table)
    until_running(client, job)
    time.sleep(0.3)
    assert client.post(f"/api/v1/jobs/{job}/cancel").status_code in (200, 202)
    assert wait_for_job(client, job)["state"] == "cancelled"
    assert int(shop.run(f"SELECT COUNT(*) FROM {table}")[0][0]) == 0


def test_the_command_line(client, server, shop, source, dataset, aimass):
    table = table_name()
    rows = dataset("SELECT CAST(i AS INT) AS id, CAST(i * 1.5 AS DECIMAL(8,2)) AS score FROM range(3) t(i)")
    out = aimass("sources", "write", source, table, "--dataset", rows, "--mode", "upsert", "--key", "id").out
    assert f"3 rows of {rows} are in table {table} of {source}" in out, out
    found = shop.run(f"SELECT id, score FROM {table} ORDER BY id")
    assert [[int(i), decimal.Decimal(s)] for i, s in found] == [[0, decimal.Decimal("0")], [1, decimal.Decimal("1.5")],
                                                               [2, decimal.Decimal("3")]]
