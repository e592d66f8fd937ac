"""From a file to a prediction, by commands alone; and what each of them says."""

import csv
import json
import math
import random
import re

import pytest


def write_customers(path, rows: int = 600, seed: int = 1):
    """Customers who leave early, at high prices; the id says nothing."""
    chance = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["id", "tenure", "plan", "price", "churn"])
        for i in range(rows):
            tenure, price = chance.randint(0, 72), chance.random() * 100
            leaves = chance.random() < 1 / (1 + math.exp(0.08 * tenure - 1 - price / 50))
            out.writerow([i, tenure, chance.choice(["basic", "plus", "pro"]), f"{price:.2f}", "yes" if leaves else "no"])
    return path


@pytest.fixture(scope="module")
def customers(tmp_path_factory):
    return write_customers(tmp_path_factory.mktemp("customers") / "customers.csv")


@pytest.fixture(scope="module")
def trained(aimass, customers):
    """What `aimass train FILE … --deploy` says to a person."""
    return aimass("train", customers, "--target", "churn", "--time", "8s", "--deploy", "churn")


def test_train_tells_in_plain_words(trained):
    assert "Model customers, version 1" in trained.out
    assert re.search(r"churn is one of two classes: no, yes", trained.out)
    assert re.search(r"rows that it never saw", trained.out)
    auc, low, high, without = map(float, re.search(
        r"AUC.*?(0\.\d+)\s+95 % sure between (0\.\d+) and (0\.\d+)\s+\(without a model: (0\.\d+)\)", trained.out).groups())
    assert low <= auc <= high and auc > without == 0.5
    assert re.search(r"Left out\s+id: ", trained.out)
    assert "curl " in trained.out and "/api/v1/endpoints/churn/predict" in trained.out
    assert "Importing" in trained.err


def test_the_same_file_again_is_a_new_version_of_the_dataset(aimass, customers, trained):
    run = aimass("train", customers, "--target", "churn", "--time", "2s", "--name", "again", "--json")
    assert run.json["model"] == "again" and run.json["version"] == 1
    assert run.json["report"]["target"] == "churn"
    versions = aimass("datasets", "versions", "customers", "--json").json["items"]
    assert len(versions) >= 2


def test_says_where_there_is_nothing_to_learn_and_what_was_left_out(aimass, tmp_path):
    chance = random.Random(5)
    noise = ["x,y,plan"] + [f"{chance.random()},{chance.random()},{'' if i % 10 == 3 else chance.choice('ab')}"
                            for i in range(400)]
    (tmp_path / "noise.csv").write_text("\n".join(noise) + "\n")
    run = aimass("train", tmp_path / "noise.csv", "--target", "plan", "--time", "2s")
    assert "no better than an answer without a model" in run.out
    assert re.search(r"Left out\s+40 rows without a value of plan", run.out)
    other = aimass("train", "noise", "--target", "x", "--name", "noise", "--time", "60s", check=False)
    assert other.status == 1 and "is a binary model; the new version is regression" in other.err
    assert "trial" not in other.err, "it was found out before the search"


def test_train_options_arrive(aimass, customers, trained):
    run = aimass("train", "customers", "--target", "churn", "--time", "2s", "--name", "options", "--drop", "price",
                 "--keep", "id", "--seed", "7", "--test-fraction", "0.5", "--json")
    report = run.json["report"]
    assert report["seed"] == 7
    assert report["split"]["holdout_rows"] == pytest.approx(300, abs=5)
    used = {each["column"] for each in report["importance"]}
    assert "id" in used and "price" not in used
    wrong = aimass("train", "customers", "--target", "churm", "--time", "2s", check=False)
    assert wrong.status == 1 and "churn" in wrong.err


def test_predict_a_file_keeps_rows_and_order(aimass, customers, trained, tmp_path):
    out = tmp_path / "scored.csv"
    run = aimass("predict", "churn", customers, "--out", out)
    assert "600 rows" in run.out and str(out) in run.out
    given = list(csv.DictReader(customers.open(encoding="utf-8")))
    scored = list(csv.DictReader(out.open(encoding="utf-8")))
    assert [row["id"] for row in scored] == [row["id"] for row in given]
    for row in scored:
        no, yes = float(row["probability_no"]), float(row["probability_yes"])
        assert no + yes == pytest.approx(1, abs=1e-6)
        assert row["prediction"] == ("yes" if yes > no else "no")
    right = sum(a["churn"] == b["prediction"] for a, b in zip(given, scored))
    assert right > 420


def test_predict_to_standard_output_and_from_standard_input(aimass, customers, trained):
    content = customers.read_bytes()
    run = aimass("predict", "customers:1", "-", stdin=content)
    lines = run.out.splitlines()
    assert len(lines) == 601 and "prediction" in lines[0]
    assert aimass("predict", "churn", "-", "--json", stdin=content, check=False).status == 2


def test_predict_into_a_dataset(aimass, trained):
    run = aimass("predict", "churn", "customers", "--into", "scored", "--json")
    assert run.json["rows"] == 600
    counted = aimass("sql", "SELECT count(*) FROM scored WHERE prediction IS NOT NULL", "--json").json["rows"]
    assert counted == [[600]]


def test_predict_a_row_with_reasons(aimass, trained):
    row = json.dumps({"tenure": 1, "plan": "pro", "price": 99.0})
    run = aimass("predict", "churn", "--row", row, "--explain")
    assert "Prediction: yes" in run.out
    assert re.search(r"tenure = 1  \(for, \+\d", run.out)
    answer = aimass("predict", "churn", "--row", row, "--explain", "--json").json
    contributions = answer["predictions"][0]["explanation"]["contributions"]
    assert max(contributions, key=lambda each: abs(each["contribution"]))["column"] == "tenure"
    bad = aimass("predict", "churn", "--row", "[1]", check=False)
    assert bad.status == 2 and "JSON object" in bad.err
    misspelt = aimass("predict", "churn", "--row", '{"tenur": 1}', check=False)
    assert misspelt.status == 1 and "none of the model's columns" in misspelt.err
    assert "write 'tenure' instead of 'tenur'" in misspelt.err


def test_unknown_names(aimass, trained, tmp_path):
    run = aimass("predict", "churm", tmp_path / "x.csv", check=False)
    assert run.status == 1 and "neither an endpoint nor a model 'churm'" in run.err
    run = aimass("predict", "churn", "nothing.csv", check=False)
    assert run.status == 1 and "neither a dataset nor a file 'nothing.csv'" in run.err


def test_models(aimass, trained, tmp_path):
    assert "customers" in aimass("models", "list").out
    shown = aimass("models", "show", "customers")
    assert "champion" in shown.out and "auc 0." in shown.out
    page = tmp_path / "report.html"
    aimass("models", "report", "customers", "--html", page)
    assert page.read_text(encoding="utf-8").lower().startswith("<!doctype html>")
    assert "AUC" in aimass("models", "report", "customers").out
    assert "AUC" in aimass("models", "report", "customers", "--lang", "zh").out
    aimass("models", "alias", "customers", "best", "1")
    assert "best" in aimass("models", "show", "customers").out
    bundle = tmp_path / "customers.aimass"
    aimass("models", "bundle", "export", "customers", bundle)
    taken = aimass("models", "bundle", "import", bundle, "--name", "carried", "--json").json
    assert (taken["model"], taken["version"]) == ("carried", 1)
    aimass("models", "rename", "carried", "moved")
    unasked = aimass("models", "delete", "moved", check=False)
    assert unasked.status == 2 and "--yes" in unasked.err and "moved" in unasked.err
    aimass("models", "delete", "moved", "--yes")
    assert aimass("models", "show", "moved", check=False).status == 1


def test_a_version_is_named_behind_a_colon(aimass, trained, tmp_path):
    shown = aimass("models", "show", "customers:1").out
    assert "Model customers, version 1" in shown and "Target" in shown and "tenure  bigint" in shown
    assert aimass("models", "show", "customers:champion", "--json").json["version"] == 1
    assert "version 1" in aimass("models", "report", "customers:1").out
    aimass("models", "bundle", "export", "customers:1", tmp_path / "one.aimass")
    aimass("models", "bundle", "import", tmp_path / "one.aimass", "--name", "a:b")
    assert aimass("models", "show", "a:b", "--json").json["name"] == "a:b", "a model's own name may hold a colon"
    assert aimass("models", "show", "a:b:1", "--json").json["model"] == "a:b"
    for words in (["rename", "customers:1", "x"], ["alias", "customers:1", "champion", "1"],
                  ["compare", "customers:1", "1", "1"]):
        refused = aimass("models", *words, check=False)
        assert refused.status == 2 and "write: customers" in refused.err
    twice = aimass("models", "report", "customers:1", "--version", "2", check=False)
    assert twice.status == 2 and "names version 1, --version names 2" in twice.err
    missing = aimass("models", "delete", "customers:9", "--yes", check=False)
    assert missing.status == 1 and "no version '9'" in missing.err
    assert aimass("models", "show", "customers", "--json").json["versions"], "only that version was meant"
    aimass("models", "delete", "a:b:1", "--yes")
    assert "churn" in aimass("endpoints", "list").out


def test_reproduce_gives_the_same_bytes(aimass, trained):
    run = aimass("models", "reproduce", "customers", "--json")
    assert run.json["identical"] is True and run.json["files"]


def test_endpoints(aimass, trained):
    aimass("endpoints", "create", "two", "--model", "customers:1=75", "--model", "customers:champion=25")
    assert "customers:1 75 %, customers:champion 25 %" in aimass("endpoints", "list").out
    aimass("endpoints", "update", "two", "--model", "customers")
    assert aimass("endpoints", "show", "two", "--json").json["routes"][0]["version"] == "champion"
    refused = aimass("models", "delete", "customers", "--yes", check=False)
    assert refused.status == 1 and "two" in refused.err
    aimass("endpoints", "delete", "two", "--yes")
    assert aimass("endpoints", "show", "two", check=False).status == 1


def test_datasets(aimass, tmp_path, trained):
    aimass("datasets", "derive", "cheap", "--sql", "SELECT id, price FROM customers WHERE price < 10")
    assert "From SQL: " in aimass("datasets", "show", "cheap").out
    assert aimass("datasets", "preview", "cheap", "--limit", "3").out.count("\n") == 5
    for name in ("cheap.csv", "cheap.ndjson", "cheap.parquet", "cheap.arrow"):
        aimass("datasets", "export", "cheap", tmp_path / name)
        assert (tmp_path / name).stat().st_size > 0
    rows = aimass("sql", "SELECT count(*) FROM cheap", "--json").json["rows"][0][0]
    assert len((tmp_path / "cheap.ndjson").read_text().splitlines()) == rows
    assert aimass("datasets", "export", "cheap", "-", "--format", "csv").out == (tmp_path / "cheap.csv").read_text()
    aimass("datasets", "refresh", "cheap")
    assert len(aimass("datasets", "versions", "cheap", "--json").json["items"]) == 2
    aimass("datasets", "rename", "cheap", "便宜")
    assert "便宜" in aimass("datasets", "list").out
    aimass("datasets", "delete", "便宜", "--yes")
    assert aimass("datasets", "show", "便宜", check=False).status == 1


def test_import_options_and_rejected_rows(aimass, tmp_path):
    file = tmp_path / "odd.txt"
    file.write_bytes("名称;值\n苹果;1,5\n梨;2,5\n".encode("gb18030"))
    aimass("datasets", "import", "odd", file, "--format", "csv", "--delimiter", ";", "--encoding", "gb18030",
           "--decimal", ",")
    assert aimass("sql", "SELECT * FROM odd ORDER BY 2", "--json").json["rows"] == [["苹果", 1.5], ["梨", 2.5]]
    aimass("datasets", "import", "odd", file, "--append", "--option", "delimiter=;", "--option", "decimal=,")
    assert aimass("sql", "SELECT count(*) FROM odd", "--json").json["rows"] == [[4]]
    broken = tmp_path / "broken.csv"
    broken.write_text("a,b\n" + "1,2\n" * 50 + "3,4,5,6\n" + "7,8\n", encoding="utf-8")
    run = aimass("datasets", "import", "broken", broken)
    assert "1 row could not be read" in run.out
    assert "52" in aimass("datasets", "rejected", "broken").out
    assert aimass("datasets", "import", "odd", file, "--option", "nonsense=1", "--append", check=False).status == 1
    bad = tmp_path / "bad.csv"
    bad.write_text("id,v\n" + "".join(f"{i},{'abc' if i == 7 else 1.5}\n" for i in range(100)), encoding="utf-8")
    run = aimass("datasets", "import", "bad", bad)
    assert "Warning:" in run.err and "--type 'v=double' --on-error reject" in run.err
    assert "警告：" in aimass("datasets", "import", "bad", bad, "--replace", "--lang", "zh").err
    run = aimass("datasets", "import", "bad", bad, "--replace", "--type", "v=double", "--on-error", "reject")
    assert "1 row could not be read" in run.out
    assert "'abc' in column 'v' is not double" in aimass("datasets", "rejected", "bad", "--json").json["items"][0]["reason"]
    run = aimass("datasets", "import", "bad", bad, "--replace", "--type", "v", check=False)
    assert run.status != 0 and "COLUMN=TYPE" in run.err


def test_where_rows_cannot_be_written_is_said_before_work_is_done(aimass, tmp_path, trained):
    for verb in (["datasets", "export", "customers"], ["predict", "churn", "customers", "--out"],
                 ["sql", "SELECT 1 AS a", "--out"]):
        jobs = len(aimass("jobs", "list", "--json").json["items"])
        for place, words in ((tmp_path / "x.xlsx", "'.xlsx', which names no format"),
                             (tmp_path / "none" / "x.csv", "No such file or directory"),
                             (tmp_path, "is a folder")):
            run = aimass(*verb, place, check=False)
            assert run.status != 0 and words in run.err, (verb, place, run.err)
        assert len(aimass("jobs", "list", "--json").json["items"]) == jobs, verb
    assert not list(tmp_path.glob("*.part*"))


@pytest.mark.parametrize(("form", "expected"), [
    ("csv", 'x,y\n1,"a,""b"""\n2,\n'),
    ("ndjson", '{"x":1,"y":"a,\\"b\\""}\n{"x":2,"y":null}\n'),
])
def test_sql_formats(aimass, form, expected):
    query = "SELECT * FROM (VALUES (1, 'a,\"b\"'), (2, NULL)) AS t(x, y)"
    assert aimass("sql", query, "--format", form).out == expected


def test_sql_from_file_and_pipe(aimass, tmp_path):
    (tmp_path / "q.sql").write_text("\ufeffSELECT 7 AS seven")
    assert aimass("sql", "-f", tmp_path / "q.sql", "--json").json["rows"] == [[7]]
    assert aimass("sql", "--json", stdin=b"SELECT 8").json["rows"] == [[8]]
    out = tmp_path / "out.csv"
    aimass("sql", "SELECT 9 AS nine", "--out", out)
    assert out.read_text() == "nine\n9\n"
    wrong = aimass("sql", "SELEC 1", "--json", check=False)
    assert wrong.status == 1 and wrong.json["error"]["code"] == "invalid_argument"


def test_sql_arrow_opens(aimass, server, tmp_path):
    import pyarrow.ipc
    out = tmp_path / "out.arrow"
    aimass("sql", "SELECT 1 AS x UNION ALL SELECT 2", "--format", "arrow", "--out", out)
    with pyarrow.ipc.open_stream(out.open("rb")) as reader:
        assert sorted(reader.read_all().column("x").to_pylist()) == [1, 2]


def test_jobs(aimass, trained):
    jobs = aimass("jobs", "list", "--kind", "train", "--json").json["items"]
    assert jobs and all(job["kind"] == "train" for job in jobs)
    assert jobs[0]["id"] in aimass("jobs", "show", jobs[0]["id"]).out
    assert aimass("jobs", "log", jobs[0]["id"], "--json").json["items"] is not None
    assert aimass("jobs", "wait", jobs[0]["id"], "--json").json["state"] in ("succeeded",)
    assert aimass("jobs", "cancel", jobs[0]["id"], check=False).status == 1


def test_no_wait(aimass, customers, server):
    started = aimass("datasets", "import", "later", customers, "--no-wait", "--json").json
    done = aimass("jobs", "wait", started["job"]["id"], "--json").json
    assert done["state"] == "succeeded"
