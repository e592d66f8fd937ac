"""Predictions for whole files and datasets: every format, order, exact values, and going on after kill -9."""

import csv
import time

import numpy as np
import pytest

from harness import wait_for_job
from serving import NAMES, add_version, probability, train

pq = pytest.importorskip("pyarrow.parquet")
import pyarrow as pa  # noqa: E402

ROWS = 4000


@pytest.fixture(scope="module")
def booster(client):
    made = train(4)
    add_version(client, "buyers", made)
    client.post("/api/v1/endpoints", json={"name": "buy", "routes": [{"model": "buyers"}]}).raise_for_status()
    return made


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    rng = np.random.default_rng(9)
    rows = [{"客户": f"客户 {i}, \"a\"", "age": int(rng.integers(18, 80)), "spend": round(float(rng.gamma(2, 50)), 2),
             "visits": None if i % 17 == 0 else int(rng.poisson(3))} for i in range(ROWS)]
    folder = tmp_path_factory.mktemp("in")
    with (folder / "in.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    pq.write_table(pa.Table.from_pylist(rows), folder / "in.parquet")
    return folder, rows


def predict(client, **body):
    answer = client.post("/api/v1/predictions", json=body)
    assert answer.status_code == 202, answer.text
    job = wait_for_job(client, answer.json()["job"]["id"])
    assert job["state"] == "succeeded", job["error"]
    return job


def check(found, rows, booster):
    """found: dicts in the answer's order, numbers as numbers or as text."""
    assert list(found[0]) == [*rows[0], "prediction", "probability_0", "probability_1"]
    assert [row["客户"] for row in found] == [row["客户"] for row in rows]
    expected = probability(booster, rows)
    assert np.array([float(row["probability_1"]) for row in found]) == pytest.approx(expected, abs=1e-6)
    assert [str(row["prediction"]) for row in found] == ["1" if p > .5 else "0" for p in expected]


@pytest.mark.parametrize("source", ["csv", "parquet"])
@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_files(client, booster, table, tmp_path, source, format):
    folder, rows = table
    job = predict(client, endpoint="buy", path=str(folder / f"in.{source}"), format=format, batch_rows=1500)
    assert job["output"]["rows"] == ROWS and job["output"]["rejected_rows"] == 0
    answer = client.get(f"/api/v1/predictions/{job['id']}/file")
    assert answer.status_code == 200 and f"predictions.{format}" in answer.headers["content-disposition"]
    assert len(answer.content) == job["output"]["bytes"]
    (tmp_path / "out").write_bytes(answer.content)
    if format == "csv":
        with (tmp_path / "out").open(newline="") as file:
            found = list(csv.DictReader(file))
    else:
        found = pq.read_table(tmp_path / "out").to_pylist()
    check(found, rows, booster)


def test_from_a_dataset_into_a_dataset(client, booster, table):
    folder, rows = table
    started = client.post("/api/v1/datasets", json={"name": "customers", "source": {"path": str(folder / "in.csv")}})
    assert wait_for_job(client, started.json()["job"]["id"])["state"] == "succeeded"
    job = predict(client, model="buyers", version="1", dataset="customers", out="scored")
    assert job["output"]["dataset"] == "scored"
    answer = client.post("/api/v1/sql", json={"query": "SELECT * FROM scored", "limit": ROWS}).json()
    check([dict(zip([c["name"] for c in answer["columns"]], row)) for row in answer["rows"]], rows, booster)
    again = predict(client, model="buyers", dataset="customers", out="scored")
    assert again["output"]["dataset_version"] == job["output"]["dataset_version"] + 1
    count = client.post("/api/v1/sql", json={"query": "SELECT count(*) AS n FROM scored"}).json()
    assert count["rows"][0][0] == ROWS
    assert client.get(f"/api/v1/predictions/{again['id']}/file").status_code == 409


@pytest.mark.parametrize("body, status", [
    ({}, 400), ({"model": "buyers"}, 400), ({"model": "buyers", "endpoint": "buy", "path": "/etc/hostname"}, 400),
    ({"model": "nobody", "path": "/etc/hostname"}, 404), ({"model": "buyers", "path": "/no/such.csv"}, 404),
    ({"model": "buyers", "path": "relative.csv"}, 422), ({"model": "buyers", "dataset": "nobody"}, 404),
    ({"model": "buyers", "path": "/etc/hostname", "format": "docx"}, 415),
    ({"model": "buyers", "path": "/etc/hostname", "batch_rows": 0}, 422), ({"model": "buyers", "file": "x"}, 422),
    ({"model": 3, "path": "/etc/hostname"}, 400), ([], 400),
])
def test_wrong_requests_are_refused(client, booster, body, status):
    assert client.post("/api/v1/predictions", json=body).status_code == status


@pytest.mark.parametrize("name", ["admin.key", "secrets.key", "metadata.db", "../data/admin.key"])
def test_the_servers_own_files_are_nobodys_table(server, client, booster, tmp_path, name):
    (server.data / "secrets.key").touch()
    link = tmp_path / "innocent.csv"
    link.symlink_to(server.data / name.replace("../data/", f"../{server.data.name}/"))
    for path in (str(server.data / name.replace("../data/", f"../{server.data.name}/")), str(link)):
        answer = client.post("/api/v1/predictions", json={"model": "buyers", "path": path, "input_format": "csv",
                                                          "options": {"header": "no"}})
        assert answer.status_code == 403, answer.text
        imported = client.post("/api/v1/models/import", json={"name": "stolen", "target": "x", "source": {"path": path}})
        assert imported.status_code == 403, imported.text


def test_the_wrong_table_is_refused(client, booster, tmp_path):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n3,4\n")
    started = client.post("/api/v1/predictions", json={"model": "buyers", "path": str(tmp_path / "other.csv")})
    job = wait_for_job(client, started.json()["job"]["id"])
    assert job["state"] == "failed" and all(name in job["error"]["detail"] for name in NAMES)
    assert client.get(f"/api/v1/predictions/{job['id']}/file").status_code == 409
    assert client.get("/api/v1/predictions/01a20430-8645-7773-a46c-80315dd16875/file").status_code == 404


def test_kill_loses_at_most_one_batch(start_server, tmp_path):
    rows, batch = 400_000, 20_000
    path = tmp_path / "big.csv"
    rng = np.random.default_rng(2)
    ages, spends, visits = rng.integers(18, 80, rows), rng.gamma(2, 50, rows).round(2), rng.poisson(3, rows)
    with path.open("w") as file:
        file.write("id,age,spend,visits\n")
        file.writelines(f"{i},{a},{s},{v}\n" for i, (a, s, v) in enumerate(zip(ages, spends, visits)))
    data = tmp_path / "data"
    data.mkdir()
    server = start_server(data)
    booster = train(5)
    with server.client() as client:
        add_version(client, "m", booster)
        started = client.post("/api/v1/predictions", json={"model": "m", "path": str(path), "batch_rows": batch})
        job = started.json()["job"]["id"]
        finished = lambda c: sum("have a prediction" in line["message"] for line in
                                 c.get(f"/api/v1/jobs/{job}/log").json()["items"])
        deadline = time.monotonic() + 120
        while finished(client) < 4 and time.monotonic() < deadline:
            time.sleep(.02)
        assert client.get(f"/api/v1/jobs/{job}").json()["state"] == "running"
    server.kill()
    server = start_server(data)
    with server.client() as client:
        ended = wait_for_job(client, job)
        assert ended["state"] == "succeeded" and ended["attempt"] > 1, ended
        log = [line["message"] for line in client.get(f"/api/v1/jobs/{job}/log").json()["items"]]
        # Every batch once, and at most one of them twice: the one that was being written when the process died.
        assert any(message.startswith("going on behind row") for message in log)
        assert sum("have a prediction" in message for message in log) <= rows // batch + 1
        answer = client.get(f"/api/v1/predictions/{job}/file")
        found = list(csv.DictReader(answer.text.splitlines()))
    server.stop()
    assert [int(row["id"]) for row in found] == list(range(rows))
    asked = [{"age": float(a), "spend": float(s), "visits": float(v)} for a, s, v in zip(ages, spends, visits)]
    assert np.array([float(row["probability_1"]) for row in found]) == pytest.approx(probability(booster, asked), abs=1e-6)


def test_columns_that_do_not_fit_are_named(client, booster, tmp_path):
    file = tmp_path / "odd.csv"
    file.write_text("age,spend\n41,3.5\nold,2\n,1\n")
    job = predict(client, model="buyers", path=str(file), format="csv")
    assert job["output"]["rows"] == 3
    missing, misfit = job["output"]["warnings"]
    assert missing == "missing columns count as empty: visits"
    assert misfit == "column 'age' has values that are no numbers, such as 'old': they count as empty"
    found = list(csv.DictReader(client.get(f"/api/v1/predictions/{job['id']}/file").text.splitlines()))
    expected = probability(booster, [{"age": 41, "spend": 3.5}, {"spend": 2}, {"spend": 1}])
    assert np.array([float(row["probability_1"]) for row in found]) == pytest.approx(expected, abs=1e-6)
    chinese = client.post("/api/v1/predictions", json={"model": "buyers", "path": str(file)}, headers={"Accept-Language": "zh"})
    assert "缺少的列" in wait_for_job(client, chinese.json()["job"]["id"])["output"]["warnings"][0]


def test_a_table_that_fits_brings_no_warning(client, booster, table):
    assert predict(client, model="buyers", path=str(table[0] / "in.csv"))["output"]["warnings"] == []
