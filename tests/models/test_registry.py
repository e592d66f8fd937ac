"""Models over HTTP: training, versions, reports, comparison, bundles, reproduction and deletion."""

import csv
import io
import random
import re
import tarfile

import pytest

from harness import wait_for_job


def customers(rows: int = 2000, seed: int = 3) -> str:
    """A CSV whose column `left` depends on tenure and plan."""
    chance = random.Random(seed)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["tenure", "plan", "<b>note</b>", "same", "left"])
    for _ in range(rows):
        tenure = chance.randint(0, 72)
        plan = chance.choice(["月付", "年付", "两年"])
        leaves = chance.random() < (0.75 if plan == "月付" else 0.15) * (1.2 - tenure / 72)
        writer.writerow([tenure, plan, round(chance.gauss(0, 1), 3), "x", "Yes" if leaves else "No"])
    return out.getvalue()


def ended(client, answer) -> dict:
    assert answer.status_code == 202, answer.text
    job = wait_for_job(client, answer.json()["job"]["id"])
    assert job["state"] == "succeeded", job
    return job["output"]


def train(client, **options) -> dict:
    body = {"name": "churn", "dataset": "customers", "target": "left", "time_s": 8, "max_trials": 4} | options
    return ended(client, client.post("/api/v1/models", json=body))


@pytest.fixture(scope="module")
def trained(client, aimass, tmp_path_factory):
    path = tmp_path_factory.mktemp("customers") / "customers.csv"
    path.write_text(customers())
    aimass("datasets", "import", "customers", path)
    first = train(client)
    second = train(client, drop=["plan"])
    assert (first["version"], second["version"]) == (1, 2)
    assert first["task"] == "binary"
    return first, second


def test_versions(client, trained):
    model = client.get("/api/v1/models/churn").json()
    assert [v["version"] for v in model["versions"]] == [2, 1]
    assert model["aliases"] == {"champion": 1}
    assert model["versions"][1]["metrics"]["auc"] > 0.7
    full = client.get("/api/v1/models/churn/versions/champion").json()
    assert full["version"] == 1 and full["labels"] == ["No", "Yes"] and full["target"] == "left"
    assert {"tenure", "plan"} <= {c["name"] for c in full["columns"]}
    assert full["lineage"]["dataset"]["name"] == "customers"
    assert 1 <= len(full["trials"]) <= 4
    assert client.put("/api/v1/models/churn/aliases/trial", json={"version": 2}).json()["aliases"]["trial"] == 2
    assert client.put("/api/v1/models/churn/aliases/trial", json={"version": 9}).status_code == 404
    answer = client.get("/api/v1/models/churm")
    assert answer.status_code == 404 and "churn" in answer.json()["detail"]


def test_report_json(client, trained):
    report = client.get("/api/v1/models/churn/versions/1/report").json()
    assert "scored" not in report and report["version"] == 1
    by_name = {m["name"]: m for m in report["evaluation"]["holdout"]["metrics"]}
    assert by_name["auc"]["method"] == "delong" and by_name["accuracy"]["method"] == "bootstrap"
    assert by_name["auc"]["low"] < by_name["auc"]["value"] < by_name["auc"]["high"]
    assert by_name["auc"]["value"] > report["baseline"]["metrics"]["auc"] == 0.5
    assert sum(map(sum, report["confusion"]["counts"])) == report["evaluation"]["holdout"]["rows"]
    assert abs(sum(i["share"] for i in report["importance"]) - 1) < 1e-6
    assert [d["column"] for d in report["dropped"]] == ["same"]
    chinese = client.get("/api/v1/models/churn/versions/1/report", headers={"Accept-Language": "zh"}).json()
    assert re.search("[一-鿿]", chinese["dropped"][0]["reason"])
    assert not re.search("[一-鿿]", report["dropped"][0]["reason"])


@pytest.mark.parametrize("language, words", [("en", ["How good it is", "Confusion matrix", "Columns left out"]),
                                             ("zh", ["效果", "混淆矩阵", "未使用的列"])])
def test_report_page(client, trained, language, words):
    answer = client.get(f"/api/v1/models/churn/versions/1/report.html?lang={language}")
    assert answer.headers["content-type"].startswith("text/html")
    page = answer.text
    assert all(word in page for word in words)
    assert page.count("<svg") >= 6
    assert "<script" not in page and "http" not in page and "<b>note</b>" not in page and "&lt;b&gt;note" in page
    assert "nan" not in page.lower().replace("finance", "")
    asked = client.get("/api/v1/models/churn/versions/1/report",
                       headers={"Accept": "text/html,application/xhtml+xml", "Accept-Language": language})
    assert asked.text == page


def test_compare(client, trained):
    found = client.post("/api/v1/models/churn/compare", json={"a": "1", "b": "2"}).json()
    assert found["paired"] and found["rows"] > 100
    auc = next(m for m in found["metrics"] if m["name"] == "auc")
    assert auc["difference"] == pytest.approx(auc["b"] - auc["a"]) and auc["low"] <= auc["difference"] <= auc["high"]
    assert auc["better"] == "a" and auc["p_value"] < 0.05, "the plan is half of the story"
    same = client.post("/api/v1/models/churn/compare", json={"a": "1", "b": "champion"}).json()
    assert all(m["difference"] == 0 and m["better"] is None for m in same["metrics"])
    assert client.post("/api/v1/models/churn/compare", json={"a": "1", "c": "2"}).status_code == 422


def test_reproduce(client, trained):
    output = ended(client, client.post("/api/v1/models/churn/versions/1/reproduce"))
    assert output["identical"] is True
    assert {f["file"] for f in output["files"]} >= {"model.json", "features.json"}
    assert all(f["expected"] == f["found"] for f in output["files"])


@pytest.mark.parametrize("change, status, word", [
    ({"target": "lefft"}, 422, "left"), ({"dataset": "nothing"}, 404, "nothing"), ({"task": "banana"}, 400, "banana"),
    ({"metric": "rmse", "task": "binary"}, 422, "auc"), ({"task": "regression"}, 409, "binary"),
    ({"keep": ["tenur"]}, 422, "tenure"), ({"time_s": 0}, 422, "time_s"), ({"tragte": 1}, 422, "target"),
    ({"test": {"fraction": 0.2, "after": 3}}, 422, "exactly one"), ({"name": "a/b"}, 400, "name"),
    ({"seed": -1}, 422, "seed"), ({"deploy": "x/y"}, 400, "endpoint")])
def test_a_wrong_request_starts_nothing(client, trained, change, status, word):
    body = {"name": "churn", "dataset": "customers", "target": "left"} | change
    answer = client.post("/api/v1/models", json=body)
    problem = answer.json()
    assert answer.status_code == status, problem
    assert word in problem["detail"] + problem.get("hint", "")


def test_bundle(client, trained):
    bundle = client.get("/api/v1/models/churn/bundle?version=1").content
    assert client.get("/api/v1/models/churn/bundle?version=1").content == bundle
    names = tarfile.open(fileobj=io.BytesIO(bundle)).getnames()
    assert names[0] == "manifest.json" and {"model.json", "report.json", "SHA256SUMS"} <= set(names)

    def send(content, name="copy"):
        return client.post("/api/v1/models/bundle", params={"name": name}, content=content,
                           headers={"Content-Type": "application/octet-stream"})

    answer = send(bundle)
    assert answer.status_code == 201, answer.text
    copy = answer.json()
    assert copy["version"] == 1 and copy["lineage"]["origin"] == "bundle"
    assert copy["checksum"] == client.get("/api/v1/models/churn/versions/1").json()["checksum"]
    assert client.get("/api/v1/models/copy/versions/1/report.html").status_code == 200

    # Any changed byte is found.
    for at in (600, len(bundle) // 2, len(bundle) - 2000):
        changed = bytearray(bundle)
        changed[at] ^= 1
        if changed[at] != 1:  # not the padding between entries
            assert send(bytes(changed)).status_code in (400, 415, 422), at
    assert send(bundle[:5000]).status_code == 422
    assert send(b"PK\x03\x04" + bytes(1000)).status_code == 415
    assert len(client.get("/api/v1/models/copy").json()["versions"]) == 1
    assert client.delete("/api/v1/models/copy").status_code == 204


def test_delete_is_real(client, server, trained):
    output = train(client, name="shortlived", max_trials=1)
    folders = lambda: {p for p in server.data.glob("workspaces/*/models/*/*")}
    before = folders()
    assert output["version"] == 1
    assert client.delete("/api/v1/models/shortlived/versions/1").status_code == 204
    assert len(folders()) == len(before) - 1
    assert client.get("/api/v1/models/shortlived/versions/1").status_code == 404
    assert client.delete("/api/v1/models/shortlived").status_code == 204
    assert client.get("/api/v1/models/shortlived").status_code == 404
    assert client.delete("/api/v1/models/shortlived").status_code == 404


def test_files_of_a_version_are_read_only(server, trained):
    files = list(server.data.glob("workspaces/*/models/*/1/*"))
    assert len(files) >= 7
    assert all(f.stat().st_mode & 0o222 == 0 for f in files)
