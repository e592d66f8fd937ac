"""Helpers for the tests of datasets: start a job, wait for it, look at the table in the data folder."""

import json
import pathlib
import time

import pytest


class Datasets:
    def __init__(self, client, data: pathlib.Path):
        self.client = client
        self.data = data

    def wait(self, answer, timeout_s: float = 240) -> dict:
        assert answer.status_code == 202, answer.text
        job = answer.json()["job"]
        deadline = time.monotonic() + timeout_s
        while job["state"] in ("queued", "running"):
            assert time.monotonic() < deadline, job
            time.sleep(0.05)
            job = self.client.get(f"/api/v1/jobs/{job['id']}").json()
            job = job.get("job", job)
        return job

    def post(self, name: str, **body):
        return self.client.post("/api/v1/datasets", json={"name": name, **body})

    def load(self, name: str, path, **body) -> dict:
        """Imports a file of this machine; the job's output."""
        job = self.wait(self.post(name, source={"path": str(path)}, **body))
        assert job["state"] == "succeeded", job["error"]
        return job["output"]

    def fail(self, name: str, path, **body) -> dict:
        job = self.wait(self.post(name, source={"path": str(path)}, **body))
        assert job["state"] == "failed", job
        return job["error"]

    def derive(self, name: str, sql: str, **body) -> dict:
        job = self.wait(self.post(name, sql=sql, **body))
        assert job["state"] == "succeeded", job["error"]
        return job["output"]

    def get(self, name: str, rest: str = "", **query) -> dict:
        answer = self.client.get(f"/api/v1/datasets/{name}{rest}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def rows(self, name: str, **query) -> list:
        return self.get(name, "/rows", **({"limit": 1000} | query))["rows"]

    def types(self, name: str) -> dict:
        return {column["name"]: column["type"] for column in self.get(name)["columns"]}

    def folder(self, name: str) -> pathlib.Path:
        found = list(self.data.glob(f"workspaces/*/datasets/{self.get(name)['id']}"))
        assert len(found) == 1, found
        return found[0]

    def log(self, name: str) -> list[dict]:
        """All actions of all commits, in order."""
        files = sorted(self.folder(name).glob("_delta_log/*.json"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]


@pytest.fixture
def datasets(client, server) -> Datasets:
    return Datasets(client, server.data)


@pytest.fixture
def new_datasets():
    """For a server of the test's own: new_datasets(client, data)."""
    return Datasets
