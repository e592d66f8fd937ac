"""Datasets on their way back into Elasticsearch: compared before they are seen, and once, whatever is killed."""

import threading
import time

import pytest

from collecting import collect, rows_of
from elasticsearch_proxy import Proxy
from harness import wait_for_job
from sending import dataset_of, start, table_name, text_of, until_running, write

ROWS = 20_000


def add_source(client, server, name, user="writer", port=None, writable=True):
    answer = client.post("/api/v1/sources", json={"name": name, "kind": "elasticsearch", "settings": {
        "address": f"http://127.0.0.1:{port or server.port}", "user": user, "password": server.READER[1],
        "writable": writable}})
    assert answer.status_code == 201, answer.text
    return name


@pytest.fixture(scope="module")
def shop(elasticsearch):
    return elasticsearch


@pytest.fixture(scope="module")
def source(client, shop):
    return add_source(client, shop, "shop")


@pytest.fixture
def dataset(client):
    return lambda sql: dataset_of(client, sql)


def count(shop, table):
    shop.ask("POST", f"/{table}/_refresh")
    return shop.ask("GET", f"/{table}/_count")["count"]


def stages(shop, table):
    """Indices that deliveries into the table left behind."""
    return [name for name in shop.ask("GET", "/_all?expand_wildcards=all") if name.startswith(f"{table}-aimass-")]


def test_every_type_comes_back_as_it_was_sent(client, shop, source, dataset):
    name = dataset("""
        SELECT 'k' || i AS _id, CAST(i AS TINYINT) AS small, CAST(i * 1000000007 AS BIGINT) AS big, i % 2 = 0 AS flag,
               CAST(i * 0.37 AS DECIMAL(12,2)) AS amount, CAST(i / 7.0 AS DOUBLE) AS score,
               DATE '2026-01-01' + CAST(i AS INTEGER) AS day, TIMESTAMP '2026-01-01 08:00:00.000001' + INTERVAL (i) HOUR AS at,
               CASE i WHEN 1 THEN '' WHEN 2 THEN NULL WHEN 3 THEN 'it''s \\ "x"' || chr(9) || chr(10) || chr(13) || '\\N'
                      WHEN 4 THEN '订单 🛒' ELSE repeat('长', 1000) END AS note,
               CASE WHEN i > 1 THEN unhex('00ff5c27') END AS bytes
        FROM range(9) t(i)""")
    table = table_name()
    job = write(client, source, name, table)
    assert job["state"] == "succeeded" and job["output"] == {"rows": 9, "table": table, "created": True}, job
    assert collect(client, f"{name}-back", source, table=table)["state"] == "succeeded"
    columns = ("_id, small, big, flag, CAST(amount AS DECIMAL(12,2)), score, epoch_us(CAST(day AS TIMESTAMP)), "
               "epoch_us(CAST(\"at\" AS TIMESTAMP)), note, bytes")
    assert rows_of(client, f'SELECT {columns} FROM "{name}-back" ORDER BY small') == rows_of(
        client, f"SELECT {columns} FROM {name} ORDER BY small")
    mapping = shop.ask("GET", f"/{table}/_mapping")[table]["mappings"]["properties"]
    assert (mapping["note"]["type"], mapping["at"]["type"], mapping["small"]["type"]) == ("text", "date_nanos", "byte")


@pytest.mark.parametrize("sql, mapping, words", [
    ("SELECT 1 AS id, 3000000000 AS v", {"type": "integer"}, "'3000000000' cannot be integer without a change"),
    ("SELECT 1 AS id, '12 pieces' AS v", {"type": "long"}, "'12 pieces' cannot be bigint without a change"),
    ("SELECT 1 AS id, 'nowhere' AS v", {"type": "ip"}, "refuses a row"),
    ("SELECT 1 AS id, '{\"a\": ' AS v", {"type": "object", "enabled": False}, "is no JSON"),
    ("SELECT 1 AS id, TIMESTAMP '2026-01-01 08:00:00.000001' AS v", {"type": "date"}, "keeps other values than were sent"),
    ("SELECT 1 AS id, [1, 2] AS v", {"type": "long"}, "no column of the database holds 'v'"),
    ("SELECT 1 AS id, 2 AS w", {"type": "long"}, "has no column 'w'"),
    ("SELECT 1 AS id, 2 AS v, CAST(NULL AS VARCHAR) AS _id", {"type": "long"}, "row 1 has no _id"),
])
def test_what_does_not_fit_is_named_and_changes_nothing(client, shop, source, dataset, sql, mapping, words):
    table = table_name()
    shop.create(table, {"id": {"type": "long"}, "v": mapping})
    for mode in ("append", "replace"):
        job = write(client, source, dataset(sql), table, mode=mode)
        assert job["state"] == "failed" and words in text_of(job), job
        assert job["error"]["code"] == "unprocessable", job
        assert count(shop, table) == 0
    assert stages(shop, table) == []


def test_replace_shows_the_old_documents_until_the_new_ones_are_there(client, shop, source, dataset):
    table = table_name()
    shop.create(table, {"id": {"type": "long"}, "note": {"type": "keyword"}})
    shop.ask("POST", "/_aliases", {"actions": [{"add": {"index": table, "alias": f"{table}-all"}}]})
    shop.put(table, [("old", {"id": -1, "note": "old"})])
    new = dataset(f"SELECT CAST(i AS BIGINT) AS id, 'n' || i AS note FROM range({ROWS}) t(i)")
    seen, stop = set(), threading.Event()

    def look():
        while not stop.is_set():
            seen.add(shop.ask("GET", f"/{table}/_count")["count"])

    looker = threading.Thread(target=look)
    looker.start()
    try:
        jobs = [write(client, source, new, table, mode="replace") for _ in range(2)]
    finally:
        stop.set()
        looker.join()
    assert all(job["state"] == "succeeded" for job in jobs), jobs
    assert seen <= {1, ROWS}, seen
    assert count(shop, f"{table}-all") == ROWS  # its other name leads there as well
    held = list(shop.ask("GET", f"/{table}"))
    assert len(held) == 1 and stages(shop, table) == held
    hidden = shop.ask("GET", f"/{table}/_settings")[held[0]]["settings"]["index"].get("hidden")
    assert hidden in (None, "false")
    shop.ask("DELETE", f"/{held[0]}")


def test_upsert_is_by_id(client, shop, source, dataset):
    table = table_name()
    shop.create(table, {"name": {"type": "keyword"}, "v": {"type": "long"}})
    shop.put(table, [("a", {"name": "a", "v": 1}), ("b", {"name": "b", "v": 2})])
    job = write(client, source, dataset("SELECT 'a' AS name, 5 AS v"), table, mode="upsert", key=["name"])
    assert job["state"] == "failed" and "told apart by _id" in text_of(job) and "SELECT id AS _id" in text_of(job), job
    for bad in ("SELECT 'a' AS _id, 1 AS v UNION ALL SELECT 'a', 2", "SELECT CAST(NULL AS VARCHAR) AS _id, 1 AS v"):
        job = write(client, source, dataset(bad), table, mode="upsert")
        assert job["state"] == "failed" and "is empty or comes twice" in text_of(job), job
    good = dataset("SELECT 'a' AS _id, 'x' AS name, 5 AS v UNION ALL SELECT 'c', 'c', 6")
    for _ in range(2):  # the same again changes nothing more
        assert write(client, source, good, table, mode="upsert")["state"] == "succeeded"
        assert shop.documents(table) == {"a": {"name": "x", "v": 5}, "b": {"name": "b", "v": 2}, "c": {"name": "c", "v": 6}}
    assert stages(shop, table) == []


def test_append_overwrites_no_document(client, shop, source, dataset):
    table = table_name()
    shop.create(table, {"v": {"type": "long"}})
    shop.put(table, [("b", {"v": 2})])
    job = write(client, source, dataset("SELECT 'a' AS _id, 1 AS v UNION ALL SELECT 'b', 9"), table)
    assert job["state"] == "failed" and "a document with the _id 'b' is there" in text_of(job), job
    assert shop.documents(table) == {"b": {"v": 2}}
    assert write(client, source, dataset("SELECT 'a' AS _id, 1 AS v"), table)["state"] == "succeeded"
    assert write(client, source, dataset("SELECT 7 AS v"), table)["state"] == "succeeded"  # an _id of its own
    assert sorted(document["v"] for document in shop.documents(table).values()) == [1, 2, 7]


def test_only_into_one_index(client, shop, source, dataset):
    table = table_name()
    for part in ("a", "b"):
        shop.create(f"{table}-{part}", {"v": {"type": "long"}})
        shop.ask("POST", "/_aliases", {"actions": [{"add": {"index": f"{table}-{part}", "alias": table}}]})
    job = write(client, source, dataset("SELECT 1 AS v"), table)
    assert job["state"] == "failed" and f"'{table}' is not one index" in text_of(job), job
    job = write(client, source, dataset("SELECT 1 AS v"), "a/../b")
    assert job["state"] == "failed" and "cannot be the name of an index" in text_of(job), job


@pytest.mark.parametrize("how, words", [("drop", "missing"), ("double", "doubled"), (("alter", b"row-0100x"), "changed")])
def test_a_row_that_is_not_kept_as_it_was_sent_is_named(client, shop, dataset, how, words):
    """The proxy damages what the server gives back, of a document that no look at some of them sees."""
    table = table_name()
    shop.create(table, {"id": {"type": "long"}, "note": {"type": "keyword"}})
    rows = dataset("SELECT CAST(i AS BIGINT) AS id, printf('row-%05d', i) AS note FROM range(2000) t(i)")
    proxy = Proxy(shop.port, b"row-01000", how)
    job = write(client, add_source(client, shop, f"damaged-{table}", port=proxy.port), rows, table, mode="replace")
    proxy.close()
    assert proxy.done and job["state"] == "failed" and "keeps other values than were sent" in text_of(job), job
    assert count(shop, table) == 0


def test_rows_are_appended_once_whatever_is_killed(shop, start_server, tmp_path):
    server = start_server(tmp_path / "data")
    client = server.client()
    source = add_source(client, shop, "shop")
    rows = dataset_of(client, f"SELECT i AS id, 'n' || i AS note FROM range({ROWS}) t(i)")
    for kill in range(5):
        table = table_name()
        job = start(client, source, rows, table)
        until_running(client, job)
        time.sleep(0.4 * kill)
        server.kill()
        server = start_server(tmp_path / "data")
        client = server.client()
        assert wait_for_job(client, job)["state"] == "succeeded"
        assert count(shop, table) == ROWS, kill
        found = shop.ask("POST", f"/{table}/_search", {"size": 0, "aggs": {"ids": {"cardinality": {
            "field": "id", "precision_threshold": 40000}}}})["aggregations"]["ids"]["value"]
        assert abs(found - ROWS) < ROWS * 0.01, kill  # it is an estimate
        assert stages(shop, table) == []


def test_who_may_not_write_is_told_what_is_missing(client, shop, dataset):
    table = table_name()
    shop.create(table, {"v": {"type": "long"}})
    rows = dataset("SELECT 1 AS v")
    closed = add_source(client, shop, f"closed-{table}", writable=False)
    answer = client.post(f"/api/v1/sources/{closed}/write", json={"dataset": rows, "table": table})
    assert answer.status_code == 403 and "may only be read" in answer.text and "writable=true" in answer.text
    reader = add_source(client, shop, f"reader-{table}", user="reader")
    for mode in ("append", "upsert", "replace"):
        sent = dataset("SELECT 'a' AS _id, 1 AS v") if mode == "upsert" else rows
        job = write(client, reader, sent, table, mode=mode)
        assert job["state"] == "failed" and job["error"]["code"] == "permission_denied", job
        assert '"write","create_index","manage"' in text_of(job), job
    assert count(shop, table) == 0


def test_a_cancelled_job_leaves_nothing(client, shop, source, dataset):
    table = table_name()
    shop.create(table, {"id": {"type": "long"}, "note": {"type": "keyword", "index": False}})
    rows = dataset("SELECT CAST(i AS BIGINT) AS id, repeat('x', 500) AS note FROM range(200000) t(i)")
    job = start(client, source, rows, table)
    until_running(client, job)
    time.sleep(0.3)
    assert client.post(f"/api/v1/jobs/{job}/cancel").status_code in (200, 202)
    assert wait_for_job(client, job)["state"] == "cancelled"
    assert count(shop, table) == 0 and stages(shop, table) == []
