"""Datasets on their way back into a source, as every connector's tests ask for them."""

import json
import time

from harness import wait_for_job


def dataset_of(client, sql):
    """Makes a dataset by SQL, and gives its name."""
    name = f"d{time.monotonic_ns()}"
    answer = client.post("/api/v1/datasets", json={"name": name, "sql": sql})
    assert answer.status_code == 202, answer.text
    job = wait_for_job(client, answer.json()["job"]["id"])
    assert job["state"] == "succeeded", job
    return name


def start(client, source, dataset, table, **how):
    answer = client.post(f"/api/v1/sources/{source}/write", json={"dataset": dataset, "table": table} | how)
    assert answer.status_code == 202, answer.text
    return answer.json()["job"]["id"]


def write(client, source, dataset, table, **how):
    return wait_for_job(client, start(client, source, dataset, table, **how))


def until_running(client, job):
    while client.get(f"/api/v1/jobs/{job}").json()["state"] == "queued":
        time.sleep(0.01)


def table_name():
    return f"t{time.monotonic_ns()}"


def text_of(job):
    return json.dumps(job, ensure_ascii=False).replace('\\"', '"')
