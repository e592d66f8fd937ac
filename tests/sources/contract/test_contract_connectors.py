"""Every connector does what it declares, against its real server, and refuses what it does not declare."""

import decimal
import json
import time

import pytest

from adapters import ADAPTERS
from harness import wait_for_job

ROWS = [(i, f"名 {i}", decimal.Decimal(f"{i}.25"), f"2026-01-{1 + i // 60:02d} 08:{i % 60:02d}:00") for i in range(600)]
LATER = "2026-02-01 00:00:00"


@pytest.fixture(scope="module", params=ADAPTERS, ids=[adapter.__name__ for adapter in ADAPTERS])
def adapter(request):
    return request.param(request.getfixturevalue(request.param.fixture))


@pytest.fixture(scope="module")
def can(client, adapter):
    kinds = {kind["name"]: kind for kind in client.get("/api/v1/connectors").json()["items"]}
    return kinds[adapter.kind]["can"]


@pytest.fixture(scope="module")
def source(client, adapter):
    name = type(adapter).__name__
    answer = client.post("/api/v1/sources", json={"name": name, "kind": adapter.kind, "settings": adapter.settings()})
    assert answer.status_code == 201, answer.text
    adapter.create("ready")  # where no table may be read, the test says so
    test = client.post(f"/api/v1/sources/{name}/test", json={}).json()
    assert test["ok"] is True, test
    return name


@pytest.fixture
def table(adapter):
    name = f"c{time.monotonic_ns()}"
    adapter.create(name)
    adapter.insert(name, ROWS)
    return name


def run(client, path, body):
    answer = client.post(path, json=body)
    assert answer.status_code == 202, answer.text
    return wait_for_job(client, answer.json()["job"]["id"])


def named(adapter, table):
    return adapter.named(table) if hasattr(adapter, "named") else table


def add(client, source, name, **what):
    job = run(client, "/api/v1/datasets", {"name": name, "source": source} | what)
    assert job["state"] == "succeeded", job
    return last_run(client, name)


def refresh(client, table, **body):
    job = run(client, f"/api/v1/datasets/{table}/refresh", body)
    assert job["state"] == "succeeded", job
    return last_run(client, table)


def last_run(client, table):
    return client.get(f"/api/v1/datasets/{table}/runs").json()["items"][0]


def stored(client, adapter, table):
    select = getattr(adapter, "select", "SELECT id, name, amount, strftime(updated_at, '%Y-%m-%d %H:%M:%S')")
    answer = client.post("/api/v1/sql", json={"query": f"{select} FROM {table} ORDER BY 1", "limit": 100000})
    assert answer.status_code == 200, answer.text
    return [(key, name, decimal.Decimal(amount), moment) for key, name, amount, moment in answer.json()["rows"]]


def test_a_connector_declares_what_the_contract_knows(can):
    assert set(can) == {"query", "incremental", "count", "sums", "moment", "files", "write", "changes"}


def test_full_and_reconciled(client, adapter, source, table):
    first = add(client, source, table, table=named(adapter, table))
    assert (first["rows_read"], first["rows_written"], first["reconciled"]) == (600, 600, True)
    assert stored(client, adapter, table) == adapter.rows(table)
    adapter.update(table, (3, "x", decimal.Decimal("7.00"), LATER))
    adapter.delete(table, 4)
    again = refresh(client, table)
    assert again["reconciled"] is True and again["version"] == 1
    assert stored(client, adapter, table) == adapter.rows(table)


def test_query(client, adapter, source, can, table):
    if can["query"]:
        assert add(client, source, table, query=adapter.query(table))["rows_written"] == 600
        assert stored(client, adapter, table) == adapter.rows(table)
        return
    answer = client.post("/api/v1/datasets", json={"name": table, "source": source, "query": "SELECT 1"})
    assert answer.status_code == 422 and "no queries" in answer.text


def test_incremental_by_files(client, adapter, source, can, table):
    what = {"table": named(adapter, table), "mode": "incremental"}
    if not can["files"]:
        answer = client.post("/api/v1/datasets", json={"name": table, "source": source} | what)
        assert answer.status_code == 422 and "needs a 'cursor'" in answer.text
        answer = client.post("/api/v1/datasets", json={"name": table, "source": source, "table": table, "format": "csv"})
        assert answer.status_code == 422 and "go with a source of files" in answer.text
        return
    add(client, source, table, **what)
    assert stored(client, adapter, table) == adapter.rows(table)
    log = adapter.log()
    adapter.insert(table, [(600, "new", decimal.Decimal("1.00"), LATER), (601, "new", decimal.Decimal("2.00"), LATER)])
    second = refresh(client, table)
    assert (second["rows_read"], second["rows_written"], second["reconciled"]) == (2, 2, True)
    assert adapter.pushed_down(log, table)
    assert stored(client, adapter, table) == adapter.rows(table)
    log = adapter.log()
    adapter.update(table, (601, "x", decimal.Decimal("7.00"), LATER))
    changed = refresh(client, table)
    assert (changed["rows_read"], changed["rows_written"], changed["reconciled"]) == (2, 2, True)
    assert stored(client, adapter, table) == adapter.rows(table)
    nothing = refresh(client, table)
    assert (nothing["rows_read"], nothing["reconciled"], nothing["version"]) == (0, True, 2)


def test_incremental(client, adapter, source, can, table):
    cursor = getattr(adapter, "cursor", "updated_at")
    what = {"table": named(adapter, table), "mode": "incremental", "cursor": cursor or "updated_at",
            "key": getattr(adapter, "key", ["id"]), "overlap": 60}
    if not can["incremental"] or can["files"]:
        answer = client.post("/api/v1/datasets", json={"name": table, "source": source} | what)
        assert answer.status_code == 422 and "not collected by a cursor" in answer.text
        return
    if cursor is None:
        job = run(client, "/api/v1/datasets", {"name": table, "source": source} | what)
        assert job["state"] == "failed" and "cannot be a cursor" in json.dumps(job), job
        return
    add(client, source, table, **what)
    assert stored(client, adapter, table) == adapter.rows(table)
    log = adapter.log()
    updates = getattr(adapter, "updates", True)
    if updates:
        adapter.update(table, (3, "x", decimal.Decimal("7.00"), LATER))
    adapter.insert(table, [(600, "new", decimal.Decimal("1.00"), LATER)])
    second = refresh(client, table)
    came = 2 if updates else 1
    assert (second["rows_read"], second["rows_written"], second["reconciled"]) == (came, came, True)
    assert adapter.pushed_down(log, table)
    assert stored(client, adapter, table) == adapter.rows(table)
    nothing = refresh(client, table)
    assert (nothing["rows_read"], nothing["reconciled"], nothing["version"]) == (0, True, 1)


def test_the_source_counts_and_adds_up_itself_where_that_is_declared(client, adapter, source, can, table):
    log = adapter.log()
    add(client, source, table, table=named(adapter, table))
    assert adapter.totals(log, table) == (can["count"], can["sums"])


def test_changes(client, adapter, source, can, table):
    what = {"table": named(adapter, table), "mode": "changes"}
    if not can["changes"]:
        answer = client.post("/api/v1/datasets", json={"name": table, "source": source} | what)
        assert answer.status_code == 422 and "does not tell which rows changed" in answer.text, answer.text
        return
    add(client, source, table, **what)
    adapter.update(table, (3, "x", decimal.Decimal("7.00"), LATER))
    adapter.insert(table, [(600, "new", decimal.Decimal("1.00"), LATER)])
    adapter.delete(table, 4)
    second = refresh(client, table)
    assert (second["rows_read"], second["rows_written"], second["reconciled"], second["version"]) == (2, 2, True, 1)
    assert stored(client, adapter, table) == adapter.rows(table)
    nothing = refresh(client, table)
    assert (nothing["rows_read"], nothing["reconciled"], nothing["version"]) == (0, True, 1)


def test_a_mode_that_no_connector_has_is_refused(client, adapter, source, table):
    answer = client.post("/api/v1/datasets", json={
        "name": table, "source": source, "table": named(adapter, table), "mode": "append"})
    assert answer.status_code == 422 and "full incremental changes" in json.dumps(answer.json()), answer.text


def write(client, source, dataset, table, **how):
    return run(client, f"/api/v1/sources/{source}/write", {"dataset": dataset, "table": table} | how)


def test_write(client, adapter, source, can, table):
    rows = [(3, "改", decimal.Decimal("7.00"), LATER), (1000, "new", decimal.Decimal("1.00"), LATER)]
    values = ", ".join(f"({key}, '{name}', {amount}, TIMESTAMP '{moment}')" for key, name, amount, moment in rows)
    dataset = f"out_{table}"
    job = run(client, "/api/v1/datasets", {"name": dataset, "sql": (
        f"SELECT {getattr(adapter, 'sent', '')}CAST(id AS BIGINT) AS id, name, CAST(amount AS DECIMAL(12,2)) AS amount, updated_at "
        f"FROM (VALUES {values}) v(id, name, amount, updated_at)")})
    assert job["state"] == "succeeded", job
    if not can["write"]:
        answer = client.post(f"/api/v1/sources/{source}/write", json={"dataset": dataset, "table": table})
        assert answer.status_code == 415 and "takes no rows" in answer.text, answer.text
        return
    before = adapter.rows(table)
    job = write(client, source, dataset, table)  # beside the rows that are there: 3 is there
    assert job["state"] == "failed" and adapter.rows(table) == before, job
    job = write(client, source, dataset, table, mode="upsert")
    assert job["state"] == "succeeded" and job["output"]["rows"] == 2, job
    changed = {row[0]: row for row in before} | {row[0]: row for row in rows}
    assert adapter.rows(table) == sorted(changed.values())
    assert write(client, source, dataset, table, mode="replace")["state"] == "succeeded"
    assert adapter.rows(table) == rows
    adapter.delete(table, 3)
    adapter.delete(table, 1000)
    assert write(client, source, dataset, table, mode="append")["state"] == "succeeded"
    assert adapter.rows(table) == rows
    # And back again: what was sent is what is collected.
    assert add(client, source, f"again_{table}", table=table)["reconciled"] is True
    assert stored(client, adapter, f"again_{table}") == rows
