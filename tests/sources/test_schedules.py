"""Datasets that are collected by themselves from MariaDB: when they are due, once each, whatever kills the server."""

import datetime
import json
import sqlite3
import time

import pytest

from harness import wait_for_job


@pytest.fixture(scope="module")
def shop(mariadb):
    mariadb.run("CREATE DATABASE IF NOT EXISTS clock", "CREATE USER IF NOT EXISTS ticker@'127.0.0.1' IDENTIFIED BY 'p'",
                "GRANT SELECT ON clock.* TO ticker@'127.0.0.1'")
    return mariadb


def make_source(client, shop):
    answer = client.post("/api/v1/sources", json={"name": "erp", "kind": "mysql", "settings": {
        "host": "127.0.0.1", "port": shop.port, "user": "ticker", "password": "p", "database": "clock"}})
    assert answer.status_code == 201, answer.text


@pytest.fixture(scope="module")
def erp(client, shop):
    make_source(client, shop)
    return "erp"


@pytest.fixture
def table(shop):
    name = f"t{time.monotonic_ns()}"
    shop.run(f"CREATE TABLE {name} (id BIGINT PRIMARY KEY AUTO_INCREMENT, what VARCHAR(40))",
             f"INSERT INTO {name} (what) VALUES ('a'), ('b'), ('c')", database="clock")
    return name


@pytest.fixture
def server_of_its_own(start_server, tmp_path, shop):
    """A server that a test may kill, with the source."""
    data = tmp_path / "data"
    data.mkdir()
    server = start_server(data)
    with server.client() as client:
        make_source(client, shop)
    return server


def start(client, table, schedule, name=None, **what):
    return client.post("/api/v1/datasets", json={"name": name or table, "source": "erp", "table": table,
                                                 "schedule": schedule} | what)


def add(client, table, schedule, name=None, **what):
    answer = start(client, table, schedule, name, **what)
    assert answer.status_code == 202, answer.text
    job = wait_for_job(client, answer.json()["job"]["id"])
    assert job["state"] == "succeeded", job


def dataset(client, name):
    answer = client.get(f"/api/v1/datasets/{name}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def patch(client, dataset_name, /, **body):
    return client.patch(f"/api/v1/datasets/{dataset_name}", json=body)


def runs(client, name):
    return client.get(f"/api/v1/datasets/{name}/runs", params={"limit": 1000}).json()["items"]


def eventually(look, timeout_s=60):
    deadline = time.monotonic() + timeout_s
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.1)
    return found


def moment(text):
    return datetime.datetime.fromisoformat(text)


def due_moments(server):
    """Dataset → the due moments (ms) that started a job, from the metadata itself."""
    with sqlite3.connect(f"file:{server.data}/metadata.db?mode=ro", uri=True) as database:
        found = {}
        for key, parameters in database.execute(
                "SELECT idempotency_key, parameters FROM jobs WHERE idempotency_key LIKE 'schedule:%'"):
            if ":after:" not in key:
                found.setdefault(json.loads(parameters)["name"], []).append(int(key.rsplit(":", 1)[1]))
        return {name: sorted(due) for name, due in found.items()}


def test_an_interval_collects_by_itself(client, erp, shop, table, server):
    add(client, table, "every 1s")
    found = dataset(client, table)
    assert (found["schedule"], found["catch_up"], found["schedule_paused"]) == ("every 1s", "latest", None)
    shop.run(f"INSERT INTO clock.{table} (what) VALUES ('later')")
    eventually(lambda: dataset(client, table)["rows"] == 4)
    eventually(lambda: len(runs(client, table)) >= 4)
    found = dataset(client, table)
    last = found["last_scheduled_run"]
    assert last["error"] is None and last["state"] in ("queued", "running", "succeeded"), last
    assert moment(found["next_run_at"]) > moment(last["due_at"])
    # Ordinary jobs, one after the other, on behalf of the key.
    assert patch(client, table, schedule=None).status_code == 200
    jobs = [job for job in client.get("/api/v1/jobs", params={"kind": "collect", "limit": 1000}).json()["items"]]
    assert last["job"] in [job["id"] for job in jobs]
    eventually(lambda: all(job["state"] not in ("queued", "running") for job in
                           client.get("/api/v1/jobs", params={"kind": "collect", "limit": 1000}).json()["items"]))
    done = sorted((moment(run["started_at"]), moment(run["finished_at"])) for run in runs(client, table))
    assert all(run["state"] == "succeeded" and run["reconciled"] for run in runs(client, table))
    assert all(before[1] <= after[0] for before, after in zip(done, done[1:])), done
    assert len(done) == 1 + len(due_moments(server)[table])


def test_change_and_removal(client, erp, shop, table):
    add(client, table, "0 2 * * *", catch_up="all")
    found = dataset(client, table)
    assert (found["schedule"], found["catch_up"], found["last_scheduled_run"]) == ("0 2 * * *", "all", None)
    assert moment(found["next_run_at"]).strftime("%H:%M:%S") == "02:00:00"
    found = patch(client, table, schedule="every 1s", catch_up="skip").json()
    assert (found["schedule"], found["catch_up"]) == ("every 1s", "skip")
    eventually(lambda: len(runs(client, table)) >= 3)
    found = patch(client, table, schedule=None).json()
    assert {found[key] for key in ("schedule", "catch_up", "time_zone", "next_run_at", "last_scheduled_run")} == {None}
    time.sleep(1)  # what was started before ends
    eventually(lambda: not any(job["state"] in ("queued", "running") for job in
                               client.get("/api/v1/jobs", params={"kind": "collect"}).json()["items"]))
    before = len(runs(client, table))
    time.sleep(3)
    assert len(runs(client, table)) == before
    assert patch(client, table, schedule=None).status_code == 200
    assert patch(client, table, catch_up="all").status_code == 422
    # A dataset that is deleted takes its schedule along; renamed, it keeps it.
    assert patch(client, table, name=table + "x", schedule="@daily").json()["schedule"] == "@daily"
    assert dataset(client, table + "x")["schedule"] == "@daily"
    assert client.delete(f"/api/v1/datasets/{table}x").status_code == 204


@pytest.mark.parametrize(("schedule", "english", "chinese"), [
    ("61 * * * *", "the minute must be 0 to 59, * or a list, range or step of these, found '61'", "分钟必须是 0 到 59"),
    ("* * * *", "expected 5 fields (minute, hour, day of the month, month, weekday), found 4", "应有 5 个字段"),
    ("0 0 31 2 *", "'0 0 31 2 *' never comes: the month '2' has no day '31'", "永远不会到来"),
    ("every 0.2s", "expected a time from 1s to 366d, as in 'every 15m'", "例如“every 15m”"),
    ("after:nothing-here", "no dataset 'nothing-here'", "没有数据集“nothing-here”"),
    ("", "is no schedule", "不是计划"),
    (5, "'schedule' must be a text, found 5", "“schedule”必须是文本"),
])
def test_what_is_no_schedule_is_said(client, erp, table, schedule, english, chinese):
    for language, text in (("en", english), ("zh", chinese)):
        answer = client.post("/api/v1/datasets", headers={"Accept-Language": language},
                             json={"name": table, "source": "erp", "table": table, "schedule": schedule})
        assert answer.status_code == 422, answer.text
        assert text in answer.json()["detail"], answer.text
    assert client.get(f"/api/v1/datasets/{table}").status_code == 404


def test_where_a_schedule_does_not_belong(client, erp, table):
    answer = client.post("/api/v1/datasets", json={"name": "x", "sql": "SELECT 1 AS a", "schedule": "@daily"})
    assert answer.status_code == 422 and "goes with the name of a source" in answer.text
    assert start(client, table, None, catch_up="all").status_code == 422
    assert start(client, table, "@daily", catch_up="perhaps").status_code == 422
    done = client.post("/api/v1/datasets", json={"name": f"sql{table}", "sql": "SELECT 1 AS a"}).json()
    assert wait_for_job(client, done["job"]["id"])["state"] == "succeeded"
    answer = patch(client, f"sql{table}", schedule="@daily")
    assert answer.status_code == 422 and "only a dataset that is collected from a source" in answer.text
    assert patch(client, f"sql{table}").status_code == 422


def test_after_another(client, erp, shop, table):
    add(client, table, None)
    add(client, table, f"after:{table}", name=table + "b")
    add(client, table, f"after:{table}b", name=table + "c")
    assert dataset(client, table + "b")["next_run_at"] is None
    for name in (table, table + "b"):  # a circle of three, and of two
        answer = patch(client, name, schedule=f"after:{table}c")
        assert answer.status_code == 422 and "in a circle" in answer.text, answer.text
    assert patch(client, table, name=table + "-new").status_code == 200
    assert dataset(client, table + "b")["schedule"] == f"after:{table}-new"
    # The first collection of b has run c already.
    before = {name: len(runs(client, name)) for name in (table + "b", table + "c")}
    for _ in range(2):
        answer = client.post(f"/api/v1/datasets/{table}-new/refresh", json={})
        assert wait_for_job(client, answer.json()["job"]["id"])["state"] == "succeeded"
        eventually(lambda: len(runs(client, table + "c")) > before[table + "c"])
        before = {name: len(runs(client, name)) for name in before}
    assert client.delete(f"/api/v1/datasets/{table}-new").status_code == 204
    assert dataset(client, table + "b")["schedule_paused"] == "what this schedule runs after was deleted"


def test_a_revoked_key_pauses(client, erp, server, table):
    made = client.post("/api/v1/keys", json={"name": table}).json()
    with server.client(headers={"Authorization": f"Bearer {made['secret']}"}) as etl:
        add(etl, table, "every 1s")
        eventually(lambda: len(runs(etl, table)) >= 2)
    assert client.delete(f"/api/v1/keys/{made['id']}").status_code == 204
    found = dataset(client, table)
    assert found["schedule_paused"] == f"the key '{table}' was revoked" and found["next_run_at"] is None
    eventually(lambda: not any(job["state"] in ("queued", "running") for job in
                               client.get("/api/v1/jobs", params={"kind": "collect"}).json()["items"]))
    before = len(runs(client, table))
    time.sleep(2.5)
    assert len(runs(client, table)) == before
    zh = client.get(f"/api/v1/datasets/{table}", headers={"Accept-Language": "zh"}).json()
    assert zh["schedule_paused"] == f"密钥“{table}”已被作废"
    assert patch(client, table, schedule="every 1s").json()["schedule_paused"] is None  # by another key
    eventually(lambda: len(runs(client, table)) > before)
    patch(client, table, schedule=None)


def test_killed_servers_double_and_lose_nothing(server_of_its_own, start_server, shop, table):
    server = server_of_its_own
    with server.client() as client:
        add(client, table, "every 1s", catch_up="all")
    for kill in range(5):
        shop.run(f"INSERT INTO clock.{table} (what) VALUES ('kill {kill}')")
        time.sleep(0.7 + 0.31 * kill)
        server.kill()
        server = start_server(server.data)
    shop.run(f"INSERT INTO clock.{table} (what) VALUES ('last')")
    with server.client() as client:
        eventually(lambda: dataset(client, table)["rows"] == 9)
        due = eventually(lambda: (all_due := due_moments(server)[table]) and len(all_due) > 8 and all_due)
        # Every second from the first on, once each: the key is the moment, and jobs have a unique key.
        assert due == list(range(due[0], due[0] + 1000 * len(due), 1000))
        patch(client, table, schedule=None)
        eventually(lambda: not any(job["state"] in ("queued", "running") for job in
                                   client.get("/api/v1/jobs", params={"kind": "collect"}).json()["items"]))
        recorded = [run["job"] for run in runs(client, table)]
        assert len(recorded) == len(set(recorded))
        assert {run["state"] for run in runs(client, table)} == {"succeeded"}


def test_downtime_is_caught_up_as_told(server_of_its_own, start_server, table):
    server = server_of_its_own
    policies = ("latest", "all", "skip")
    with server.client() as client:
        for policy in policies:
            add(client, table, "every 2s", name=policy, catch_up=policy)
        eventually(lambda: len(due_moments(server)) == 3)
    server.stop()
    down = time.time() * 1000
    time.sleep(7)
    up = time.time() * 1000
    server = start_server(server.data)
    with server.client() as client:
        eventually(lambda: all(due_moments(server)[policy][-1] > up for policy in policies))
        missed = {policy: [due for due in due_moments(server)[policy] if down < due < up] for policy in policies}
        assert len(missed["all"]) in (3, 4), missed
        assert len(missed["latest"]) <= 1 and missed["skip"] == [], missed
        # The one run for all is of the latest moment, which may have come while the server started.
        first = [due for due in due_moments(server)["latest"] if due > down][0]
        assert first > up - 2000, (missed, first, up)


def test_the_command_line(aimass, client, erp, shop, table):
    aimass("datasets", "add", table, "--source", "erp", "--table", table, "--schedule", "30 2 * * MON-FRI",
           "--catch-up", "skip")
    english = aimass("datasets", "show", table).out
    assert "Schedule 30 2 * * MON-FRI in time zone " in english and ": next run " in english, english
    assert "计划 30 2 * * MON-FRI（时区 " in aimass("datasets", "show", table, "--lang", "zh").out
    aimass("datasets", "schedule", table, "every 1s")
    eventually(lambda: "Last scheduled run" in aimass("datasets", "show", table).out)
    assert "上次计划运行" in aimass("datasets", "show", table, "--lang", "zh").out
    wrong = aimass("datasets", "schedule", table, "every now", check=False)
    assert wrong.status == 1 and "as in 'every 15m'" in wrong.err
    assert aimass("datasets", "schedule", table, check=False).status == 2
    assert aimass("datasets", "schedule", table, "@daily", "--off", check=False).status == 2
    assert "has no schedule" in aimass("datasets", "schedule", table, "--off").out
    assert "Schedule" not in aimass("datasets", "show", table).out


def test_the_time_zone_of_the_workspace(aimass, client, erp, table):
    add(client, table, "30 2 * * *")
    before = client.get("/api/v1/workspaces").json()["items"][0]["time_zone"]
    try:
        for zone, hour in (("Asia/Shanghai", "18:30"), ("Asia/Kolkata", "21:00")):
            aimass("workspaces", "time-zone", "default", zone)
            found = dataset(client, table)
            assert (found["time_zone"], found["next_run_at"][11:16]) == (zone, hour)
        assert "Asia/Kolkata" in aimass("workspaces", "list").out
        wrong = client.patch("/api/v1/workspaces/default", json={"time_zone": "Asia/Shanghay"})
        assert wrong.status_code == 422 and wrong.json()["hint"] == "did you mean 'Asia/Shanghai'?", wrong.text
        assert client.patch("/api/v1/workspaces/other", json={"time_zone": "UTC"}).status_code == 404
    finally:
        client.patch("/api/v1/workspaces/default", json={"time_zone": before})
        patch(client, table, schedule=None)


def test_a_new_folder_takes_the_time_zone_of_the_configuration(start_server, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    with start_server(data, "--time-zone", "Europe/Berlin").client() as client:
        assert json.loads(client.get("/api/v1/workspaces").text)["items"][0]["time_zone"] == "Europe/Berlin"
