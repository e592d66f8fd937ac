"""A table of MariaDB, collected by a cursor: what comes or changes, and nothing twice, whatever breaks on the way."""

import json
import random
import time

import deltalake
import duckdb
import polars
import pytest

from collecting import counts, last_run, refresh, rows_of
from harness import wait_for_job
from mysql_proxy import Proxy


@pytest.fixture(scope="module")
def shop(mariadb):
    mariadb.run("CREATE DATABASE IF NOT EXISTS grow", "CREATE USER IF NOT EXISTS grower@'127.0.0.1' IDENTIFIED BY 'p'",
                "GRANT SELECT ON grow.* TO grower@'127.0.0.1'")
    return mariadb


def settings(server, **changes):
    return {"host": "127.0.0.1", "port": server.port, "user": "grower", "password": "p", "database": "grow"} | changes


@pytest.fixture(scope="module")
def erp(client, shop):
    answer = client.post("/api/v1/sources", json={"name": "grow", "kind": "mysql", "settings": settings(shop)})
    assert answer.status_code == 201, answer.text
    return "grow"


@pytest.fixture
def table(shop):
    """A table of 3,000 orders, the last an hour old, with a name of its own."""
    name = f"t{time.monotonic_ns()}"
    shop.run(f"CREATE TABLE {name} (id BIGINT PRIMARY KEY AUTO_INCREMENT, customer VARCHAR(40), amount DECIMAL(12,2), "
             "updated_at DATETIME(6), INDEX (updated_at))", database="grow")
    with shop.connect("grow") as connection, connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {name} (customer, amount, updated_at) VALUES "
                           "(%s, %s, UTC_TIMESTAMP(6) - INTERVAL 1 HOUR - INTERVAL %s SECOND)",
                           [(f"row-{i:05d}", f"{i}.50", 3000 - i) for i in range(3000)])
    return name


def start(client, name, table, source="grow", **what):
    body = {"name": name, "source": source, "table": table, "mode": "incremental", "cursor": "updated_at"} | what
    return client.post("/api/v1/datasets", json={k: v for k, v in body.items() if v is not None})


def add(client, name, table, source="grow", **what):
    answer = start(client, name, table, source, **what)
    assert answer.status_code == 202, answer.text
    return wait_for_job(client, answer.json()["job"]["id"])


def equals(client, shop, name, table):
    """Dataset and table are the same, value by value."""
    mine = rows_of(client, f'SELECT id, customer, CAST(amount AS text), CAST(updated_at AS text) FROM "{name}" ORDER BY id')
    theirs = shop.run(f"SELECT id, customer, CAST(amount AS CHAR), TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM "
                      f"CAST(updated_at AS CHAR))) FROM grow.{table} WHERE updated_at IS NOT NULL ORDER BY id")
    assert [tuple(row) for row in mine] == list(theirs)


def change(shop, table):
    shop.run(f"UPDATE {table} SET amount = amount + 1, updated_at = UTC_TIMESTAMP(6) WHERE id IN (7, 8)",
             f"INSERT INTO {table} (customer, amount, updated_at) VALUES ('new', 1, UTC_TIMESTAMP(6))", database="grow")


def test_only_what_changed_is_read_and_takes_its_place(client, erp, shop, table):
    job = add(client, table, table, key=["id"], overlap=60)
    assert job["state"] == "succeeded", job
    assert counts(client, table) == (3000, 3000, 0, True, 0)
    equals(client, shop, table, table)
    before = shop.queries()
    change(shop, table)
    job = refresh(client, table)
    assert job["state"] == "succeeded", job
    assert counts(client, table) == (3, 3, 0, True, 1)
    equals(client, shop, table, table)
    # The server's own log: rows were looked for by the cursor, on two connections, and never all of them.
    reads = [line for line in shop.queries()[len(before):].splitlines()
             if "\tSELECT `id`, `customer`" in line and f"FROM `{table}`" in line and "LIMIT 1" not in line]
    behind = [line for line in reads if "WHERE `updated_at` >= '20" in line]
    assert len({line.split("\t")[-2].split()[-2] for line in behind}) == 2, reads
    assert all("`updated_at` >= '20" in line or "`updated_at` IS NULL" in line for line in reads), reads
    assert rows_of(client, f'SELECT count(*) FROM "{table}@0"') == [[3000]]
    origin = client.get(f"/api/v1/datasets/{table}").json()["origin"]
    assert (origin["mode"], origin["cursor"], origin["key"], origin["overlap"]) == ("incremental", "updated_at", ["id"], 60)


def test_nothing_new_is_a_success_without_a_version(client, erp, shop, table):
    add(client, table, table)
    for _ in range(2):
        job = refresh(client, table)
        assert job["state"] == "succeeded", job
        assert counts(client, table) == (0, 0, 0, True, 0)
    assert len(client.get(f"/api/v1/datasets/{table}/versions").json()["items"]) == 1


def test_a_first_run_without_rows_is_one_only_where_that_was_said(client, erp, shop, table):
    shop.run(f"DELETE FROM grow.{table}")
    job = add(client, table, table)
    assert job["state"] == "failed" and "the source gave no rows" in json.dumps(job)
    assert add(client, table, table, allow_empty=True)["state"] == "succeeded"
    change(shop, table)
    assert refresh(client, table)["state"] == "succeeded"
    equals(client, shop, table, table)


def test_late_rows_within_the_overlap_are_caught(client, erp, shop, table):
    add(client, table, table, overlap=600)
    shop.run(f"INSERT INTO {table} (customer, amount, updated_at) SELECT 'late', 1, MAX(updated_at) - INTERVAL 9 MINUTE "
             f"FROM {table}", f"DELETE FROM {table} WHERE id = 2999", database="grow")
    assert refresh(client, table)["state"] == "succeeded"
    equals(client, shop, table, table)  # and what the source deleted there is gone
    assert counts(client, table)[:2] == (1, 1)


def test_rows_that_come_behind_the_overlap_are_not_lost_in_silence(client, erp, shop, table):
    add(client, table, table, overlap=60)
    shop.run(f"INSERT INTO grow.{table} (customer, amount, updated_at) VALUES ('far back', 1, '2020-01-01')")
    change(shop, table)
    job = refresh(client, table)
    assert job["state"] == "failed" and "1 row came into the source behind the cursor" in json.dumps(job), job
    assert rows_of(client, f'SELECT count(*) FROM "{table}"') == [[3000]]
    assert refresh(client, table, full=True)["state"] == "succeeded"
    equals(client, shop, table, table)
    change(shop, table)
    assert refresh(client, table)["state"] == "succeeded"
    assert counts(client, table)[:2] == (3, 3)
    equals(client, shop, table, table)


def test_a_time_of_the_future_hides_nothing(client, erp, shop, table):
    shop.run(f"UPDATE grow.{table} SET updated_at = '9999-12-31' WHERE id = 5")
    add(client, table, table)
    change(shop, table)
    assert refresh(client, table)["state"] == "succeeded"
    equals(client, shop, table, table)


def test_rows_without_a_cursor_are_set_aside_each_time(client, erp, shop, table):
    shop.run(f"UPDATE grow.{table} SET updated_at = NULL WHERE id = 5")
    add(client, table, table)
    assert counts(client, table) == (3000, 2999, 1, True, 0)
    refresh(client, table)
    assert counts(client, table) == (1, 0, 1, True, 0)
    shop.run(f"UPDATE grow.{table} SET updated_at = NULL WHERE id = 6")
    change(shop, table)
    refresh(client, table)
    assert counts(client, table) == (5, 3, 2, True, 1)
    rejected = client.get(f"/api/v1/datasets/{table}/rejected").json()["items"]
    assert [json.loads(row["text"])["id"] for row in rejected] == [5, 6]
    assert "column 'updated_at' is empty" in rejected[0]["reason"]


@pytest.mark.parametrize("how, words", [("drop", "missing"), (("alter", b"row-02999x"), "changed")])
def test_a_changed_row_that_is_damaged_on_its_way_is_named(client, erp, shop, table, how, words):
    shop.run(f"UPDATE grow.{table} SET customer = 'row-029995' WHERE id = 417")
    proxy = Proxy(shop.port)
    proxy.done = True
    made = client.post("/api/v1/sources", json={"name": f"p-{table}", "kind": "mysql",
                                                "settings": settings(shop, port=proxy.port, tls="off")})
    assert made.status_code == 201, made.text
    assert add(client, table, table, source=f"p-{table}")["state"] == "succeeded"
    shop.run(f"UPDATE grow.{table} SET updated_at = UTC_TIMESTAMP(6) WHERE id BETWEEN 400 AND 450")
    proxy.mark, proxy.how, proxy.done = b"row-029995", how, False
    job = refresh(client, table)
    proxy.close()
    run = last_run(client, table)
    assert job["state"] == "failed" and run["reconciled"] is False, job
    assert {"key": '{"id":417}', "what": words} in run["difference"], run
    assert rows_of(client, f'SELECT count(*) FROM "{table}"') == [[3000]]


@pytest.mark.parametrize("change_sql, words", [
    ("DROP COLUMN updated_at", "no column 'updated_at'"),
    ("MODIFY updated_at VARCHAR(40)", "cannot be a cursor"),
    ("MODIFY updated_at DATE", "the columns of the source changed"),
    ("ADD COLUMN more INT", "'more'"),
    ("DROP COLUMN customer", "'customer'"),
])
def test_a_table_that_was_altered_says_so(client, erp, shop, table, change_sql, words):
    add(client, table, table)
    shop.run(f"ALTER TABLE grow.{table} {change_sql}")
    job = refresh(client, table)
    assert job["state"] == "failed" and words in json.dumps(job, ensure_ascii=False), job
    assert rows_of(client, f'SELECT count(*) FROM "{table}"') == [[3000]]


@pytest.mark.parametrize("what, words", [
    ({"cursor": None}, "updated_at (timestamp), id (bigint)"),
    ({"mode": "full"}, "'cursor' goes with mode incremental"),
    ({"mode": "log", "cursor": None}, "'mode' must be one of full incremental changes"),
    ({"mode": "changes"}, "'cursor' goes with mode incremental"),
    ({"key": "id"}, "'key' must be a list"),
    ({"overlap": -1}, "'overlap' must be a whole number"),
    ({"table": None, "query": "SELECT 1 AS updated_at"}, "needs a 'key'"),
])
def test_a_wrong_request_is_refused(client, erp, table, what, words):
    answer = start(client, table, **({"table": table} | what))
    assert answer.status_code == 422 and words in answer.text, answer.text


def test_keys_that_do_not_tell_rows_apart(client, erp, shop, table):
    shop.run(f"UPDATE grow.{table} SET customer = 'row-00001' WHERE id = 3")
    job = add(client, table, table, key=["customer"])
    assert job["state"] == "failed" and "does not tell the rows apart" in json.dumps(job), job
    shop.run(f"UPDATE grow.{table} SET customer = NULL WHERE id = 3")
    job = add(client, table, table, key=["customer"])
    assert job["state"] == "failed" and "[null] is empty or comes twice" in json.dumps(job), job
    shop.run(f"ALTER TABLE grow.{table} MODIFY id BIGINT, DROP PRIMARY KEY")
    job = add(client, table, table)
    assert job["state"] == "failed" and "has no primary key" in json.dumps(job), job
    assert client.get(f"/api/v1/datasets/{table}").status_code == 404


def test_a_query_by_a_number(client, erp, shop, table):
    job = add(client, table, None, query=f"SELECT id, customer FROM {table} WHERE id % 2 = 0", cursor="id", key=["id"],
              overlap=0)
    assert job["state"] == "succeeded", job
    shop.run(f"INSERT INTO grow.{table} (customer) VALUES ('a'), ('b'), ('c'), ('d')")
    before = shop.queries()
    assert refresh(client, table)["state"] == "succeeded"
    assert counts(client, table) == (2, 2, 0, True, 1)
    assert "WHERE `id` >= 3000" in shop.queries()[len(before):]


def files_of(folder, version=None):
    return {uri.rsplit("/", 1)[-1] for uri in deltalake.DeltaTable(str(folder), version=version).file_uris()}


def folder_of(client, server, name):
    dataset = client.get(f"/api/v1/datasets/{name}").json()["id"]
    return next(path.parent for path in server.data.rglob("_delta_log") if dataset in str(path))


def test_only_files_with_changed_rows_are_written_anew_and_others_read_the_table(client, server, erp, shop, table):
    add(client, table, table)
    folder = folder_of(client, server, table)
    first = files_of(folder)
    shop.run(f"INSERT INTO grow.{table} (customer, updated_at) VALUES ('new', UTC_TIMESTAMP(6))")
    refresh(client, table)
    assert first < files_of(folder)  # nothing to replace: the first file stays
    change(shop, table)
    refresh(client, table)
    assert not first & files_of(folder)
    theirs = list(shop.run(f"SELECT id, customer FROM grow.{table} ORDER BY id"))
    rows = polars.from_arrow(deltalake.DeltaTable(str(folder)).to_pyarrow_table())
    assert rows.select("id", "customer").sort("id").rows() == theirs
    files = [str(folder / name) for name in files_of(folder)]
    assert duckdb.sql(f"SELECT id, customer FROM read_parquet({files}) ORDER BY id").fetchall() == theirs
    assert deltalake.DeltaTable(str(folder), version=0).to_pyarrow_table().num_rows == 3000


def test_many_runs_leave_few_files(client, server, erp, shop, table):
    add(client, table, table)
    for _ in range(20):
        shop.run(f"INSERT INTO grow.{table} (customer, updated_at) VALUES ('new', UTC_TIMESTAMP(6))")
        assert refresh(client, table)["state"] == "succeeded"
    equals(client, shop, table, table)
    assert len(files_of(folder_of(client, server, table))) < 18


def test_killed_at_any_moment_nothing_is_lost_or_doubled(shop, start_server, tmp_path, table):
    server = start_server(tmp_path / "data")
    client = server.client()
    client.post("/api/v1/sources", json={"name": "grow", "kind": "mysql", "settings": settings(shop)})
    assert add(client, table, table)["state"] == "succeeded"
    chance = random.Random(7)
    for _ in range(6):
        change(shop, table)
        job = client.post(f"/api/v1/datasets/{table}/refresh", json={}).json()["job"]["id"]
        time.sleep(chance.uniform(0.0, 1.5))
        server.kill()
        server = start_server(tmp_path / "data")
        client = server.client()
        assert wait_for_job(client, job)["state"] == "succeeded"
        equals(client, shop, table, table)
        runs = client.get(f"/api/v1/datasets/{table}/runs").json()["items"]
        assert [run["rows_written"] for run in runs[:-1]] == [3] * (len(runs) - 1), runs


def test_the_command_line(client, erp, shop, table, aimass):
    made = aimass("datasets", "add", table, "--source", "grow", "--table", table, "--mode", "incremental",
                  "--cursor", "updated_at", "--key", "id", "--overlap", "60")
    assert made.status == 0, made.err
    change(shop, table)
    assert aimass("datasets", "refresh", table).status == 0
    assert counts(client, table)[:2] == (3, 3)
    assert aimass("datasets", "refresh", table, "--full").status == 0
    assert counts(client, table)[:2] == (3001, 3001)
    refused = aimass("datasets", "add", f"{table}x", "--source", "grow", "--table", table, "--mode", "incremental",
                     check=False)
    assert refused.status != 0 and "updated_at" in refused.err
