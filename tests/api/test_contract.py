"""Every route of the contract under generated requests, valid and invalid, with a key and without.

Nothing is excluded: an answer of 5xx, a status or a body that api/openapi.yaml does not describe, an invalid request
that is accepted, and a route that answers without a key where it must not are failures.
"""

import json
import os
import pathlib
import re
import subprocess

import httpx
import pytest

from harness import ROOT, clean_environment, wait_for_job

HERE = pathlib.Path(__file__).resolve().parent
EXAMPLES = int(os.environ.get("AIMASS_CONTRACT_EXAMPLES", "100"))


@pytest.fixture(scope="module")
def filled(server, client, mariadb):
    """The server with one source, dataset, model and endpoint, each called `demo`."""
    rows = "\n".join(f"{i},{'abc'[i % 3]},{i * 37 % 101},{'yes' if i * 37 % 101 > 50 else 'no'}" for i in range(300))
    (server.data.parent / "demo.csv").write_text("id,group,amount,churn\n" + rows + "\n")
    job = client.post("/api/v1/datasets", json={"name": "demo", "source": {"path": str(server.data.parent / "demo.csv")}})
    assert job.status_code == 202, job.text
    assert wait_for_job(client, job.json()["job"]["id"])["state"] == "succeeded"
    job = client.post("/api/v1/models", json={"name": "demo", "dataset": "demo", "target": "churn", "time_s": 3,
                                              "threads": 1, "keep": ["amount"]})
    assert job.status_code == 202, job.text
    assert wait_for_job(client, job.json()["job"]["id"])["state"] == "succeeded"
    endpoint = client.post("/api/v1/endpoints", json={"name": "demo", "routes": [{"model": "demo", "version": "1"}]})
    assert endpoint.status_code == 201, endpoint.text
    mariadb.run("CREATE DATABASE IF NOT EXISTS contract", "CREATE TABLE contract.demo (id INT PRIMARY KEY, name TEXT)",
                "INSERT INTO contract.demo VALUES (1, 'a')")
    source = client.post("/api/v1/sources", json={"name": "demo", "kind": "mysql", "settings": {
        "host": "127.0.0.1", "port": mariadb.port, "user": "root", "database": "contract", "timeout_s": 20}})
    assert source.status_code == 201, source.text
    cursors = {path: client.get(path, params={"limit": 1}).json()["next_cursor"]
               for path in ("/api/v1/datasets", "/api/v1/models", "/api/v1/endpoints", "/api/v1/jobs")}
    assert cursors["/api/v1/jobs"], cursors
    return {"name": "demo", "version": "1", "alias": "champion", "job": job.json()["job"]["id"], "table": "demo",
            "cursors": cursors}


def run_schemathesis(server, filled, tmp_path, *arguments):
    program = ROOT / "build" / "venv" / "bin" / "schemathesis"
    environment = clean_environment() | {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(HERE),
                                         "AIMASS_CONTRACT_FILLED": json.dumps(filled)}
    done = subprocess.run(
        [program, "--config-file", HERE / "schemathesis.toml", "run", server.address + "/openapi.json", "--no-color",
         "--continue-on-failure", "--request-timeout", "60", "--seed", "1", "--max-examples", str(EXAMPLES),
         "--phases", "examples,coverage,fuzzing", "--generation-database", "none", "--warnings", "off", *arguments],
        cwd=tmp_path, env=environment, capture_output=True, text=True)
    document = httpx.get(server.address + "/openapi.json").json()
    operations = sum(method in item for item in document["paths"].values()
                     for method in ("get", "post", "put", "patch", "delete", "head"))
    tested = re.search(r"Selected: (\d+)/(\d+)\s+Tested: (\d+)\b", done.stdout)
    assert tested, done.stdout[-4000:] + done.stderr[-2000:]
    assert tested[1] == tested[2] == tested[3] and int(tested[3]) >= operations, done.stdout[-4000:]
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert httpx.get(server.address + "/readyz").status_code == 200


@pytest.mark.timeout(1800)
def test_with_a_key(server, filled, tmp_path):
    run_schemathesis(server, filled, tmp_path, "-H", f"Authorization: Bearer {server.key}")


@pytest.mark.timeout(900)
def test_without_a_key(server, filled, tmp_path):
    run_schemathesis(server, filled, tmp_path)
