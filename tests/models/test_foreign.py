"""Models made elsewhere by the real XGBoost and LightGBM: taken in, served alike, or refused by name."""

import json

import numpy as np
import pytest

from harness import wait_for_job

lgb = pytest.importorskip("lightgbm")
xgb = pytest.importorskip("xgboost")
NAMES = ["age", "spend", "visits"]


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    rows = 600
    x = np.column_stack([rng.integers(18, 80, rows), rng.gamma(2, 50, rows), rng.poisson(3, rows)]).astype(float)
    x[::17, 1] = np.nan
    number = 2 * x[:, 0] + 10 * x[:, 2] + rng.normal(0, 3, rows)
    return {"x": x, "binary": (x[:, 0] / 80 + x[:, 2] / 6 + rng.normal(0, .3, rows) > 1).astype(int),
            "multiclass": np.clip(x[:, 2], 0, 5).astype(int) // 2, "regression": number}


def xgboost_model(table, task, rounds=20, names=True, **parameters):
    data = xgb.DMatrix(table["x"], table[task], feature_names=NAMES if names else None)
    objective = {"binary": "binary:logistic", "multiclass": "multi:softprob", "regression": "reg:squarederror"}[task]
    extra = {"num_class": 3} if task == "multiclass" else {}
    return xgb.train({"objective": objective, "nthread": 1, "max_depth": 4} | extra | parameters, data, rounds)


def lightgbm_model(table, task, rounds=20, **parameters):
    data = lgb.Dataset(table["x"], table[task], feature_name=NAMES)
    extra = {"num_class": 3} if task == "multiclass" else {}
    return lgb.train({"objective": task, "verbose": -1, "num_threads": 1, "num_leaves": 12} | extra | parameters,
                     data, rounds)


def send(client, name, content, **options):
    return client.post("/api/v1/models/import", params={"name": name} | options, content=content,
                       headers={"Content-Type": "application/octet-stream"})


def imported(client, name, content, **options):
    answer = send(client, name, content, **options)
    assert answer.status_code == 202, answer.text
    job = wait_for_job(client, answer.json()["job"]["id"])
    assert job["state"] == "succeeded", job
    return client.get(f"/api/v1/models/{name}/versions/{job['output']['version']}").json()


CASES = {
    "xgb-binary-ubj": ("xgb", "binary", "ubj", {}), "xgb-binary-json": ("xgb", "binary", "json", {}),
    "xgb-multi": ("xgb", "multiclass", "ubj", {}), "xgb-regression": ("xgb", "regression", "json", {}),
    "xgb-dart": ("xgb", "binary", "ubj", {"booster": "dart", "rate_drop": .2}),
    "xgb-forest": ("xgb", "binary", "ubj", {"num_parallel_tree": 4, "subsample": .7}),
    "xgb-base": ("xgb", "regression", "ubj", {"base_score": 40}),
    "lgb-binary": ("lgb", "binary", "", {}), "lgb-multi": ("lgb", "multiclass", "", {}),
    "lgb-regression": ("lgb", "regression", "", {}), "lgb-noaverage": ("lgb", "regression", "", {"boost_from_average": False}),
    "lgb-dart": ("lgb", "regression", "", {"boosting": "dart"}), "lgb-sigmoid": ("lgb", "binary", "", {"sigmoid": 2.0}),
    "lgb-forest": ("lgb", "binary", "", {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": .6}),
}


@pytest.mark.parametrize("case", CASES)
def test_predicts_what_its_library_predicts(client, table, case):
    library, task, ending, parameters = CASES[case]
    rows = table["x"][:40]
    if library == "xgb":
        model = xgboost_model(table, task, **parameters)
        content = bytes(model.save_raw(ending))
        expected = model.predict(xgb.DMatrix(rows, feature_names=NAMES))
    else:
        model = lightgbm_model(table, task, **parameters)
        content = model.model_to_string().encode()
        expected = model.predict(rows)
    version = imported(client, case, content)
    assert version["task"] == task
    assert [c["name"] for c in version["columns"]] == NAMES
    assert version["lineage"]["origin"] == "import" and not version["has_report"]
    assert client.get(f"/api/v1/models/{case}/versions/1/report").status_code == 404
    assert client.post(f"/api/v1/models/{case}/versions/1/reproduce").status_code == 422

    assert client.post("/api/v1/endpoints",
                       json={"name": case, "routes": [{"model": case, "version": 1, "weight": 100}]}).status_code == 201
    given = [{n: None if np.isnan(v) else v for n, v in zip(NAMES, row)} for row in rows.tolist()]
    answer = client.post(f"/api/v1/endpoints/{case}/predict", json={"rows": given})
    assert answer.status_code == 200, answer.text
    for found, value in zip(answer.json()["predictions"], expected):
        if task == "regression":
            assert found["value"] == pytest.approx(value, rel=1e-5, abs=1e-5)
        elif task == "binary":
            assert found["probabilities"]["1"] == pytest.approx(value, abs=2e-6)
        else:
            assert [found["probabilities"][k] for k in "012"] == pytest.approx(value, abs=2e-6)
    refused = client.delete(f"/api/v1/models/{case}")
    assert refused.status_code == 409 and case in refused.json()["detail"]


def test_names_and_labels(client, table):
    version = imported(client, "nameless", bytes(xgboost_model(table, "binary", names=False).save_raw("ubj")),
                       labels=json.dumps(["bleibt", "geht"]), target="kündigt")
    assert [c["name"] for c in version["columns"]] == ["f0", "f1", "f2"]
    assert version["labels"] == ["bleibt", "geht"] and version["target"] == "kündigt"
    content = bytes(xgboost_model(table, "binary").save_raw("ubj"))
    assert send(client, "x", content, labels='["a","b","c"]').status_code == 422
    assert send(client, "x", content, labels='["a","a"]').status_code == 422
    assert send(client, "x", content, labels='nonsense').status_code == 400


def edited(table, edit):
    model = json.loads(xgboost_model(table, "binary", rounds=3).save_raw("json"))
    edit(model["learner"]["gradient_booster"]["model"]["trees"][0])
    return json.dumps(model).encode()


def truncated(content):
    return content[:len(content) // 2]


HOSTILE = {
    "cut ubj": lambda t: truncated(bytes(xgboost_model(t, "binary").save_raw("ubj"))),
    "cut json": lambda t: truncated(bytes(xgboost_model(t, "binary").save_raw("json"))),
    "cut text": lambda t: truncated(lightgbm_model(t, "binary").model_to_string().encode()),
    "cycle": lambda t: edited(t, lambda tree: tree["left_children"].__setitem__(0, 0)),
    "wrong child": lambda t: edited(t, lambda tree: tree["right_children"].__setitem__(0, 12345)),
    "wrong feature": lambda t: edited(t, lambda tree: tree["split_indices"].__setitem__(0, 99)),
    "short array": lambda t: edited(t, lambda tree: tree["split_conditions"].pop()),
    "noise": lambda t: b"{L" + np.random.default_rng(1).bytes(4000),
    "empty": lambda t: b"",
    "other": lambda t: b"PK\x03\x04" + bytes(2000),
    "objective": lambda t: bytes(xgboost_model(t, "binary", objective="binary:hinge").save_raw("ubj")),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_are_refused_in_words(client, table, case):
    answer = send(client, "hostile", HOSTILE[case](table))
    assert answer.status_code in (400, 415, 422), answer.text
    assert len(answer.json()["detail"]) > 15
    assert client.get("/api/v1/models/hostile").status_code == 404
