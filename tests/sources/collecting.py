"""Collections as every connector's tests ask for them."""

from harness import wait_for_job


def collect(client, name, source, **what):
    answer = client.post("/api/v1/datasets", json={"name": name, "source": source} | what)
    assert answer.status_code == 202, answer.text
    return wait_for_job(client, answer.json()["job"]["id"])


def refresh(client, name, **body):
    answer = client.post(f"/api/v1/datasets/{name}/refresh", json=body)
    assert answer.status_code == 202, answer.text
    return wait_for_job(client, answer.json()["job"]["id"])


def last_run(client, name):
    return client.get(f"/api/v1/datasets/{name}/runs").json()["items"][0]


def counts(client, name):
    run = last_run(client, name)
    return run["rows_read"], run["rows_written"], run["rejected_rows"], run["reconciled"], run["version"]


def rows_of(client, query):
    answer = client.post("/api/v1/sql", json={"query": query, "limit": 100000})
    assert answer.status_code == 200, answer.text
    return answer.json()["rows"]
