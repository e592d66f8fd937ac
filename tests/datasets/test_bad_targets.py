"""What training says of a target that nothing can be learnt from: code and words in both languages, and no model."""

import pytest


def column(values) -> str:
    return "x,y,target\n" + "".join(f"{i},{i * 37 % 101},{value}\n" for i, value in enumerate(values))


CASES = {
    "constant": (column(["yes"] * 60), "is 'yes' in every row: there is nothing to learn", "没有可学习的内容"),
    "no value": (column([""] * 60), "has no value in any of the 60 rows", "60"),
    "mostly null": (column(["a", "b", "a"] + [""] * 60), "needs at least 20 rows with a value of 'target', found 3", "3"),
    "few rows": (column(["a", "b"] * 4), "needs at least 20 rows with a value of 'target', found 8", "8"),
    "one row per class": (column([f"name {i}" for i in range(60)]), "nearly every row is a class of its own", "60"),
}


@pytest.mark.parametrize("case", CASES)
def test_training(datasets, client, tmp_path, case):
    text, english, chinese = CASES[case]
    source = tmp_path / "t.csv"
    source.write_text(text, encoding="utf-8")
    name = f"target {case}"
    datasets.load(name, source, options={"header": "true"})
    job = datasets.wait(client.post("/api/v1/models", json={"name": name, "dataset": name, "target": "target", "time_s": 2}))
    assert job["state"] == "failed", job
    assert job["error"]["code"] == "unprocessable" and english in job["error"]["detail"], job["error"]
    told = client.get(f"/api/v1/jobs/{job['id']}", headers={"Accept-Language": "zh"}).json()
    detail = told.get("job", told)["error"]["detail"]
    assert chinese in detail and english not in detail, detail
    assert client.get(f"/api/v1/models/{name}").status_code == 404


def test_infinities(datasets, client):
    datasets.derive("infinite", "SELECT i AS x, CASE WHEN i = 7 THEN 'inf'::DOUBLE ELSE i * 1.5 END AS target "
                                "FROM range(60) r(i)")
    job = datasets.wait(client.post("/api/v1/models", json={"name": "infinite", "dataset": "infinite",
                                                            "target": "target", "time_s": 2}))
    assert job["state"] == "failed" and job["error"]["code"] == "unprocessable", job
    assert "'target' is infinite in row 8; remove or replace it" in job["error"]["detail"]
    assert client.get("/api/v1/models/infinite").status_code == 404


def test_a_target_that_is_not_there(datasets, client, tmp_path):
    source = tmp_path / "t.csv"
    source.write_text(column(["a", "b"] * 30))
    datasets.load("no target", source)
    for language, words in (("en", "has no column 'targte'"), ("zh", "targte")):
        answer = client.post("/api/v1/models", headers={"Accept-Language": language},
                             json={"name": "none", "dataset": "no target", "target": "targte", "time_s": 2})
        assert answer.status_code == 422 and words in answer.json()["detail"], answer.text
        assert "target" in answer.json()["hint"]
