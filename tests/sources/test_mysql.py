"""Data in MariaDB: reached, looked at, collected, and compared with what the server has."""

import decimal
import io
import json
import subprocess
import threading
import time

import pyarrow as pa
import pytest

from collecting import collect, rows_of
from harness import BINARY, free_port, wait_for_job
from mysql_proxy import Proxy

PASSWORD = "p'äss 密码 \\ 7"


@pytest.fixture(scope="module")
def shop(mariadb):
    """A database with a user who may read it, and no more."""
    mariadb.run("CREATE DATABASE shop", "CREATE DATABASE hidden", "CREATE TABLE hidden.secret (id INT PRIMARY KEY)")
    with mariadb.connect("shop") as connection, connection.cursor() as cursor:
        cursor.execute("CREATE USER reader@'127.0.0.1' IDENTIFIED BY %s", [PASSWORD])
        cursor.execute("CREATE USER nobody@'127.0.0.1' IDENTIFIED BY %s", [PASSWORD])
        cursor.execute("GRANT SELECT ON shop.* TO reader@'127.0.0.1'")
        cursor.execute("CREATE TABLE orders (id BIGINT PRIMARY KEY, customer VARCHAR(40) NOT NULL COMMENT '客户', "
                       "amount DECIMAL(12,2), paid BOOL, at DATETIME(6))")
        rows = [(i, f"row-{i:05d}", None if i % 11 == 0 else f"{i}.{i % 100:02d}", i % 2, "2026-11-22 08:30:00.25")
                for i in range(20000)]
        cursor.executemany("INSERT INTO orders VALUES (%s,%s,%s,%s,%s)", rows)
        cursor.execute("CREATE VIEW paid_orders AS SELECT * FROM orders WHERE paid")
        cursor.execute("CREATE TABLE empty_table (id INT PRIMARY KEY)")
    return mariadb


def settings(server, **changes):
    return {"host": "127.0.0.1", "port": server.port, "user": "reader", "password": PASSWORD, "database": "shop"} | changes


@pytest.fixture(scope="module")
def erp(client, shop):
    answer = client.post("/api/v1/sources", json={"name": "erp", "kind": "mysql", "settings": settings(shop)})
    assert answer.status_code == 201, answer.text
    return "erp"


def test_the_kinds_say_what_they_need(client):
    kinds = {kind["name"]: kind for kind in client.get("/api/v1/connectors").json()["items"]}
    fields = {field["name"]: field for field in kinds["mysql"]["fields"]}
    assert fields["password"]["kind"] == "secret" and fields["host"]["required"] and fields["port"]["default"] == "3306"
    chinese = {kind["name"]: kind for kind in client.get("/api/v1/connectors", headers={"Accept-Language": "zh"}).json()["items"]}
    assert chinese["mysql"]["label"] == "MySQL 与 MariaDB"


def test_no_answer_holds_the_password(client, erp, server):
    for answer in (client.get("/api/v1/sources/erp"), client.get("/api/v1/sources")):
        assert PASSWORD not in answer.text and json.dumps(PASSWORD)[1:-1] not in answer.text
    source = client.get("/api/v1/sources/ERP").json()  # regardless of case
    assert source["secrets"] == ["password"] and "password" not in source["settings"]


def test_a_test_says_what_it_found(client, erp, shop):
    answer = client.post("/api/v1/sources/erp/test", json={}).json()
    assert answer["ok"] is True, answer
    text = "\n".join(check["message"] for check in answer["checks"])
    assert "MariaDB" in text and "signed in as reader@127.0.0.1" in text and "3 tables" in text, text


@pytest.mark.parametrize("change, expected, hint", [
    ({"password": "wrong"}, "does not let 'reader' in", "check user and password"),
    ({"port": None}, "cannot connect to 127.0.0.1:", "check host and port"),
    ({"host": "no-such-host.invalid"}, "cannot connect to no-such-host.invalid", "check host and port"),
    ({"database": "shoop"}, "shoop", None),
    ({"user": "nobody"}, "shop", "GRANT SELECT"),
    ({"tls": "on"}, "no encrypted connection", "set tls to off"),
])
def test_a_test_names_what_is_wrong(client, shop, change, expected, hint):
    if "port" in change:
        change = {"port": free_port()}
    name = f"wrong-{time.monotonic_ns()}"
    made = client.post("/api/v1/sources", json={"name": name, "kind": "mysql", "settings": settings(shop, **change)})
    assert made.status_code == 201, made.text
    answer = client.post(f"/api/v1/sources/{name}/test", json={}).json()
    assert answer["ok"] is False
    wrong = [check for check in answer["checks"] if not check["ok"]]
    assert expected in wrong[0]["message"], answer
    assert hint is None or hint in (wrong[0]["hint"] or ""), answer
    assert PASSWORD not in json.dumps(answer, ensure_ascii=False)
    chinese = client.post(f"/api/v1/sources/{name}/test", json={}, headers={"Accept-Language": "zh"}).json()
    assert any("\u4e00" <= c <= "\u9fff" for c in [w for w in chinese["checks"] if not w["ok"]][0]["message"])
    tables = client.get(f"/api/v1/sources/{name}/tables")
    assert tables.status_code in (401, 403, 404, 503) or tables.json()["items"] == [], tables.text


@pytest.mark.parametrize("body, status, detail", [
    ({"kind": "oracle", "settings": {}}, 422, "mysql"),
    ({"kind": "mysql", "settings": {"host": "h"}}, 422, "needs setting 'user'"),
    ({"kind": "mysql", "settings": {"host": "h", "user": "u", "database": "d", "passwort": "x"}}, 422, "'passwort'"),
    ({"kind": "mysql", "settings": {"host": "h", "user": "u", "database": "d", "port": 70000}}, 422, "65535"),
    ({"kind": "mysql", "settings": {"host": ["h"], "user": "u", "database": "d"}}, 422, "'host' must be a text"),
    ({"kind": "mysql", "settings": [], "extra": 1}, 422, "extra"),
    ({"settings": {}}, 400, "'kind' is missing"),
])
def test_wrong_settings_are_refused(client, body, status, detail):
    answer = client.post("/api/v1/sources", json={"name": "bad"} | body)
    assert answer.status_code == status and detail in answer.text, answer.text
    assert client.get("/api/v1/sources/bad").status_code == 404


def test_a_stored_password_goes_nowhere_else(client, shop):
    client.post("/api/v1/sources", json={"name": "moved", "kind": "mysql", "settings": settings(shop)})
    answer = client.patch("/api/v1/sources/moved", json={"settings": {"host": "evil.example.com"}})
    assert answer.status_code == 422 and "'password' must be given again" in answer.text
    assert client.patch("/api/v1/sources/moved", json={"name": "moved 2"}).json()["name"] == "moved 2"
    answer = client.patch("/api/v1/sources/moved 2", json={"settings": {"timeout_s": 5, "password": PASSWORD}})
    assert answer.json()["settings"]["timeout_s"] == "5", answer.text
    assert client.post("/api/v1/sources/moved 2/test", json={}).json()["ok"] is True
    assert client.delete("/api/v1/sources/moved 2").status_code == 204


def test_tables_and_columns(client, erp):
    tables = {table["name"]: table for table in client.get("/api/v1/sources/erp/tables").json()["items"]}
    assert set(tables) == {"orders", "paid_orders", "empty_table"} and tables["paid_orders"]["kind"] == "view"
    table = client.get("/api/v1/sources/erp/tables/orders?limit=2").json()
    assert [(c["name"], c["type"], c["native_type"], c["nullable"]) for c in table["columns"]] == [
        ("id", "bigint", "bigint(20)", False), ("customer", "text", "varchar(40)", False),
        ("amount", "decimal(12,2)", "decimal(12,2)", True), ("paid", "tinyint", "tinyint(1)", True),
        ("at", "timestamp", "datetime(6)", True)]
    assert table["key"] == ["id"] and table["columns"][1]["comment"] == "客户"
    assert table["rows"] == [[0, "row-00000", None, 0, "2026-11-22T08:30:00.250"],
                             [1, "row-00001", "1.01", 1, "2026-11-22T08:30:00.250"]]
    missing = client.get("/api/v1/sources/erp/tables/ordres")
    assert missing.status_code == 404 and "did you mean 'orders'?" in missing.text


def test_a_table_is_collected_and_equals_the_source(client, erp, shop, aimass):
    job = collect(client, "orders", erp, table="orders")
    assert job["state"] == "succeeded", job
    assert rows_of(client, "SELECT count(*), sum(amount), count(DISTINCT customer) FROM orders") == [
        [20000, str(shop.run("SELECT SUM(amount) FROM shop.orders")[0][0]), 20000]]
    run, = client.get("/api/v1/datasets/orders/runs").json()["items"]
    assert run["reconciled"] is True and run["rows_read"] == run["rows_written"] == 20000 and run["difference"] == []
    assert run["state"] == "succeeded" and run["version"] == 0 and run["error"] is None and run["bytes"] > 0
    # The server's own log: the table was read twice, on two connections, in transactions that only read.
    reads = [line.split("\t")[-2].split()[-2] for line in shop.queries().splitlines()
             if "\tSELECT `id`, `customer`" in line and line.endswith("FROM `orders`")]
    assert len(set(reads)) >= 2, reads
    assert "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY" in shop.queries()

    shop.run("INSERT INTO shop.orders VALUES (20000,'new',1,0,NULL)", "UPDATE shop.orders SET amount=5 WHERE id=3")
    again = client.post("/api/v1/datasets/orders/refresh", json={})
    assert wait_for_job(client, again.json()["job"]["id"])["state"] == "succeeded"
    assert rows_of(client, "SELECT id, amount FROM orders WHERE id IN (3, 20000) ORDER BY id") == [[3, "5.00"], [20000, "1.00"]]
    assert rows_of(client, 'SELECT count(*) FROM "orders@0"') == [[20000]]
    assert [run["version"] for run in client.get("/api/v1/datasets/orders/runs").json()["items"]] == [1, 0]
    assert aimass("datasets", "show", "orders").out.splitlines()[1] == "From source erp: orders"
    in_use = client.delete("/api/v1/sources/erp")
    assert in_use.status_code == 409 and "dataset 'orders'" in in_use.text


@pytest.mark.parametrize("how, words", [
    ("drop", "missing"), ("double", "doubled"), (("alter", b"row-0041x"), "changed")])
def test_one_row_that_is_damaged_on_its_way_is_named(client, shop, erp, how, words):
    name = f"damaged-{words}"
    good = collect(client, name, erp, query="SELECT * FROM orders WHERE id < 5000")
    assert good["state"] == "succeeded", good
    proxy = Proxy(shop.port, b"row-00417", how)
    made = client.post("/api/v1/sources", json={"name": name, "kind": "mysql",
                                                "settings": settings(shop, port=proxy.port, tls="off")})
    assert made.status_code == 201, made.text
    job = collect(client, f"{name}-2", name, table="orders")
    proxy.close()
    assert proxy.done and proxy.connections >= 2
    assert job["state"] == "failed" and f'{{"id":417}} {words}' in json.dumps(job, ensure_ascii=False).replace('\\"', '"'), job
    assert client.get(f"/api/v1/datasets/{name}-2").status_code == 404  # nothing was published
    # The same through a source that was good before: the dataset stays as it was, and the run is on record.
    proxy = Proxy(shop.port, b"row-00417", how)
    client.patch(f"/api/v1/sources/{name}", json={"settings": {"port": proxy.port, "password": PASSWORD}})
    first = collect(client, f"{name}-3", name, query="SELECT * FROM orders WHERE id < 100")
    assert first["state"] == "succeeded" and not proxy.done, first
    answer = client.post("/api/v1/datasets", json={"name": f"{name}-3", "source": name, "table": "orders"})
    assert wait_for_job(client, answer.json()["job"]["id"])["state"] == "failed"
    proxy.close()
    red, green = client.get(f"/api/v1/datasets/{name}-3/runs").json()["items"]
    assert red["reconciled"] is False and {"key": '{"id":417}', "what": words} in red["difference"], red
    assert green["reconciled"] is True
    assert rows_of(client, f'SELECT count(*) FROM "{name}-3"') == [[100]]


def test_no_rows_are_a_success_only_where_that_was_said(client, erp):
    job = collect(client, "nothing", erp, table="empty_table")
    assert job["state"] == "failed" and "the source gave no rows" in json.dumps(job)
    job = collect(client, "nothing", erp, table="empty_table", allow_empty=True)
    assert job["state"] == "succeeded", job
    assert rows_of(client, "SELECT count(*) FROM nothing") == [[0]]


@pytest.fixture(scope="module")
def types(shop):
    shop.run(
        "SET sql_mode=''",
        """CREATE TABLE types (id INT UNSIGNED PRIMARY KEY, tiny TINYINT UNSIGNED, small SMALLINT, medium MEDIUMINT,
           big BIGINT UNSIGNED, price DECIMAL(38,10), vast DECIMAL(65,30), f FLOAT, d DOUBLE, flag BIT(1), bits BIT(12),
           name VARCHAR(100), note MEDIUMTEXT, raw VARBINARY(50), day DATE, at DATETIME(3), moment TIMESTAMP(6) NULL,
           spent TIME(2), y YEAR, kind ENUM('小','大'), doc JSON, `列 ``名` INT) CHARACTER SET utf8mb4""",
        """INSERT INTO types VALUES (4294967295, 255, -32768, 8388607, 18446744073709551615,
           -1234567890123456789012345678.0123456789, 12345678901234567890123456789012345.123456789012345678901234567891,
           0.1, -2.5e-300, b'1', b'101010101010', '客户 😀 \\'"\\\\', 'a\\nb', x'00ff10', '9999-12-31',
           '2026-02-28 23:59:59.999', '2026-11-22 08:30:00.123456', '-838:59:59', 1999, '大', '{"a": [1, "二"]}', -7)""",
        "INSERT INTO types (id) VALUES (1)",
        "INSERT INTO types (id, name, note, raw) VALUES (2, '', '', '')", database="shop")


def test_types_come_through_exactly(client, erp, types):
    job = collect(client, "types", erp, table="types")
    assert job["state"] == "succeeded", job
    stream = client.post("/api/v1/sql", json={"query": "SELECT * FROM types ORDER BY id"},
                         headers={"Accept": "application/vnd.apache.arrow.stream"})
    table = pa.ipc.open_stream(io.BytesIO(stream.content)).read_all()
    assert {field.name: str(field.type) for field in table.schema} == {
        "id": "int64", "tiny": "int16", "small": "int16", "medium": "int32", "big": "decimal128(20, 0)",
        "price": "decimal128(38, 10)", "vast": "string", "f": "double", "d": "double", "flag": "bool", "bits": "int64",
        "name": "string", "note": "string", "raw": "binary", "day": "date32[day]", "at": "timestamp[us]",
        "moment": "timestamp[us, tz=UTC]", "spent": "string", "y": "int16", "kind": "string", "doc": "string",
        "列 `名": "int32"}
    nulls, empties, full = table.to_pylist()
    assert all(value is None for name, value in nulls.items() if name != "id")
    assert empties["name"] == "" and empties["note"] == "" and empties["raw"] == b""
    assert full["id"] == 4294967295 and full["tiny"] == 255 and full["small"] == -32768 and full["medium"] == 8388607
    assert full["big"] == 18446744073709551615 and full["flag"] is True and full["bits"] == 0b101010101010
    assert full["price"] == decimal.Decimal("-1234567890123456789012345678.0123456789")
    assert full["vast"] == "12345678901234567890123456789012345.123456789012345678901234567891"
    assert full["f"] == 0.10000000149011612 and full["d"] == -2.5e-300  # the float's exact value
    assert full["name"] == "客户 😀 '\"\\" and full["note"] == "a\nb" and full["raw"] == b"\x00\xff\x10"
    assert str(full["day"]) == "9999-12-31" and str(full["at"]) == "2026-02-28 23:59:59.999000"
    assert full["moment"].isoformat() == "2026-11-22T08:30:00.123456+00:00"
    assert full["spent"] == "-838:59:59.00" and full["y"] == 1999 and full["kind"] == "大"
    assert json.loads(full["doc"]) == {"a": [1, "二"]} and full["列 `名"] == -7


def test_rows_that_are_none_are_set_aside_with_their_reason(client, erp, shop):
    shop.run("SET sql_mode=''", "CREATE TABLE days (id INT PRIMARY KEY, day DATE, at DATETIME)",
             "INSERT INTO days VALUES (1,'2026-01-31','2026-01-31 10:00:00'), (2,'0000-00-00',NULL), "
             "(3,NULL,'2026-00-10 00:00:00')", database="shop")
    job = collect(client, "days", erp, table="days")
    assert job["state"] == "succeeded", job
    assert rows_of(client, "SELECT id FROM days") == [[1]]
    rejected = client.get("/api/v1/datasets/days/rejected").json()["items"]
    assert [(row["line"], row["reason"]) for row in rejected] == [
        (2, "column 'day': '0000-00-00' is no date"), (3, "column 'at': '2026-00-10 00:00:00' is no timestamp")]
    assert json.loads(rejected[0]["text"]) == {"id": "2", "day": "0000-00-00", "at": None}
    run, = client.get("/api/v1/datasets/days/runs").json()["items"]
    assert (run["rows_read"], run["rows_written"], run["rejected_rows"], run["reconciled"]) == (3, 1, 2, True)


def test_all_rows_are_of_one_moment(client, erp, shop):
    """While money moves between two accounts, no collection sees a sum that never was."""
    shop.run("CREATE TABLE accounts (id INT PRIMARY KEY, money INT NOT NULL, note VARCHAR(200))", database="shop")
    with shop.connect("shop") as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO accounts VALUES (%s, 100, %s)", [(i, "x" * 150) for i in range(30000)])
    stop = threading.Event()

    def move():
        with shop.connect("shop") as connection, connection.cursor() as cursor:
            connection.autocommit(False)
            step = 0
            while not stop.is_set():
                step += 1
                cursor.execute("UPDATE accounts SET money = money - 1 WHERE id = %s", [step % 30000])
                cursor.execute("UPDATE accounts SET money = money + 1 WHERE id = %s", [29999 - step % 29999])
                connection.commit()

    mover = threading.Thread(target=move)
    mover.start()
    try:
        for attempt in range(3):
            job = collect(client, f"accounts-{attempt}", erp, table="accounts")
            assert job["state"] == "succeeded", job
            assert rows_of(client, f'SELECT count(*), sum(money) FROM "accounts-{attempt}"') == [[30000, 3000000]]
    finally:
        stop.set()
        mover.join()


@pytest.mark.parametrize("what, words", [
    ({"table": "ordres"}, "did you mean 'orders'?"),
    ({"query": "SELECT nothing FROM orders"}, "nothing"),
    ({"query": "DELETE FROM orders"}, "the database says"),
    ({"query": "SELECT 1; DELETE FROM orders"}, "the database says"),
    ({"query": "SELECT 1 INTO OUTFILE '/tmp/aimass-out'"}, "the database says"),
    ({"table": "secret"}, "no table 'secret'"),
    ({"query": "SELECT * FROM hidden.secret"}, "GRANT SELECT"),
])
def test_what_cannot_be_read_says_why(client, erp, shop, what, words):
    job = collect(client, f"bad-{time.monotonic_ns()}", erp, **what)
    assert job["state"] == "failed" and words in json.dumps(job, ensure_ascii=False), job
    assert shop.run("SELECT COUNT(*) > 19999 FROM shop.orders") == [(1,)]


@pytest.mark.parametrize("body, words", [
    ({"source": "erp"}, "either a 'table' or a 'query'"),
    ({"source": "erp", "table": "orders", "query": "SELECT 1"}, "either a 'table' or a 'query'"),
    ({"source": "epr", "table": "orders"}, "did you mean 'erp'?"),
    ({"source": "erp", "table": "orders", "mode": "append"}, "'mode' must be one of full"),
    ({"source": "erp", "table": "orders", "sql": "SELECT 1"}, "'sql' does not go with the name of a source"),
    ({"source": {"url": "http://x/"}, "table": "orders"}, "'table' goes with the name of a source"),
])
def test_a_wrong_request_is_refused(client, erp, body, words):
    answer = client.post("/api/v1/datasets", json={"name": "never"} | body)
    assert answer.status_code == 422 and words in answer.json()["detail"] + (answer.json().get("hint") or ""), answer.text


def test_a_connection_that_breaks_is_tried_again(client, shop):
    proxy = Proxy(shop.port)
    proxy.cut_after = 200_000
    client.post("/api/v1/sources", json={"name": "shaky", "kind": "mysql",
                                         "settings": settings(shop, port=proxy.port, tls="off")})
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
    log = client.get(f"/api/v1/jobs/{job_id}/log").text
    assert "from the beginning, attempt 2" in log, log


def test_a_killed_server_goes_on(shop, start_server, tmp_path):
    server = start_server(tmp_path / "data")
    client = server.client()
    made = client.post("/api/v1/sources", json={"name": "erp", "kind": "mysql", "settings": settings(shop)})
    assert made.status_code == 201, made.text
    answer = client.post("/api/v1/datasets", json={"name": "orders", "source": "erp", "query":
                                                   "SELECT o.* FROM orders o, (SELECT 1 UNION SELECT 2 UNION SELECT 3) x"})
    job = answer.json()["job"]["id"]
    while client.get(f"/api/v1/jobs/{job}").json()["state"] == "queued":
        time.sleep(0.01)
    server.kill()
    server = start_server(tmp_path / "data")
    client = server.client()
    assert wait_for_job(client, job)["state"] == "succeeded"
    assert rows_of(client, "SELECT count(*) / 3 = count(DISTINCT id) FROM orders") == [[True]]
    doctor = subprocess.run([BINARY, "doctor", "--data", tmp_path / "data", "--json"], capture_output=True, text=True)
    assert "orphan" not in doctor.stdout, doctor.stdout


def test_the_password_lies_nowhere_in_clear(server, client, erp, shop, tmp_path):
    collect(client, "paid", erp, table="paid_orders")
    backup = tmp_path / "backup"
    done = subprocess.run([BINARY, "backup", backup, "--data", server.data], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    forms = [PASSWORD.encode(), json.dumps(PASSWORD)[1:-1].encode(), json.dumps(PASSWORD, ensure_ascii=False)[1:-1].encode()]
    places = [*server.data.rglob("*"), *backup.rglob("*"), server.log_path]
    assert sum(place.is_file() for place in places) > 10
    for place in places:
        if place.is_file():
            content = place.read_bytes()
            assert not any(form in content for form in forms), place
    assert (server.data / "secrets.key").stat().st_mode & 0o777 == 0o600
    assert not any(place.name == "secrets.key" for place in backup.rglob("*"))


def test_the_command_line(shop, tmp_path, aimass):
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD + "\n")
    sets = [word for pair in ("host=127.0.0.1", f"port={shop.port}", "user=reader", "database=shop") for word in ("--set", pair)]
    refused = aimass("sources", "add", "cli", "--kind", "mysql", *sets, "--set", "password=x", check=False)
    assert refused.status == 2 and "does not belong on a command line" in refused.err
    added = aimass("sources", "add", "cli", "--kind", "mysql", *sets, "--secret-file", f"password={secret}")
    assert added.status == 0, added.err
    assert "✓" in aimass("sources", "test", "cli").out
    assert "orders" in aimass("sources", "tables", "cli").out
    assert "decimal(12,2)" in aimass("sources", "table", "cli", "orders").out
    made = aimass("datasets", "add", "by-cli", "--source", "cli", "--table", "paid_orders")
    assert made.status == 0, made.err
    assert "10,0" in aimass("datasets", "runs", "by-cli").out
    assert PASSWORD not in aimass("sources", "show", "cli").out
    assert aimass("sources", "test", "clj", check=False).status == 1
    aimass("sources", "set", "cli", "--secret", "password", stdin=b"wrong\n")
    failed = aimass("sources", "test", "cli", check=False)
    assert failed.status == 1 and "✗" in failed.out
