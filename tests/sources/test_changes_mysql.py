"""A table of MariaDB, collected by the changes that its binary log tells of: deletions too, and nothing else is read."""

import json
import random
import time

import pytest

from collecting import collect, last_run, refresh, rows_of
from harness import MariaDb, wait_for_job
from mysql_proxy import Proxy

ROWS = 3000


def start(server):
    """It keeps what it has said is committed, also when it is killed: the other tests can do without."""
    server.start()
    server.run("SET GLOBAL innodb_flush_log_at_trx_commit = 1", "SET GLOBAL sync_binlog = 1")


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A server of its own: its log is purged and begun anew here."""
    server = MariaDb(tmp_path_factory.mktemp("changes"))
    start(server)
    server.run("CREATE DATABASE shop", "CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'p'",
               "CREATE USER narrow@'127.0.0.1' IDENTIFIED BY 'p'", "GRANT SELECT ON shop.* TO narrow@'127.0.0.1'",
               "GRANT SELECT ON shop.* TO reader@'127.0.0.1'", "GRANT REPLICATION SLAVE ON *.* TO reader@'127.0.0.1'")
    yield server
    server.remove()


def add_source(client, name, port, user="reader"):
    answer = client.post("/api/v1/sources", json={"name": name, "kind": "mysql", "settings": {
        "host": "127.0.0.1", "port": port, "user": user, "password": "p", "database": "shop", "tls": "off"}})
    assert answer.status_code == 201, answer.text
    return name


@pytest.fixture(scope="module")
def erp(client, shop):
    return add_source(client, "erp", shop.port)


@pytest.fixture
def table(shop):
    name = f"t{time.monotonic_ns()}"
    shop.run(f"CREATE TABLE {name} (id BIGINT PRIMARY KEY AUTO_INCREMENT, customer VARCHAR(40), amount DECIMAL(12,2), "
             "state ENUM('new','paid') DEFAULT 'new', at DATETIME(3))", database="shop")
    with shop.connect("shop") as connection, connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {name} (customer, amount, at) VALUES (%s, %s, UTC_TIMESTAMP(3))",
                           [(f"row-{i:05d}", f"{i}.50") for i in range(ROWS)])
    return name


def add(client, table, source="erp"):
    job = collect(client, table, source, table=table, mode="changes")
    assert job["state"] == "succeeded", job
    return last_run(client, table)


def again(client, table):
    job = refresh(client, table)
    assert job["state"] == "succeeded", job
    run = last_run(client, table)
    assert run["reconciled"] is True, run
    return run


def equals(client, shop, table, columns="id, customer, amount, state"):
    """Dataset and table are the same, value by value."""
    mine = rows_of(client, f'SELECT {columns} FROM "{table}" ORDER BY 1')
    theirs = shop.run(f"SELECT {columns} FROM shop.{table} ORDER BY 1")
    assert [[None if v is None else str(v) for v in row] for row in mine] == [
        [None if v is None else str(v) for v in row] for row in theirs]


def test_what_changes_comes_and_nothing_else_is_read(client, shop, erp, table):
    first = add(client, table)
    assert (first["rows_read"], first["reconciled"]) == (ROWS, True)
    shop.run(f"UPDATE {table} SET amount = amount + 1 WHERE id IN (7, 8)", f"DELETE FROM {table} WHERE id = 9",
             f"INSERT INTO {table} (customer, amount) VALUES ('新客户', 1), (NULL, NULL)",
             f"UPDATE {table} SET id = 900000 WHERE id = 10", database="shop")
    asked = len(shop.queries())
    run = again(client, table)
    assert (run["rows_read"], run["rows_written"], run["version"]) == (5, 5, 1), run
    equals(client, shop, table)
    reads = [line for line in shop.queries()[asked:].splitlines() if f"`at` FROM `{table}`" in line]
    assert any("`id` IN (" in line for line in reads), reads
    assert all("`id` IN (" in line or line.endswith("LIMIT 1") for line in reads), reads
    assert again(client, table)["version"] == 1  # nothing changed: no new version


def test_many_rounds_of_chance_with_other_tables_beside(client, shop, erp, table):
    dice = random.Random(7)
    other = f"{table}_other"
    shop.run(f"CREATE TABLE {other} (id INT PRIMARY KEY, v INT)", database="shop")
    add(client, table)
    for round_number in range(6):
        with shop.connect("shop") as connection, connection.cursor() as cursor:
            for _ in range(dice.randrange(1, 8)):
                cursor.execute("START TRANSACTION")
                for _ in range(dice.randrange(1, 40)):
                    key = dice.randrange(1, ROWS + 200)
                    cursor.execute(dice.choice([
                        f"UPDATE {table} SET amount = amount + 1, state = 'paid' WHERE id = {key}",
                        f"DELETE FROM {table} WHERE id = {key}",
                        f"REPLACE INTO {table} (id, customer) VALUES ({key}, 'r{key}')",
                        f"UPDATE IGNORE {table} SET id = id + 100000 WHERE id = {key}",
                        f"REPLACE INTO {other} VALUES ({key}, 1)"]))
                cursor.execute(dice.choice(["COMMIT", "COMMIT", "ROLLBACK"]))
                if dice.random() < 0.2:
                    shop.run("FLUSH BINARY LOGS")  # between what is to be read as well
        if round_number in (2, 4):
            shop.kill()
            start(shop)
        again(client, table)
        equals(client, shop, table)


def test_texts_are_told_apart_to_the_byte(client, shop, erp):
    table = f"t{time.monotonic_ns()}"
    shop.run(f"CREATE TABLE {table} (code VARCHAR(20) PRIMARY KEY, day DATE, v INT) COLLATE utf8mb4_general_ci",
             f"INSERT INTO {table} VALUES ('a', '2026-01-01', 1), ('b ', '2026-01-02', 2), ('订单', '2026-01-03', 3)",
             database="shop")
    add(client, table)
    shop.run(f"UPDATE {table} SET code = 'A' WHERE code = 'a'", f"UPDATE {table} SET v = 4 WHERE code = '订单'",
             f"INSERT INTO {table} VALUES ('it''s \\\\ \"q\"', NULL, 5)", database="shop")
    again(client, table)
    assert sorted(rows_of(client, f'SELECT code, v FROM "{table}"')) == [["A", 1], ["b ", 2], ["it's \\ \"q\"", 5], ["订单", 4]]


def test_a_key_of_several_columns_and_a_short_row_image(client, shop, erp):
    table = f"t{time.monotonic_ns()}"
    shop.run(f"CREATE TABLE {table} (day DATE, nr SMALLINT UNSIGNED, at TIMESTAMP(2) DEFAULT '2026-01-01 00:00:00', "
             f"bytes VARBINARY(9) DEFAULT x'00ff', note TEXT, PRIMARY KEY (day, nr, at, bytes))",
             f"INSERT INTO {table} (day, nr, note) VALUES ('2026-01-01', 1, 'a'), ('2026-01-01', 65535, 'b'), ('2026-01-02', 1, 'c')",
             database="shop")
    add(client, table)
    shop.run("SET SESSION binlog_row_image = 'MINIMAL'", f"UPDATE {table} SET note = 'changed' WHERE nr = 65535",
             f"UPDATE {table} SET nr = 2 WHERE day = '2026-01-02'", f"DELETE FROM {table} WHERE day = '2026-01-01' AND nr = 1",
             database="shop")
    again(client, table)
    assert rows_of(client, f'SELECT nr, note FROM "{table}" ORDER BY nr') == [[2, "c"], [65535, "changed"]]


@pytest.mark.parametrize("statements, columns", [
    (["ALTER TABLE {t} ADD COLUMN extra INT DEFAULT 7", "UPDATE {t} SET extra = 8 WHERE id = 3"], "id, customer, extra"),
    (["ALTER TABLE {t} DROP COLUMN amount"], "id, customer"),
    (["TRUNCATE TABLE {t}", "INSERT INTO {t} (customer) VALUES ('only')"], "id, customer, amount"),
    (["CREATE TABLE {t}_new LIKE {t}", "INSERT INTO {t}_new (id, customer) VALUES (1, 'other')",
      "RENAME TABLE {t} TO {t}_old, {t}_new TO {t}"], "id, customer, amount"),
    (["SET SESSION binlog_format = 'STATEMENT'", "UPDATE {t} SET amount = 1 WHERE id < 5"], "id, customer, amount"),
])
def test_a_table_that_is_changed_as_a_whole_is_read_anew(client, shop, erp, table, statements, columns):
    add(client, table)
    shop.run(f"UPDATE {table} SET amount = 0 WHERE id = 2", *[sql.format(t=table) for sql in statements], database="shop")
    again(client, table)
    equals(client, shop, table, columns)
    shop.run(f"UPDATE {table} SET customer = 'later' WHERE id = 1", database="shop")
    assert again(client, table)["rows_read"] == 1
    equals(client, shop, table, columns)


def test_a_log_that_does_not_reach_back_says_so(client, shop, erp, table):
    add(client, table)
    shop.run(f"DELETE FROM {table} WHERE id = 1", "FLUSH BINARY LOGS", "FLUSH BINARY LOGS", database="shop")
    last = shop.run("SHOW MASTER STATUS")[0][0]
    deadline = time.monotonic() + 20
    while len(shop.run("SHOW BINARY LOGS")) > 1 and time.monotonic() < deadline:  # not while somebody reads them
        shop.run(f"PURGE BINARY LOGS TO '{last}'")
    job = refresh(client, table)
    text = json.dumps(job, ensure_ascii=False)
    assert job["state"] == "failed" and "no longer has the place where the last run ended" in text, job
    assert "refresh the dataset with full" in text and "binlog_expire_logs_seconds" in text
    assert rows_of(client, f'SELECT count(*) FROM "{table}"') == [[ROWS]]
    assert refresh(client, table, full=True)["state"] == "succeeded"
    equals(client, shop, table)


def test_a_log_that_was_begun_anew_says_so(client, shop, erp, table):
    add(client, table)
    shop.run("RESET MASTER", f"DELETE FROM {table} WHERE id = 1", database="shop")
    job = refresh(client, table)
    assert job["state"] == "failed" and "binary log was begun anew" in json.dumps(job), job
    assert refresh(client, table, full=True)["state"] == "succeeded"
    shop.run(f"DELETE FROM {table} WHERE id = 2", database="shop")
    again(client, table)
    equals(client, shop, table)


def test_what_cannot_be_collected_so_is_told(client, shop, erp, table):
    def failed(name, sql, source="erp"):
        for statement in sql:
            shop.run(statement, database="shop")
        job = collect(client, f"{name}-{time.monotonic_ns()}", source, table=name, mode="changes")
        assert job["state"] == "failed", job
        return json.dumps(job, ensure_ascii=False)

    name = f"n{time.monotonic_ns()}"
    assert "has no primary key" in failed(f"{name}a", [f"CREATE TABLE {name}a (id INT)", f"INSERT INTO {name}a VALUES (1)"])
    text = failed(f"{name}b", [f"CREATE TABLE {name}b (id INT PRIMARY KEY, parent BIGINT, FOREIGN KEY (parent) REFERENCES "
                               f"{table} (id) ON DELETE CASCADE)", f"INSERT INTO {name}b VALUES (1, 1)"])
    assert "changed by a foreign key (ON DELETE CASCADE)" in text
    text = failed(f"{name}c", [f"CREATE TABLE {name}c (id FLOAT PRIMARY KEY)", f"INSERT INTO {name}c VALUES (1.5)"])
    assert "the key column 'id' is float" in text
    text = failed(table, [], add_source(client, f"narrow-{name}", shop.port, "narrow"))
    assert "GRANT REPLICATION SLAVE ON *.* TO 'narrow'" in text
    for body, words in (({"query": "SELECT 1"}, "mode changes is for a 'table'"),
                        ({"table": table, "cursor": "id"}, "'cursor' goes with mode incremental")):
        answer = client.post("/api/v1/datasets", json={"name": name, "source": "erp", "mode": "changes"} | body)
        assert answer.status_code == 422 and words in answer.text, answer.text


def test_a_log_of_statements_tells_too_little(client, tmp_path):
    server = MariaDb(tmp_path)
    server.binary_log = []
    server.start()
    try:
        server.run("CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY)", "INSERT INTO shop.t VALUES (1)",
                   "CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'p'", "GRANT SELECT ON shop.* TO reader@'127.0.0.1'")
        job = collect(client, "nolog", add_source(client, "nolog", server.port), table="t", mode="changes")
        assert job["state"] == "failed" and "keeps no binary log" in json.dumps(job), job
        server.kill()
        server.binary_log = ["--server-id=1", "--binlog-format=STATEMENT", f"--log-bin={tmp_path}/log"]
        server.start()
        job = collect(client, "nolog", "nolog", table="t", mode="changes")
        assert job["state"] == "failed" and "SET GLOBAL binlog_format = 'ROW'" in json.dumps(job), job
    finally:
        server.remove()


@pytest.mark.parametrize("how", ["drop", "double", ("alter", b"row-00499x")])
def test_a_row_that_came_damaged_is_named(client, shop, erp, table, how):
    """The proxy damages the first of the two readings."""
    proxy = Proxy(shop.port, b"row-004999", how)
    name = add_source(client, f"damaged-{table}", proxy.port)
    add(client, table, name)
    shop.run(f"UPDATE {table} SET customer = 'row-004999' WHERE id = 500", f"UPDATE {table} SET amount = 1 WHERE id < 100",
             database="shop")
    job = refresh(client, table)
    proxy.close()
    assert proxy.done and job["state"] == "failed" and "not what the source has" in json.dumps(job), job
    assert rows_of(client, f'SELECT count(*) FROM "{table}" WHERE amount = 1') == [[0]]


def test_dataset_equals_table_whatever_is_killed(shop, table, start_server, tmp_path):
    server = start_server(tmp_path / "data")
    client = server.client()
    add_source(client, "erp", shop.port)
    add(client, table)
    for kill in range(5):
        shop.run(f"UPDATE {table} SET amount = amount + 1 WHERE id % 3 = {kill % 3}", f"DELETE FROM {table} WHERE id % 97 = {kill}",
                 f"INSERT INTO {table} (customer) SELECT customer FROM {table} LIMIT 200", database="shop")
        answer = client.post(f"/api/v1/datasets/{table}/refresh", json={})
        job = answer.json()["job"]["id"]
        time.sleep(0.1 * kill)
        server.kill()
        server = start_server(tmp_path / "data")
        client = server.client()
        assert wait_for_job(client, job)["state"] == "succeeded"
        equals(client, shop, table)


def test_it_is_a_mode_of_its_own(client, shop, erp, table):
    add(client, table)
    shown = client.get(f"/api/v1/datasets/{table}").json()
    assert shown["origin"]["mode"] == "changes" and shown["origin"]["table"] == table
