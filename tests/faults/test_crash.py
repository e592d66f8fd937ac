"""kill -9 and power cuts at exact steps of writing, during import, derive, train, predict, deploy, backup, deletion
and start.

A moment is a scenario and the number of the step (a write, fsync, rename … in the data folder, of the server or of its
job) at which everything ends. What the server had answered for before must be there after the next start; what it had
not may be there whole or not at all. `make test` takes 20 moments, `make soak` 200.
"""

import dataclasses
import io
import json
import os
import pathlib
import random
import shutil
import subprocess
import time

import httpx
import pyarrow.parquet as pq
import pytest

from crash import FAR, Machine, crash_library  # noqa: F401  (a fixture)
from harness import BINARY, clean_environment, run_aimass, wait_for_job
from work import ROW, sql, write_customers

SEED = 20261122


@dataclasses.dataclass
class Facts:
    """What the server has acknowledged."""
    datasets: dict[str, int] = dataclasses.field(default_factory=dict)  # name → rows
    unsure: set[str] = dataclasses.field(default_factory=set)  # asked for, and never answered
    gone: set[str] = dataclasses.field(default_factory=set)  # datasets
    models: dict[str, int] = dataclasses.field(default_factory=dict)  # name → versions at least
    endpoints: set[str] = dataclasses.field(default_factory=set)
    predictions: dict[str, int] = dataclasses.field(default_factory=dict)  # job → rows
    jobs: list[str] = dataclasses.field(default_factory=list)
    keys: list[str] = dataclasses.field(default_factory=list)
    revoked: list[str] = dataclasses.field(default_factory=list)
    backups: list[pathlib.Path] = dataclasses.field(default_factory=list)


class Place:
    """A server whose data folder lies on a machine that may lose its power."""

    def __init__(self, machine: Machine, facts: Facts):
        self.machine = machine
        self.data = machine.root / "data"
        self.facts = facts
        self.process: subprocess.Popen | None = None

    def start(self) -> bool:
        """Whether it became ready before its end."""
        (self.data / "server.json").unlink(missing_ok=True)
        with (self.machine.state / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(BINARY), "serve", "--data", str(self.data), "--listen", "127.0.0.1:0", "--jobs-max-running", "1"],
                stdout=log, stderr=log, env=clean_environment() | self.machine.env)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                return False
            try:
                address = json.loads((self.data / "server.json").read_text())["address"]
                key = (self.data / "admin.key").read_text().strip()
                self.client = httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=60)
                if self.client.get("/readyz").status_code == 200:
                    return True
            except (OSError, ValueError, httpx.HTTPError):
                pass
            time.sleep(0.01)
        pytest.fail("the server was not ready after 60 s")

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)

    # What a test does with it. An answer that does not come ends the scenario by an exception of httpx.

    def job(self, path: str, body: dict) -> dict:
        """Its output."""
        answer = self.client.post(path, json=body)
        assert answer.status_code == 202, answer.text
        job = answer.json()["job"]["id"]
        self.facts.jobs.append(job)
        while True:
            found = self.client.get(f"/api/v1/jobs/{job}", params={"wait_ms": 5_000}).json()
            if found["state"] not in ("queued", "running"):
                assert found["state"] == "succeeded", found
                return found["output"]

    def make(self, name: str, **body) -> None:
        self.facts.unsure.add(name)
        before = self.facts.datasets.get(name, 0)
        output = self.job("/api/v1/datasets", {"name": name, **body})
        self.facts.unsure.discard(name)
        self.facts.datasets[name] = output["rows"] + (before if body.get("mode") == "append" else 0)


def imports(place: Place, files: pathlib.Path) -> None:
    place.make("first", source={"path": str(files / "customers.csv")})
    place.make("first", source={"path": str(files / "more.csv")}, mode="append")
    place.make("customers", source={"path": str(files / "more.csv")}, mode="replace")


def derives(place: Place, files: pathlib.Path) -> None:
    place.make("young", sql="SELECT * FROM customers WHERE tenure < 30")
    place.make("young", sql="SELECT * FROM customers WHERE tenure < 40", mode="replace")


def trains(place: Place, files: pathlib.Path) -> None:
    place.job("/api/v1/models", {"name": "fresh", "dataset": "customers", "target": "churn", "time_s": 1,
                                 "max_trials": 1, "deploy": "fresh"})
    place.facts.models["fresh"] = 1
    place.facts.endpoints.add("fresh")


def reproduces(place: Place, files: pathlib.Path) -> None:
    assert place.job("/api/v1/models/churn/versions/1/reproduce", {})["identical"] is True


def predicts(place: Place, files: pathlib.Path) -> None:
    # In pieces, which are joined.
    output = place.job("/api/v1/predictions", {"endpoint": "churn", "path": str(files / "customers.csv"),
                                               "format": "parquet", "batch_rows": 50})
    place.facts.predictions[place.facts.jobs[-1]] = output["rows"]


def deploys(place: Place, files: pathlib.Path) -> None:
    for name in ("one", "two", "three"):
        answer = place.client.post("/api/v1/endpoints", json={"name": name, "routes": [{"model": "churn"}]})
        assert answer.status_code == 201, answer.text
        place.facts.endpoints.add(name)
        made = place.client.post("/api/v1/keys", json={"name": name})
        assert made.status_code == 201, made.text
        place.facts.keys.append(made.json()["secret"])
    place.facts.keys.remove(made.json()["secret"])
    assert place.client.delete(f"/api/v1/keys/{made.json()['id']}").status_code == 204
    place.facts.revoked.append(made.json()["secret"])


def backs_up(place: Place, files: pathlib.Path) -> None:
    for ending in ("tar.zst", "tar", "folder"):
        target = place.machine.root / f"backup.{ending}"
        done = subprocess.run([str(BINARY), "backup", str(target), "--data", str(place.data)], capture_output=True,
                              env=clean_environment() | place.machine.env, timeout=60)
        if done.returncode == -9:
            return
        assert done.returncode == 0, done.stderr
        place.facts.backups.append(target)


def deletes(place: Place, files: pathlib.Path) -> None:
    place.make("short", sql="SELECT 1 AS a")
    for name in ("short", "other"):
        rows = place.facts.datasets.pop(name)
        place.facts.unsure.add(name)
        assert place.client.delete(f"/api/v1/datasets/{name}").status_code == 204
        place.facts.unsure.discard(name)
        place.facts.gone.add(name)
        assert rows > 0
    assert place.client.delete("/api/v1/models/spare").status_code == 204


def starts(place: Place, files: pathlib.Path) -> None:
    """Nothing but the start."""


# Each scenario and about how many steps it takes; a step beyond is a kill of a server that has nothing to do.
SCENARIOS = {imports: 150, derives: 90, trains: 110, reproduces: 60, predicts: 115, deploys: 60, backs_up: 130,
             deletes: 60, starts: 15}


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("files")
    write_customers(folder / "customers.csv", rows=300)
    write_customers(folder / "more.csv", rows=200, seed=2)
    return folder


@pytest.fixture(scope="module")
def template(start_server, files, tmp_path_factory) -> tuple[pathlib.Path, Facts]:
    """A data folder with a bit of everything, and what is in it."""
    data = tmp_path_factory.mktemp("template") / "data"
    data.mkdir()
    server = start_server(data)
    facts = Facts(datasets={"customers": 300, "other": 300}, models={"churn": 1, "spare": 1}, endpoints={"churn"})
    env = {"AIMASS_URL": server.address, "AIMASS_KEY": server.key}
    for name in facts.datasets:
        run_aimass("datasets", "import", name, files / "customers.csv", env=env)
    with server.client() as client:
        for body in ({"name": "churn", "deploy": "churn"}, {"name": "spare"}):
            answer = client.post("/api/v1/models", json={"dataset": "customers", "target": "churn", "time_s": 1,
                                                         "max_trials": 1} | body)
            job = wait_for_job(client, answer.json()["job"]["id"])
            assert job["state"] == "succeeded", job
    assert server.stop() == 0
    facts.keys.append(server.key)
    return data, facts


def check(data: pathlib.Path, facts: Facts, start_server, deleting: bool) -> None:
    server = start_server(data)
    with server.client() as client:
        for job in facts.jobs:  # acknowledged work is done, without anybody's help
            ended = wait_for_job(client, job)
            assert ended["state"] == "succeeded", ended
        # A job whose acknowledgement the crash swallowed may go on as well: what is compared stands still then.
        for job in client.get("/api/v1/jobs", params={"limit": 1000}).json()["items"]:
            wait_for_job(client, job["id"])
        datasets = {d["name"]: d["rows"] for d in client.get("/api/v1/datasets").json()["items"]}
        for name, rows in facts.datasets.items():
            assert name in datasets, f"dataset {name} is lost"
            if name not in facts.unsure:
                assert datasets[name] == rows, name
        assert not facts.gone & datasets.keys()
        for name, rows in datasets.items():
            assert sql(client, f'SELECT COUNT(*) FROM "{name}"') == [[rows]], name
        models = {m["name"]: m["versions"] for m in client.get("/api/v1/models").json()["items"]}
        for name, versions in facts.models.items():
            if deleting and name == "spare":
                continue
            assert len(models[name]) >= versions, name
        endpoints = {e["name"] for e in client.get("/api/v1/endpoints").json()["items"]}
        assert facts.endpoints <= endpoints
        for name in endpoints:
            answer = client.post(f"/api/v1/endpoints/{name}/predict", json={"rows": [ROW]})
            assert answer.status_code == 200, answer.text
        for job, rows in facts.predictions.items():
            answer = client.get(f"/api/v1/predictions/{job}/file")
            assert answer.status_code == 200, answer.text
            assert pq.read_table(io.BytesIO(answer.content)).num_rows == rows
        for secret, status in [(k, 200) for k in facts.keys] + [(k, 401) for k in facts.revoked]:
            answer = client.get("/api/v1/keys", headers={"Authorization": f"Bearer {secret}"})
            assert answer.status_code == status, answer.text
    assert server.stop() == 0
    check_no_orphans(data)


def check_no_orphans(data: pathlib.Path) -> None:
    long_ago = time.time() - 7200  # the doctor leaves alone what is younger than an hour
    for folder, folders, names in os.walk(data):
        for name in [*folders, *names]:
            os.utime(pathlib.Path(folder, name), (long_ago, long_ago))
    cleaned = run_aimass("doctor", "--data", data, "--deep", "--clean", "--json")
    assert cleaned.json["healthy"] is True
    again = run_aimass("doctor", "--data", data, "--json").json
    assert [f for f in again["findings"] if f["probe"] == "files" and f["severity"] != "ok"] == []
    # Not by the doctor's own words: what every table's log and every model's list of sums says.
    known = set()
    for log in data.glob("workspaces/*/datasets/*/_delta_log/*.json"):
        for line in log.read_text().splitlines():
            action = json.loads(line)
            if "add" in action:
                known.add(log.parent.parent / action["add"]["path"])
    for path in data.rglob("*"):
        assert ".tmp-" not in path.name and path.suffix != ".part", path
        if path.suffix == ".parquet" and path.parent.parent.name == "datasets":
            assert path in known, f"{path} belongs to no version"
    for model in data.glob("workspaces/*/models/*/*"):
        listed = {line.split("  ", 1)[1] for line in (model / "SHA256SUMS").read_text().splitlines()}
        assert {path.name for path in model.iterdir()} == listed | {"SHA256SUMS"}
    assert list((data / "tmp").iterdir()) == []


def run_moment(number: int, library, template, files, tmp_path, start_server) -> None:
    chance = random.Random(SEED + number)
    scenario = list(SCENARIOS)[number % len(SCENARIOS)]
    step = chance.randint(1, SCENARIOS[scenario])
    power_cut = chance.random() < 0.5
    known = json.loads(json.dumps(dataclasses.asdict(template[1]), default=list))
    facts = Facts(**{f.name: type(getattr(template[1], f.name))(known[f.name]) for f in dataclasses.fields(Facts)})
    root = tmp_path / "root"
    root.mkdir()
    shutil.copytree(template[0], root / "data")
    machine = Machine(library, root, tmp_path / "state")
    machine.keep_all()
    place = Place(machine, facts)
    what = f"{scenario.__name__}, step {step}, {'power cut' if power_cut else 'kill -9'}"
    try:
        if scenario is starts:
            machine.arm(step)
        if place.start() and scenario is not starts:
            machine.arm(step)
            scenario(place, files)
    except httpx.HTTPError:
        pass
    place.end()
    print(f"moment {number}: {what}, {'reached' if machine.ended() else f'over after {machine.steps() - FAR + step}'}")
    survived = root
    if power_cut:
        survived = tmp_path / "survived"
        machine.surviving(survived)
    for name in ("backup.tar.zst", "backup.tar", "backup.folder"):
        if root / name in facts.backups:
            assert (survived / name).exists(), f"{what}: {name} is lost"
        if (survived / name).exists():
            run_aimass("restore", survived / name, "--verify")
    try:
        check(survived / "data", facts, start_server, scenario is deletes)
    except BaseException as error:
        raise AssertionError(what) from error
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.mark.parametrize("number", range(20))
def test_a_moment(number, crash_library, template, files, tmp_path, start_server):  # noqa: F811
    run_moment(number, crash_library, template, files, tmp_path, start_server)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(20, 220))
def test_many_moments(number, crash_library, template, files, tmp_path, start_server):  # noqa: F811
    run_moment(number, crash_library, template, files, tmp_path, start_server)
