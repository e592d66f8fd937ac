"""What tests of endpoints and predictions share: models of the real XGBoost, registered as versions."""

import numpy as np
import pytest

from harness import wait_for_job

xgb = pytest.importorskip("xgboost")
NAMES = ["age", "spend", "visits"]


def train(seed: int, rounds: int = 12):
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.integers(18, 80, 800), rng.gamma(2, 50, 800), rng.poisson(3, 800)]).astype("f4")
    y = (x[:, 0] / 80 + x[:, 2] / 6 + rng.normal(0, .3, 800) > 1).astype(int)
    return xgb.train({"objective": "binary:logistic", "nthread": 1, "max_depth": 4},
                     xgb.DMatrix(x, y, feature_names=NAMES), rounds)


def add_version(client, name: str, booster) -> int:
    answer = client.post("/api/v1/models/import", params={"name": name, "target": "buys"},
                         content=bytes(booster.save_raw("ubj")), headers={"Content-Type": "application/octet-stream"})
    assert answer.status_code == 202, answer.text
    job = wait_for_job(client, answer.json()["job"]["id"])
    assert job["state"] == "succeeded", job
    return job["output"]["version"]


def probability(booster, rows) -> np.ndarray:
    x = np.array([[row.get(n) if row.get(n) is not None else np.nan for n in NAMES] for row in rows], dtype="f4")
    return booster.predict(xgb.DMatrix(x, feature_names=NAMES))


