"""Models of the real libraries, imported and asked over HTTP: predictions and contributions as the library gives them."""

import math

import numpy as np
import pytest

from harness import wait_for_job

lgb = pytest.importorskip("lightgbm")
xgb = pytest.importorskip("xgboost")

ROWS, COLUMNS, ASKED = 700, 6, 40
NAMES = ["age", "spend", "visits", "shop", "余额", "last visit"]


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(ROWS, COLUMNS)).astype("f4")
    x[rng.random((ROWS, COLUMNS)) < .1] = np.nan
    x[:, 2] = np.where(rng.random(ROWS) < .4, 0, x[:, 2])
    x[:, 3] = rng.integers(0, 40, ROWS)
    z = np.nan_to_num(x[:, 0]) + np.sin(x[:, 3] / 3) + np.nan_to_num(x[:, 1] * x[:, 2]) + .3 * rng.normal(size=ROWS)
    return {"x": x, "number": z, "binary": (z > 0).astype(int), "classes": np.digitize(z, [-.5, .7])}


def imported(client, name, content):
    answer = client.post("/api/v1/models/import", params={"name": name, "target": "y"}, content=content,
                         headers={"Content-Type": "application/octet-stream"})
    assert answer.status_code == 202, answer.text
    job = wait_for_job(client, answer.json()["job"]["id"])
    assert job["state"] == "succeeded", job["error"]
    version = client.get(f"/api/v1/models/{name}/versions/1").json()
    assert [member["runtime"] for member in version["members"]] == ["trees"]  # no other way to run them
    return version


def ask(client, name, x, names):
    rows = [{n: None if math.isnan(v) else float(v) for n, v in zip(names, row)} for row in x[:ASKED]]
    answer = client.post(f"/api/v1/models/{name}/predict", json={"rows": rows, "explain": True})
    assert answer.status_code == 200, answer.text
    assert answer.json()["warnings"] == []
    return answer.json()["predictions"]


def compare(predictions, margins, contributions, names):
    """margins: [rows × outputs] and contributions [rows × outputs × (columns + 1)] of the library."""
    for prediction, margin, contribution in zip(predictions, margins, contributions):
        if "value" in prediction:
            output, probability = 0, None
            assert prediction["value"] == pytest.approx(margin[0], rel=1e-6, abs=1e-6)
        elif len(margin) == 1:
            output, probability = 0, [1 / (1 + math.exp(margin[0])), 1 / (1 + math.exp(-margin[0]))]
        else:
            e = np.exp(margin - margin.max())
            output, probability = int(np.argmax(margin)), e / e.sum()
        if probability is not None:
            given = [prediction["probabilities"][str(k)] for k in range(len(probability))]
            assert given == pytest.approx(list(probability), rel=1e-6, abs=1e-6)
            assert prediction["label"] == str(int(np.argmax(probability)))
        why = prediction["explanation"]
        assert why["margin"] == pytest.approx(margin[output], rel=1e-5, abs=1e-5)
        assert why["base"] == pytest.approx(contribution[output][-1], rel=1e-5, abs=1e-5)
        by_column = {each["column"]: each["contribution"] for each in why["contributions"]}
        assert [by_column[n] for n in names] == pytest.approx(list(contribution[output][:-1]), rel=1e-5, abs=1e-5)
        assert why["base"] + sum(by_column.values()) == pytest.approx(why["margin"], rel=1e-9, abs=1e-9)
        strengths = [abs(each["contribution"]) for each in why["contributions"]]
        assert strengths == sorted(strengths, reverse=True)


XGBOOST = {
    "binary": ("binary", {"objective": "binary:logistic"}, 30),
    "one-tree": ("binary", {"objective": "binary:logistic"}, 1),
    "base-score": ("binary", {"objective": "binary:logistic", "base_score": .2}, 20),
    "deep": ("number", {"objective": "reg:squarederror", "max_depth": 16, "min_child_weight": 0}, 20),
    "leafwise": ("number", {"grow_policy": "lossguide", "max_depth": 0, "max_leaves": 40}, 20),
    "multiclass": ("classes", {"objective": "multi:softprob", "num_class": 3}, 15),
    "dart": ("binary", {"objective": "binary:logistic", "booster": "dart", "rate_drop": .3, "one_drop": 1}, 20),
    "forest": ("binary", {"objective": "binary:logistic", "num_parallel_tree": 8, "subsample": .6}, 3),
    "monotone": ("number", {"monotone_constraints": "(1,0,0,0,0,0)"}, 20),
    "absolute": ("number", {"objective": "reg:absoluteerror"}, 20),
    "categories": ("binary", {"objective": "binary:logistic", "max_cat_to_onehot": 4}, 20),
    "one-hot": ("binary", {"objective": "binary:logistic", "max_cat_to_onehot": 100}, 20),
}


@pytest.mark.parametrize("case", XGBOOST)
def test_xgboost(client, table, case):
    target, parameters, rounds = XGBOOST[case]
    categorical = case in ("categories", "one-hot")
    types = ["q", "q", "q", "c", "q", "q"] if categorical else None
    data = xgb.DMatrix(table["x"], table[target], feature_names=NAMES, feature_types=types,
                       enable_categorical=categorical)
    booster = xgb.train({"nthread": 1, "seed": 3} | parameters, data, rounds)
    asked = xgb.DMatrix(table["x"][:ASKED], feature_names=NAMES, feature_types=types, enable_categorical=categorical)
    margins = booster.predict(asked, output_margin=True).reshape(ASKED, -1)
    contributions = booster.predict(asked, pred_contribs=True).reshape(ASKED, margins.shape[1], COLUMNS + 1)
    for ending in ("ubj", "json"):
        name = f"xgb-{case}-{ending}"
        imported(client, name, bytes(booster.save_raw(ending)))
        compare(ask(client, name, table["x"], NAMES), margins, contributions, NAMES)


LIGHTGBM = {
    "binary": ("binary", {"objective": "binary"}, 30),
    "one-tree": ("binary", {"objective": "binary"}, 1),
    "large": ("number", {"objective": "regression", "num_leaves": 120, "min_data_in_leaf": 2}, 30),
    "multiclass": ("classes", {"objective": "multiclass", "num_class": 3}, 15),
    "dart": ("binary", {"objective": "binary", "boosting": "dart"}, 20),
    "zero-is-missing": ("binary", {"objective": "binary", "zero_as_missing": True}, 20),
    "no-missing": ("binary", {"objective": "binary", "use_missing": False}, 20),
    "categories": ("binary", {"objective": "binary", "min_data_per_group": 5}, 20),
    "forest": ("binary", {"objective": "binary", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": .6}, 12),
}


@pytest.mark.parametrize("case", LIGHTGBM)
def test_lightgbm(client, table, case):
    target, parameters, rounds = LIGHTGBM[case]
    names = [f"c{i}" for i in range(COLUMNS)]
    x = table["x"].astype("f8")
    booster = lgb.train({"verbose": -1, "num_threads": 1, "seed": 3} | parameters,
                        lgb.Dataset(x, table[target], feature_name=names,
                                    categorical_feature=[3] if case == "categories" else "auto"), rounds)
    assert ("cat_threshold=" in booster.model_to_string()) == (case == "categories")
    divide = rounds if case == "forest" else 1  # raw scores of a forest are the sum, its answer is the average
    margins = booster.predict(x[:ASKED], raw_score=True).reshape(ASKED, -1) / divide
    contributions = booster.predict(x[:ASKED], pred_contrib=True).reshape(ASKED, margins.shape[1], -1) / divide
    name = f"lgb-{case}"
    imported(client, name, booster.model_to_string().encode())
    compare(ask(client, name, table["x"], names), margins, contributions, names)
