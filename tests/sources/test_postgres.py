"""Data in PostgreSQL: reached, looked at, collected, and compared with what the server has."""

import decimal
import io
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pyarrow as pa
import pytest

from collecting import collect, rows_of
from harness import Postgres, free_port, wait_for_job
from postgres_proxy import Proxy

PASSWORD = "p'äss 密码 \\ 7"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A database with a user who may read it, and no more. Users other than postgres need their password."""
    server = Postgres(tmp_path_factory.mktemp("postgres"))
    rules = server.data / "pg_hba.conf"
    owner = rules.stat()
    rules.write_text("host all reader,nobody 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
    os.chown(rules, owner.st_uid, owner.st_gid)
    server.start()
    password = PASSWORD.replace("'", "''")
    server.run("CREATE DATABASE shop")
    server.run("CREATE DATABASE hidden")
    server.run(f"""
        CREATE ROLE reader LOGIN PASSWORD '{password}';
        CREATE ROLE nobody LOGIN PASSWORD '{password}';
        CREATE SCHEMA archive;
        GRANT USAGE ON SCHEMA archive TO reader;
        CREATE TABLE orders (id BIGINT PRIMARY KEY, customer VARCHAR(40) NOT NULL, amount NUMERIC(12,2), paid BOOL,
                             at TIMESTAMP);
        COMMENT ON COLUMN orders.customer IS '客户';
        COMMENT ON TABLE orders IS '订单';
        INSERT INTO orders SELECT i, 'row-' || lpad(i::text, 5, '0'),
               CASE WHEN i % 11 = 0 THEN NULL ELSE (i || '.' || lpad((i % 100)::text, 2, '0'))::numeric END,
               i % 2 = 1, '2026-11-22 08:30:00.25' FROM generate_series(0, 19999) i;
        CREATE VIEW paid_orders AS SELECT * FROM orders WHERE paid;
        CREATE MATERIALIZED VIEW big_orders AS SELECT * FROM orders WHERE amount > 19990;
        CREATE TABLE empty_table (id INT PRIMARY KEY);
        CREATE TABLE secret (id INT PRIMARY KEY);
        CREATE TABLE archive."orders.2025" ("列 ""名" INT, id INT, PRIMARY KEY (id, "列 ""名"));
        INSERT INTO archive."orders.2025" VALUES (7, 1);
        CREATE TABLE moves (day DATE NOT NULL, n INT) PARTITION BY RANGE (day);
        CREATE TABLE moves_2026 PARTITION OF moves FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
        INSERT INTO moves VALUES ('2026-05-01', 1), ('2026-06-01', 2);
        GRANT SELECT ON orders, paid_orders, big_orders, empty_table, moves, archive."orders.2025" TO reader;
        ANALYZE""", "shop")
    server.run("ALTER SYSTEM SET log_statement = 'all'")
    server.run("SELECT pg_reload_conf()")
    yield server
    server.remove()


def settings(server, **changes):
    return {"host": "127.0.0.1", "port": server.port, "user": "reader", "password": PASSWORD, "database": "shop"} | changes


def source(client, name, server, **changes):
    made = client.post("/api/v1/sources", json={"name": name, "kind": "postgres", "settings": settings(server, **changes)})
    assert made.status_code == 201, made.text
    return name


def statements(server) -> str:
    """The server's own log of every statement it got."""
    return server.log()


@pytest.fixture(scope="module")
def erp(client, shop):
    return source(client, "erp", shop)


def test_the_kinds_say_what_they_need(client):
    kinds = {kind["name"]: kind for kind in client.get("/api/v1/connectors").json()["items"]}
    fields = {field["name"]: field for field in kinds["postgres"]["fields"]}
    assert fields["password"]["kind"] == "secret" and fields["schema"]["default"] == "public"
    assert fields["port"]["default"] == "5432" and fields["database"]["required"]


def test_a_test_says_what_it_found(client, erp):
    answer = client.post("/api/v1/sources/erp/test", json={}).json()
    assert answer["ok"] is True, answer
    text = "\n".join(check["message"] for check in answer["checks"])
    assert "PostgreSQL 1" in text and "signed in as reader" in text and "6 tables" in text, text
    closed = next(check for check in answer["checks"] if "may not be read" in check["message"])
    assert closed["message"].endswith("secret") and 'GRANT SELECT ON ALL TABLES IN SCHEMA "public"' in closed["hint"]


@pytest.mark.parametrize("change, expected, hint", [
    ({"password": "wrong"}, "does not let 'reader' in", "check user and password"),
    ({"password": ""}, "asks for a password", "check user and password"),
    ({"user": "stranger"}, "does not let 'stranger' in", "check user and password"),
    ({"port": None}, "cannot connect to 127.0.0.1:", "check host and port"),
    ({"host": "no-such-host.invalid"}, "cannot connect to no-such-host.invalid", "check host and port"),
    ({"host": "/tmp"}, "'/tmp' is no name or address of a host", None),
    ({"database": "shoop"}, "shoop", None),
    ({"schema": "pubic"}, "no schema 'pubic'", "public"),
    ({"user": "nobody"}, "no table of the database 'shop' may be read", 'GRANT USAGE ON SCHEMA "public" TO "nobody"'),
    ({"tls": "on"}, "no encrypted connection", "set tls to off"),
    ({"tls": "verify"}, "no encrypted connection", "set tls to off"),
])
def test_a_test_names_what_is_wrong(client, shop, change, expected, hint):
    if "port" in change:
        change = {"port": free_port()}
    name = source(client, f"wrong-{time.monotonic_ns()}", shop, **change)
    answer = client.post(f"/api/v1/sources/{name}/test", json={}).json()
    assert answer["ok"] is False
    wrong = [check for check in answer["checks"] if not check["ok"]]
    assert expected in wrong[0]["message"], answer
    assert hint is None or hint in (wrong[0]["hint"] or ""), answer
    assert PASSWORD not in json.dumps(answer, ensure_ascii=False)
    chinese = client.post(f"/api/v1/sources/{name}/test", json={}, headers={"Accept-Language": "zh"}).json()
    assert any("\u4e00" <= c <= "\u9fff" for c in [w for w in chinese["checks"] if not w["ok"]][0]["message"])


def test_a_server_that_never_answers_is_given_up(client, shop):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        source(client, "mute", shop, port=mute.getsockname()[1])
        started = time.monotonic()
        answer = client.post("/api/v1/sources/mute/test", json={}).json()
        assert answer["ok"] is False and time.monotonic() - started < 20, answer


def test_tables_and_columns(client, erp):
    tables = {table["name"]: table for table in client.get("/api/v1/sources/erp/tables").json()["items"]}
    assert set(tables) == {"orders", "paid_orders", "big_orders", "empty_table", "moves", "archive.orders.2025"}
    assert tables["paid_orders"]["kind"] == tables["big_orders"]["kind"] == "view" and tables["orders"]["kind"] == "table"
    assert tables["orders"]["comment"] == "订单" and tables["orders"]["rows"] == 20000
    table = client.get("/api/v1/sources/erp/tables/orders?limit=2").json()
    assert [(c["name"], c["type"], c["native_type"], c["nullable"]) for c in table["columns"]] == [
        ("id", "bigint", "bigint", False), ("customer", "text", "character varying(40)", False),
        ("amount", "decimal(12,2)", "numeric(12,2)", True), ("paid", "boolean", "boolean", True),
        ("at", "timestamp", "timestamp without time zone", True)]
    assert table["key"] == ["id"] and table["columns"][1]["comment"] == "客户"
    assert table["rows"] == [[0, "row-00000", None, False, "2026-11-22T08:30:00.250"],
                             [1, "row-00001", "1.01", True, "2026-11-22T08:30:00.250"]]
    other = client.get("/api/v1/sources/erp/tables/archive.orders.2025").json()
    assert other["key"] == ["id", '列 "名'] and other["rows"] == [[7, 1]]
    missing = client.get("/api/v1/sources/erp/tables/ordres")
    assert missing.status_code == 404 and "did you mean 'orders'?" in missing.text
    assert client.get("/api/v1/sources/erp/tables/secret").status_code == 403


def test_a_table_is_collected_and_equals_the_source(client, erp, shop):
    job = collect(client, "orders", erp, table="orders")
    assert job["state"] == "succeeded", job
    assert rows_of(client, "SELECT count(*), sum(amount), count(DISTINCT customer) FROM orders") == [
        [20000, shop.run("SELECT SUM(amount) FROM orders", "shop"), 20000]]
    run, = client.get("/api/v1/datasets/orders/runs").json()["items"]
    assert run["reconciled"] is True and run["rows_read"] == run["rows_written"] == 20000 and run["difference"] == []
    # The server's own log: the table was read twice, on two connections, at one moment, by transactions that only read.
    log = statements(shop)
    copies = re.findall(r'\[(\d+)\] LOG:  execute <unnamed>: COPY \(SELECT "id", "customer", "amount", "paid", "at" FROM '
                        r'"public"\."orders"\) TO STDOUT', log)
    assert len(set(copies)) >= 2, log[-3000:]
    assert "SET TRANSACTION SNAPSHOT" in log and "ISOLATION LEVEL REPEATABLE READ READ ONLY" in log

    shop.run("INSERT INTO orders VALUES (20000,'new',1,false,NULL); UPDATE orders SET amount=5 WHERE id=3", "shop")
    again = client.post("/api/v1/datasets/orders/refresh", json={})
    assert wait_for_job(client, again.json()["job"]["id"])["state"] == "succeeded"
    assert rows_of(client, "SELECT id, amount FROM orders WHERE id IN (3, 20000) ORDER BY id") == [[3, "5.00"], [20000, "1.00"]]
    assert rows_of(client, 'SELECT count(*) FROM "orders@0"') == [[20000]]


@pytest.mark.parametrize("name, what, rows", [
    ("by-view", {"table": "paid_orders"}, 10000),
    ("by-partition", {"table": "moves"}, 2),
    ("by-schema", {"table": "archive.orders.2025"}, 1),
    ("by-query", {"query": "WITH x AS (SELECT id, amount * 2 AS twice FROM orders) SELECT * FROM x WHERE id < 50 -- few"}, 50),
])
def test_whatever_gives_rows_is_collected(client, erp, name, what, rows):
    job = collect(client, name, erp, **what)
    assert job["state"] == "succeeded", job
    assert rows_of(client, f'SELECT count(*) FROM "{name}"') == [[rows]]


@pytest.mark.parametrize("how, words", [
    ("drop", "missing"), ("double", "doubled"), (("alter", b"row-0041x"), "changed")])
def test_one_row_that_is_damaged_on_its_way_is_named(client, shop, how, words):
    proxy = Proxy(shop.port, b"row-00417", how)
    name = source(client, f"damaged-{words}", shop, port=proxy.port, tls="off")
    first = collect(client, name, name, query="SELECT * FROM orders WHERE id < 100")
    assert first["state"] == "succeeded" and not proxy.done, first
    job = collect(client, name, name, table="orders")
    proxy.close()
    assert proxy.done and proxy.connections >= 4
    assert job["state"] == "failed" and f'{{"id":417}} {words}' in json.dumps(job, ensure_ascii=False).replace('\\"', '"'), job
    red, green = client.get(f"/api/v1/datasets/{name}/runs").json()["items"]
    assert red["reconciled"] is False and {"key": '{"id":417}', "what": words} in red["difference"], red
    assert green["reconciled"] is True
    assert rows_of(client, f'SELECT count(*) FROM "{name}"') == [[100]]  # the dataset stays as it was


def test_no_rows_are_a_success_only_where_that_was_said(client, erp):
    job = collect(client, "nothing", erp, table="empty_table")
    assert job["state"] == "failed" and "the source gave no rows" in json.dumps(job)
    assert collect(client, "nothing", erp, table="empty_table", allow_empty=True)["state"] == "succeeded"
    assert rows_of(client, "SELECT count(*) FROM nothing") == [[0]]


@pytest.fixture(scope="module")
def types(shop):
    shop.run("CREATE EXTENSION hstore; CREATE TYPE size AS ENUM ('小', '大'); CREATE DOMAIN code AS VARCHAR(5);"
             "CREATE DOMAIN price AS NUMERIC(6,2)", "shop")
    shop.run("""
        CREATE TABLE types (id INT PRIMARY KEY, small SMALLINT, big BIGINT, number OID, money NUMERIC(38,10), free NUMERIC,
          vast NUMERIC(60,30), hundreds NUMERIC(3,-2), f REAL, d DOUBLE PRECISION, flag BOOL, name VARCHAR(100), note TEXT,
          fixed CHAR(4), raw BYTEA, day DATE, at TIMESTAMP, moment TIMESTAMPTZ, hour TIME, span INTERVAL, doc JSON, docb JSONB,
          uid UUID, numbers INT[], texts TEXT[], kind size, address INET, c code, p price, pairs HSTORE, bits BIT(4),
          "列 ""名" INT);
        INSERT INTO types VALUES (1, -32768, 9223372036854775807, 4294967295, -1234567890123456789012345678.0123456789,
          'NaN', 123456789012345678901234567890.123456789012345678901234567891, -12300, 0.1, -2.5e-300, true, '客户 😀 ''"\\',
          E'a\\nb', 'ab', '\\x00ff10', '9999-12-31', '2026-02-28 23:59:59.999', '2026-11-22 16:30:00.123456+08', '08:30:00.25',
          '1 year 2 mons 3 days 04:05:06', '{"a": [1, "二"]}', '{"b": 1.50}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
          '{1,NULL,3}', '{"a b","二"}', '大', '10.0.0.1/8', 'x', 12.5, '"k"=>"值"', '1010', -7);
        INSERT INTO types (id) VALUES (2);
        INSERT INTO types (id, name, note, raw, texts) VALUES (3, '', '', '', '{}');
        GRANT SELECT ON types TO reader""", "shop")


def test_types_come_through_exactly(client, erp, types):
    job = collect(client, "types", erp, table="types")
    assert job["state"] == "succeeded", job
    stream = client.post("/api/v1/sql", json={"query": "SELECT * FROM types ORDER BY id"},
                         headers={"Accept": "application/vnd.apache.arrow.stream"})
    table = pa.ipc.open_stream(io.BytesIO(stream.content)).read_all()
    text = dict.fromkeys(("free", "vast", "name", "note", "fixed", "hour", "span", "doc", "docb", "uid", "numbers", "texts",
                          "kind", "address", "c", "pairs", "bits"), "string")
    assert {field.name: str(field.type) for field in table.schema} == text | {
        "id": "int32", "small": "int16", "big": "int64", "number": "int64", "money": "decimal128(38, 10)",
        "hundreds": "decimal128(5, 0)", "f": "double", "d": "double", "flag": "bool", "raw": "binary", "day": "date32[day]",
        "at": "timestamp[us]", "moment": "timestamp[us, tz=UTC]", "p": "decimal128(6, 2)", '列 "名': "int32"}
    full, nulls, empties = table.to_pylist()
    assert all(value is None for name, value in nulls.items() if name != "id")
    assert empties["name"] == "" and empties["note"] == "" and empties["raw"] == b"" and empties["texts"] == "{}"
    assert full["small"] == -32768 and full["big"] == 9223372036854775807 and full["number"] == 4294967295
    assert full["money"] == decimal.Decimal("-1234567890123456789012345678.0123456789") and full["free"] == "NaN"
    assert full["vast"] == "123456789012345678901234567890.123456789012345678901234567891" and full["hundreds"] == -12300
    assert full["f"] == 0.10000000149011612 and full["d"] == -2.5e-300 and full["flag"] is True
    assert full["name"] == "客户 😀 '\"\\" and full["note"] == "a\nb" and full["fixed"] == "ab  "
    assert full["raw"] == b"\x00\xff\x10" and str(full["day"]) == "9999-12-31"
    assert str(full["at"]) == "2026-02-28 23:59:59.999000"
    assert full["moment"].isoformat() == "2026-11-22T08:30:00.123456+00:00" and full["hour"] == "08:30:00.25"
    assert full["span"] == "1 year 2 mons 3 days 04:05:06"
    assert full["doc"] == '{"a": [1, "二"]}' and full["docb"] == '{"b": 1.50}'
    assert full["uid"] == "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11" and full["numbers"] == "{1,NULL,3}"
    assert full["texts"] == '{"a b",二}' and full["kind"] == "大" and full["address"] == "10.0.0.1/8"
    assert full["c"] == "x" and full["p"] == decimal.Decimal("12.50") and full["pairs"] == '"k"=>"值"'
    assert full["bits"] == "1010" and full['列 "名'] == -7


def test_rows_that_are_none_are_set_aside_with_their_reason(client, erp, shop):
    shop.run("CREATE TABLE days (id INT PRIMARY KEY, day DATE, at TIMESTAMPTZ, n NUMERIC(6,2));"
             "INSERT INTO days VALUES (1,'2026-01-31','2026-01-31 10:00:00+00',1.5), (2,'infinity',NULL,NULL), "
             "(3,NULL,'0044-03-15 00:00:00+00 BC',2), (4,NULL,'-infinity',NULL), (5,NULL,NULL,'NaN'), (6,'20000-01-01',NULL,NULL);"
             "GRANT SELECT ON days TO reader", "shop")
    job = collect(client, "days", erp, table="days")
    assert job["state"] == "succeeded", job
    assert rows_of(client, "SELECT id, day, n FROM days") == [[1, "2026-01-31", "1.50"]]
    rejected = client.get("/api/v1/datasets/days/rejected").json()["items"]
    assert [(row["line"], row["reason"]) for row in rejected] == [
        (2, "column 'day': 'infinity' is not between the years 1 and 9999"),
        (3, "column 'at': '-000043-03-15T00:00:00' is not between the years 1 and 9999"),
        (4, "column 'at': '-infinity' is not between the years 1 and 9999"),
        (5, "column 'n': 'NaN' is no decimal(6,2)"),
        (6, "column 'day': '+020000-01-01' is not between the years 1 and 9999")]
    assert json.loads(rejected[1]["text"]) == {"id": "3", "day": None, "at": "-000043-03-15T00:00:00", "n": "2.00"}
    run, = client.get("/api/v1/datasets/days/runs").json()["items"]
    assert (run["rows_read"], run["rows_written"], run["rejected_rows"], run["reconciled"]) == (6, 1, 5, True)


def test_all_rows_are_of_one_moment(client, erp, shop):
    """While money moves between two accounts, no collection sees a sum that never was."""
    shop.run("CREATE TABLE accounts AS SELECT i AS id, 100 AS money, repeat('x', 150) AS note FROM generate_series(0, 29999) i;"
             "ALTER TABLE accounts ADD PRIMARY KEY (id); GRANT SELECT ON accounts TO reader", "shop")
    move = """DO $$ BEGIN FOR i IN 1..100000000 LOOP
              UPDATE accounts SET money = money - 1 WHERE id = i % 30000;
              UPDATE accounts SET money = money + 1 WHERE id = 29999 - i % 29999; COMMIT; END LOOP; END $$"""
    mover = subprocess.Popen([shop.programs / "psql", "-X", "-q", "-c", move, shop.address("shop")])
    try:
        for attempt in range(3):
            job = collect(client, f"accounts-{attempt}", erp, table="accounts")
            assert job["state"] == "succeeded", job
            assert rows_of(client, f'SELECT count(*), sum(money) FROM "accounts-{attempt}"') == [[30000, 3000000]]
        assert mover.poll() is None
        assert shop.run("SELECT count(*) > 10 FROM accounts WHERE money <> 100", "shop") == "t"
    finally:
        mover.kill()
        mover.wait()
        shop.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'DO %'")


@pytest.mark.parametrize("what, words", [
    ({"table": "ordres"}, "did you mean 'orders'?"),
    ({"query": "SELECT nothing FROM orders"}, "nothing"),
    ({"query": "DELETE FROM orders RETURNING *"}, "the database says"),
    ({"query": "WITH gone AS (DELETE FROM orders RETURNING *) SELECT * FROM gone"}, "the database says"),
    ({"query": "SELECT 1; DELETE FROM orders"}, "the database says"),
    ({"query": "SELECT 1) AS q; COMMIT; DELETE FROM orders; --"}, "the database says"),
    ({"query": "SELECT nextval('counter')"}, "read-only transaction"),
    ({"query": "SELECT set_config('transaction_read_only', 'off', false), erase()"}, "before any query"),
    ({"query": "SELECT erase()"}, "read-only transaction"),
    ({"table": "secret"}, "GRANT SELECT"),
    ({"query": "SELECT * FROM secret"}, "GRANT SELECT"),
])
def test_what_cannot_be_read_says_why(client, erp, shop, what, words):
    shop.run("CREATE SEQUENCE IF NOT EXISTS counter; GRANT ALL ON counter TO reader; CREATE OR REPLACE FUNCTION erase() "
             "RETURNS INT LANGUAGE sql SECURITY DEFINER AS 'WITH x AS (DELETE FROM orders RETURNING 1) SELECT count(*)::int FROM x'",
             "shop")
    job = collect(client, f"bad-{time.monotonic_ns()}", erp, **what)
    assert job["state"] == "failed" and words in json.dumps(job, ensure_ascii=False), job
    assert shop.run("SELECT COUNT(*) > 19999 FROM orders", "shop") == "t"


def test_a_table_that_is_locked_ends_in_time(client, shop):
    """ALTER TABLE and DROP TABLE take the table for themselves: a collection waits for as long as was said."""
    source(client, "patient", shop, timeout_s=2)
    locker = subprocess.Popen([shop.programs / "psql", "-X", "-q", "-c", "BEGIN; LOCK TABLE orders; SELECT pg_sleep(30)",
                               shop.address("shop")])
    try:
        while shop.run("SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted", "shop") == "0":
            time.sleep(0.05)
        started = time.monotonic()
        job = collect(client, "locked", "patient", table="orders")
        assert job["state"] == "failed" and "lock timeout" in json.dumps(job), job
        assert time.monotonic() - started < 25
    finally:
        locker.kill()
        locker.wait()
        shop.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> "
                 "pg_backend_pid()")


def test_a_table_that_is_dropped_in_the_middle(client, shop):
    """The drop waits for the reader or the reader for the drop; either way it ends, and nothing false is published."""
    shop.run("CREATE TABLE gone AS SELECT i AS id, repeat('x', 200) AS note FROM generate_series(1, 200000) i;"
             "GRANT SELECT ON gone TO reader", "shop")
    source(client, "patient-2", shop, timeout_s=3)
    answer = client.post("/api/v1/datasets", json={"name": "gone", "source": "patient-2", "table": "gone"})
    while "COPY (SELECT \"id\", \"note\" FROM \"public\".\"gone\"" not in statements(shop):
        time.sleep(0.01)
    dropper = threading.Thread(target=shop.run, args=("DROP TABLE gone", "shop"))
    dropper.start()
    job = wait_for_job(client, answer.json()["job"]["id"])
    dropper.join(30)
    assert not dropper.is_alive()
    if job["state"] == "succeeded":
        assert rows_of(client, "SELECT count(*) FROM gone") == [[200000]]
    else:
        assert "lock timeout" in json.dumps(job) or "no table" in json.dumps(job), job
        assert client.get("/api/v1/datasets/gone").status_code == 404


def test_a_collection_is_cancelled_while_the_server_thinks(client, erp, shop):
    answer = client.post("/api/v1/datasets", json={"name": "slow", "source": erp, "query": "SELECT 1 AS n FROM pg_sleep(50)"})
    job_id = answer.json()["job"]["id"]
    while shop.run("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY%pg_sleep%'") == "0":
        time.sleep(0.05)
    started = time.monotonic()
    client.post(f"/api/v1/jobs/{job_id}/cancel", json={})
    assert wait_for_job(client, job_id)["state"] == "cancelled"
    while shop.run("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY%pg_sleep%'") != "0":
        assert time.monotonic() - started < 20, "the server still works for nobody"
        time.sleep(0.1)


def test_a_connection_that_breaks_is_tried_again(client, shop):
    proxy = Proxy(shop.port)
    proxy.cut_after = 200_000
    source(client, "shaky", shop, port=proxy.port, tls="off")
    answer = client.post("/api/v1/datasets", json={"name": "shaky", "source": "shaky", "table": "orders"})
    job_id = answer.json()["job"]["id"]
    deadline = time.monotonic() + 60
    while proxy.connections < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    proxy.cut_after = None
    job = wait_for_job(client, job_id)
    proxy.close()
    assert job["state"] == "succeeded", job
    assert rows_of(client, "SELECT count(*) FROM shaky") == rows_of(client, "SELECT count(DISTINCT id) FROM shaky")
    assert "from the beginning, attempt 2" in client.get(f"/api/v1/jobs/{job_id}/log").text


def test_an_encrypted_connection(client, shop, tmp_path):
    authority = tmp_path / "server.crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "server.key", "-out", authority],
                   check=True, capture_output=True)
    owner = shop.data.stat()
    for name in ("server.crt", "server.key"):
        place = shop.data / name
        place.write_bytes((tmp_path / name).read_bytes())
        place.chmod(0o600)
        os.chown(place, owner.st_uid, owner.st_gid)
    shop.run("ALTER SYSTEM SET ssl = on")
    shop.run("SELECT pg_reload_conf()")
    for tls, more in (("auto", {}), ("on", {}), ("verify", {"ca_file": str(authority)})):
        source(client, f"tls-{tls}", shop, tls=tls, **more)
        answer = client.post(f"/api/v1/sources/tls-{tls}/test", json={}).json()
        assert answer["ok"] is True and "the connection is encrypted" in json.dumps(answer), answer
    assert collect(client, "sealed", "tls-verify", table="orders")["state"] == "succeeded"
    source(client, "tls-unknown", shop, tls="verify")  # nobody whom the system trusts has signed it
    answer = client.post("/api/v1/sources/tls-unknown/test", json={}).json()
    assert answer["ok"] is False and "no encrypted connection" in answer["checks"][0]["message"], answer


def test_a_server_that_is_killed_in_the_middle(client, shop):
    """One of its processes dies, so all do: it ends every connection and recovers."""
    shop.run("CREATE TABLE many AS SELECT i AS id, repeat('x', 500) AS note FROM generate_series(1, 300000) i;"
             "GRANT SELECT ON many TO reader", "shop")
    source(client, "crashing", shop)
    answer = client.post("/api/v1/datasets", json={"name": "many", "source": "crashing", "table": "many"})
    job_id = answer.json()["job"]["id"]
    reading = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'COPY%many%' LIMIT 1"
    while not (pid := shop.run(reading)):
        time.sleep(0.01)
    os.kill(int(pid), signal.SIGKILL)
    job = wait_for_job(client, job_id)
    assert job["state"] == "succeeded", job
    assert rows_of(client, "SELECT count(*), count(DISTINCT id) FROM many") == [[300000, 300000]]
    assert "the connection to the database broke" in client.get(f"/api/v1/jobs/{job_id}/log").text
