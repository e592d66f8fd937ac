"""What runs out, and what is taken away: disk, inodes, memory, the right to write, time. The server says so in words,
goes on with what it has, and needs no help once there is enough again."""

import contextlib
import os
import pathlib
import random
import signal
import subprocess
import time

import pytest

from harness import BINARY, clean_environment, run_aimass, wait_for_job
from work import ROW, cli, sql, succeeded, train, write_customers


class SmallDisk:
    """A file system of its own in memory, with few bytes or few inodes."""

    def __init__(self, place: pathlib.Path, megabytes: int, inodes: int):
        self.place = place
        place.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,nr_inodes={inodes}", "none", place],
                              capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"this machine lets nobody mount a file system: {done.stderr.strip()}")

    def fill(self, leave: int = 0) -> None:
        """Until `leave` bytes are left."""
        with (self.place / "ballast").open("ab") as ballast:
            while (free := os.statvfs(self.place).f_bavail * os.statvfs(self.place).f_frsize) > leave:
                with contextlib.suppress(OSError):  # somebody else was faster
                    os.posix_fallocate(ballast.fileno(), os.fstat(ballast.fileno()).st_size, free - leave)

    def use_up_inodes(self, leave: int = 0) -> None:
        (self.place / "many").mkdir()
        for i in range(os.statvfs(self.place).f_favail - leave):
            (self.place / "many" / str(i)).touch()

    def free(self) -> None:
        (self.place / "ballast").unlink(missing_ok=True)
        subprocess.run(["rm", "-rf", self.place / "many"], check=True)

    def remount(self, how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", self.place], check=True)

    def remove(self) -> None:
        subprocess.run(["umount", "-l", self.place], check=True)


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory):
    """64 MB, 3,000 inodes."""
    disk = SmallDisk(tmp_path_factory.mktemp("limits") / "disk", 64, 3_000)
    yield disk
    disk.remove()


@pytest.fixture(scope="module")
def small_servers(small_disk, start_server, tmp_path_factory):
    """A server whose data folder is on the small disk, with a dataset and an endpoint."""
    (small_disk.place / "data").mkdir()
    server = start_server(small_disk.place / "data")
    cli(server, "datasets", "import", "customers", write_customers(tmp_path_factory.mktemp("csv") / "customers.csv"))
    with server.client() as client:
        succeeded(client, train(client, deploy="churn"))
    servers = [server]
    yield servers
    servers[-1].kill()


@pytest.fixture
def disk(small_disk):
    yield small_disk
    small_disk.free()


@pytest.fixture
def served(disk, small_servers, start_server):
    """Runs, whatever the test before did to it."""
    if small_servers[-1].process.poll() is not None:
        small_servers.append(start_server(small_servers[-1].data))
    return small_servers[-1]


@pytest.fixture(scope="module")
def noise(tmp_path_factory) -> pathlib.Path:
    """A CSV that stays large as Parquet: about 12 MB of numbers without a pattern."""
    chance = random.Random(7)
    path = tmp_path_factory.mktemp("noise") / "noise.csv"
    with path.open("w") as file:
        file.write("a,b,c\n")
        for _ in range(400_000):
            file.write(f"{chance.random()},{chance.random()},{chance.random()}\n")
    return path


def still_reads(client) -> None:
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200
    assert sql(client, "SELECT COUNT(*) FROM customers") == [[400]]
    assert client.post("/api/v1/endpoints/churn/predict", json={"rows": [ROW]}).status_code == 200


def start_import(client, path: pathlib.Path, name: str):
    return client.post("/api/v1/datasets", json={"name": name, "source": {"path": str(path)}})


def test_a_full_disk_in_the_middle_of_an_import(served, disk, noise):
    with served.client() as client:
        disk.fill(leave=4 << 20)  # enough to begin with
        job = wait_for_job(client, start_import(client, noise, "noise").json()["job"]["id"])
        assert job["state"] == "failed", job
        assert job["error"]["code"] == "storage_full", job
        assert "No space left" in job["error"]["detail"] and "free some space" in job["error"]["hint"], job
        still_reads(client)
        assert "noise" not in {d["name"] for d in client.get("/api/v1/datasets").json()["items"]}
        disk.free()
        assert succeeded(client, start_import(client, noise, "noise"))["output"]["rows"] == 400_000
    assert sum(f.stat().st_size for f in served.data.rglob("part-*")) < 30 << 20  # nothing of the first one is left


def test_a_disk_without_any_room(served, disk, noise):
    with served.client() as client:
        disk.fill()
        refused = [client.post("/api/v1/keys", json={"name": f"key {i}"}) for i in range(40)]
        full = [r for r in refused if r.status_code != 201]
        assert full, "40 keys fitted into nothing"
        for answer in full:
            assert answer.status_code == 507, answer.text
            assert answer.json()["code"] == "storage_full"
        submitted = train(client, name="late")
        assert submitted.status_code == 507, submitted.text
        still_reads(client)
        found = run_aimass("doctor", "--data", served.data, "--json", check=False)
        space = [f for f in found.json["findings"] if f["probe"] == "space"]
        assert found.status == 1 and space[0]["severity"] == "error" and "free some space" in space[0]["hint"]
        disk.free()
        assert client.post("/api/v1/keys", json={"name": "after"}).status_code == 201
        succeeded(client, train(client, name="late"))


def test_a_training_on_a_full_disk(served, disk):
    with served.client() as client:
        job = train(client, name="big", time_s=3, max_trials=None).json()["job"]["id"]
        while client.get(f"/api/v1/jobs/{job}").json()["state"] == "queued":
            time.sleep(0.02)
        disk.fill()
        # Whatever it wanted to write next: it fails in words, or it waits for room and then succeeds.
        time.sleep(4)
        still_reads(client)
        disk.free()
        ended = wait_for_job(client, job)
        assert ended["state"] == "succeeded" or ended["error"]["code"] == "storage_full", ended
        succeeded(client, train(client, name="big"))


def test_no_inodes(served, disk, noise):
    with served.client() as client:
        disk.use_up_inodes(leave=3)
        answer = start_import(client, noise, "many")
        if answer.status_code == 202:
            job = wait_for_job(client, answer.json()["job"]["id"])
            assert (job["state"], job["error"]["code"]) == ("failed", "storage_full"), job
        else:
            assert answer.status_code == 507 and "inodes" in answer.json()["hint"], answer.text
        still_reads(client)
        found = run_aimass("doctor", "--data", served.data, "--json", check=False)
        assert any(f["probe"] == "space" and "inodes" in f["message"] for f in found.json["findings"])
        disk.free()
        succeeded(client, start_import(client, noise, "many"))


def test_a_folder_that_becomes_read_only(served, disk, start_server):
    with served.client() as client:
        subprocess.run(["mount", "-o", "remount,ro", disk.place], check=False, capture_output=True)
        if not os.statvfs(disk.place).f_flag & os.ST_RDONLY:
            # Files are open for writing; what an error of the disk does to a file system, only the kernel may do.
            served.kill()
            disk.remount("ro")
            refused = subprocess.run([str(BINARY), "serve", "--data", str(served.data), "--listen", "127.0.0.1:0"],
                                     capture_output=True, text=True, env=clean_environment(), timeout=60)
            assert refused.returncode == 1
            assert "Read-only file system" in refused.stdout + refused.stderr
            assert "check who owns the folder" in refused.stdout + refused.stderr
            disk.remount("rw")
    again = start_server(served.data)
    with again.client() as client:
        still_reads(client)
        assert client.post("/api/v1/keys", json={"name": "writable"}).status_code == 201


def test_a_job_that_needs_more_memory_than_it_may_have(start_server, tmp_path, noise):
    (tmp_path / "data").mkdir()
    server = start_server(tmp_path / "data", "--jobs-memory-mb", "128")
    with server.client() as client:
        succeeded(client, start_import(client, noise, "large"))  # this fits
        # Eight million texts in one cell cannot be spilled to the disk.
        answer = client.post("/api/v1/datasets", json={
            "name": "huge", "sql": "SELECT list(x.a || '' || y.b) AS l FROM large x, (SELECT * FROM large LIMIT 20) y"})
        job = wait_for_job(client, answer.json()["job"]["id"])
        assert job["state"] == "failed", job
        assert job["error"]["code"] == "resource_exhausted", job
        assert "memory" in job["error"]["detail"], job
        assert client.get("/readyz").status_code == 200
        cli(server, "datasets", "import", "small", write_customers(tmp_path / "customers.csv", rows=20))


def job_process(server, job: str) -> int:
    """The process that runs a job."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = entry.read_bytes().split(b"\0")
            except OSError:
                continue
            if b"run-job" in words and any(job.encode() in word for word in words):
                return int(entry.parent.name)
        time.sleep(0.02)
    pytest.fail("the job has no process")


@pytest.mark.soak
def test_a_stuck_job_is_given_up_and_tried_again(start_server, tmp_path):
    (tmp_path / "data").mkdir()
    server = start_server(tmp_path / "data")
    cli(server, "datasets", "import", "customers", write_customers(tmp_path / "customers.csv"))
    with server.client() as client:
        job = train(client, time_s=2, max_trials=None).json()["job"]["id"]
        os.kill(job_process(server, job), signal.SIGSTOP)
        ended = wait_for_job(client, job)  # 15 s of silence, then once more
        assert (ended["state"], ended["attempt"]) == ("succeeded", 2), ended
        log = " ".join(line["message"] for line in client.get(f"/api/v1/jobs/{job}/log").json()["items"])
        assert "silent for 15 s" in log


@pytest.mark.parametrize("jump", ["+400d", "-400d"])
def test_a_clock_that_jumps(start_server, tmp_path, jump):
    libraries = sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not libraries:
        pytest.fail("libfaketime is missing; run scripts/install.sh test")
    clock = tmp_path / "clock"
    clock.write_text("+0d")
    (tmp_path / "data").mkdir()
    server = start_server(tmp_path / "data", env={
        "LD_PRELOAD": str(libraries[0]), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1"})
    cli(server, "datasets", "import", "customers", write_customers(tmp_path / "customers.csv"))
    with server.client() as client:
        job = train(client, time_s=3, deploy="churn").json()["job"]["id"]
        job_process(server, job)
        before = client.get("/api/v1/jobs").json()["items"][0]["created_at"]
        clock.write_text(jump)
        ended = wait_for_job(client, job, timeout_s=60)
        assert (ended["state"], ended["attempt"]) == ("succeeded", 1), ended
        still_reads(client)
        later = succeeded(client, train(client, name="later", time_s=1))
        assert later["attempt"] == 1
        assert later["created_at"][:4] != before[:4]  # the clock was really another
        made = client.post("/api/v1/keys", json={"name": "new"}).json()
        with server.client(headers={"Authorization": f"Bearer {made['secret']}"}) as other:
            still_reads(other)
    assert server.stop() == 0
