"""What the tests of faults do with a server: a small way from a file to a prediction, and what must hold afterwards."""

import csv
import pathlib
import random

from harness import run_aimass, wait_for_job

ROW = {"tenure": 3, "plan": "monthly", "price": 80.5}


def write_customers(path: pathlib.Path, rows: int = 400, seed: int = 1) -> pathlib.Path:
    """Customers who leave early, on monthly plans."""
    chance = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["id", "tenure", "plan", "price", "churn"])
        for i in range(rows):
            tenure, plan = chance.randint(0, 72), chance.choice(["monthly", "yearly"])
            leaves = chance.random() < (0.8 if plan == "monthly" else 0.15) * (1.1 - tenure / 72)
            out.writerow([i, tenure, plan, f"{chance.random() * 100:.2f}", "yes" if leaves else "no"])
    return path


def as_client(server) -> dict[str, str]:
    """The environment in which the command line is a client of `server`."""
    return {"AIMASS_URL": server.address, "AIMASS_KEY": server.key}


def cli(server, *arguments, **options):
    return run_aimass(*arguments, env=as_client(server), **options)


def succeeded(client, answer, timeout_s: float = 240) -> dict:
    """The ended job of a 202 answer."""
    assert answer.status_code == 202, answer.text
    job = wait_for_job(client, answer.json()["job"]["id"], timeout_s)
    assert job["state"] == "succeeded", job
    return job


def train(client, name: str = "churn", dataset: str = "customers", **options):
    body = {"name": name, "dataset": dataset, "target": "churn", "time_s": 2, "max_trials": 2} | options
    return client.post("/api/v1/models", json=body)


def sql(client, query: str) -> list[list]:
    answer = client.post("/api/v1/sql", json={"query": query})
    assert answer.status_code == 200, answer.text
    return answer.json()["rows"]
