"""Training where rows belong together: copies of a row, and the rows of one customer."""

import csv
import io
import random

from harness import wait_for_job

DATASET = "visits"


def visits(rows: int = 900) -> str:
    """Labels of pure noise, but the same for every visit of a customer, whose taste tells who it is."""
    chance = random.Random(5)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["customer", "taste", "spent", "back"])
    for _ in range(rows):
        customer = chance.randrange(60)
        known = random.Random(customer)
        writer.writerow([f"c{customer}", known.random(), chance.random(), "yes" if known.random() < 0.5 else "no"])
    return out.getvalue()


def train(client, **options):
    # The trials end it, not the clock, on a slow machine, too.
    body = {"name": "back", "dataset": DATASET, "target": "back", "drop": ["customer"], "time_s": 120, "max_trials": 3}
    return client.post("/api/v1/models", json=body | options)


def report_of(client, answer) -> dict:
    assert answer.status_code == 202, answer.text
    job = wait_for_job(client, answer.json()["job"]["id"])
    assert job["state"] == "succeeded", job
    return client.get(f"/api/v1/models/back/versions/{job['output']['version']}/report").json()


def test_a_group_column_keeps_customers_on_one_side(client, aimass, tmp_path):
    path = tmp_path / "visits.csv"
    path.write_text(visits())
    aimass("datasets", "import", DATASET, path)
    mixed = report_of(client, train(client))
    apart = report_of(client, train(client, group_column="customer"))
    assert mixed["split"]["group_by"] == "none" and mixed["metrics"]["auc"] > 0.95
    assert apart["split"]["group_by"] == "column" and apart["split"]["group_column"] == "customer"
    # A dozen new customers say little, but nobody who has not met them can tell.
    assert apart["metrics"]["auc"] < 0.9

    refused = train(client, group_column="customer", time_column="spent")
    assert refused.status_code == 422 and "group_column" in refused.json()["detail"]
    unknown = train(client, group_column="custmer")
    assert unknown.status_code == 422 and "custmer" in unknown.json()["detail"], unknown.text
