"""Resources written in YAML: applied, applied again, changed, exported."""

import random

import pytest
import yaml

FILE = """
format: 1
resources:
  - {kind: dataset, name: visits, file: visits.csv}
  - {kind: dataset, name: long, sql: "SELECT *\\nFROM visits -- long ones\\nWHERE minutes > 1\\n"}
  - {kind: model, name: buys, dataset: long, target: bought, time_s: 3}
  - {kind: endpoint, name: shop, routes: [{model: buys}]}
"""


def write_visits(folder, rows: int) -> None:
    chance = random.Random(3)
    lines = ["minutes,page,bought"]
    for _ in range(rows):
        minutes = chance.randint(0, 60)
        bought = "yes" if chance.random() < minutes / 60 else "no"
        lines.append(f"{minutes},{chance.choice('abc')},{bought}")
    (folder / "visits.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    write_visits(folder, 400)
    (folder / "shop.yaml").write_text(FILE)
    return folder


def actions(run) -> list[str]:
    return [resource["action"] for resource in run.json["resources"]]


def test_apply_makes_changes_and_then_has_nothing_to_do(aimass, client, shop):
    file = shop / "shop.yaml"
    assert actions(aimass("apply", file, "--dry-run", "--json")) == ["create"] * 4
    assert client.get("/api/v1/datasets").json()["items"] == [], "a dry run made something"
    assert actions(aimass("apply", file, "--json")) == ["create"] * 4
    answer = client.post("/api/v1/endpoints/shop/predict", json={"rows": [{"minutes": 59, "page": "a"}]})
    assert answer.json()["predictions"][0]["label"] == "yes"
    assert actions(aimass("apply", file, "--json")) == ["unchanged"] * 4

    write_visits(shop, 500)
    expected = ["change", "change", "change", "unchanged"]
    assert actions(aimass("apply", file, "--dry-run", "--json")) == expected
    assert actions(aimass("apply", file, "--json")) == expected
    assert client.get("/api/v1/datasets/visits").json()["rows"] == 500
    assert actions(aimass("apply", file, "--json")) == ["unchanged"] * 4


def test_export_is_what_apply_reads(aimass, shop, tmp_path):
    exported = aimass("export").out
    declared = {(each["kind"], each["name"]): each for each in yaml.safe_load(exported)["resources"]}
    assert declared["dataset", "long"]["sql"] == "SELECT *\nFROM visits -- long ones\nWHERE minutes > 1\n"
    assert declared["model", "buys"]["target"] == "bought"
    file = tmp_path / "exported.yaml"
    file.write_text(exported)
    assert set(actions(aimass("apply", file, "--json"))) == {"unchanged"}


@pytest.mark.parametrize("text, error", [
    ("format: 2\nresources: []", "format 2, expected 1"),
    ("format: 1\nresources: [{kind: datset, name: x}]", "kind must be dataset, model or endpoint, found 'datset'"),
    ("format: 1\nresources: [{kind: dataset, name: x}]", "exactly one of file, url, sql, sql_file; found 0"),
    ("format: 1\nresources: [{kind: dataset, name: x, file: none.csv}]", "the file 'none.csv' is missing"),
    ("format: 1\nresources: [{kind: model, name: x, dataset: y, tagret: z}]", "unknown field 'tagret'"),
    ("format: 1\nresources: 7", "'resources' must be a list"),
])
def test_a_wrong_file_is_refused_in_words(aimass, tmp_path, text, error):
    file = tmp_path / "wrong.yaml"
    file.write_text(text)
    run = aimass("apply", file, check=False)
    assert run.status != 0 and error in run.err
