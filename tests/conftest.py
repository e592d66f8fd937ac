"""Fixtures for tests of the real binary from outside.

    server         a running server with an empty data folder, one per test module
    client         an HTTP client (httpx) of that server, with the admin key
    aimass         runs the command line: aimass("datasets", "list", "--json").json
    start_server   starts further servers: start_server(data), to kill and start again
    node           runs JavaScript with the packages of tests/node: node("script.mjs", argument…)
    postgres       address of a private PostgreSQL server: "postgresql://postgres@127.0.0.1:PORT/postgres"
"""

import dataclasses
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import time

import httpx
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get("AIMASS_BINARY", ROOT / "build" / "aimass"))
START_TIMEOUT_S = 60


class Server:
    """One `aimass serve` process. `address` is like http://127.0.0.1:PORT."""

    def __init__(self, data: pathlib.Path, *arguments: str, env: dict[str, str] | None = None):
        self.data = data
        self.log_path = data.parent / f"{data.name}.log"
        (data / "server.json").unlink(missing_ok=True)
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [str(BINARY), "serve", "--data", str(data), "--listen", "127.0.0.1:0", *arguments],
                stdout=log, stderr=subprocess.STDOUT, env=clean_environment() | (env or {}))
        self._await_ready()

    def _await_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                pytest.fail(f"the server ended with {self.process.returncode} at start:\n{self.log()[-4000:]}")
            try:
                state = json.loads((self.data / "server.json").read_text())
                if state["pid"] == self.process.pid:
                    self.address = state["address"]
                    if httpx.get(self.address + "/readyz", timeout=5).status_code == 200:
                        self.key = (self.data / "admin.key").read_text().strip()
                        return
            except (OSError, ValueError, KeyError, httpx.HTTPError):
                pass
            time.sleep(0.05)
        self.kill()
        pytest.fail(f"the server was not ready after {START_TIMEOUT_S} s:\n{self.log()[-4000:]}")

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def client(self, **options) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.key}"} | options.pop("headers", {})
        return httpx.Client(base_url=self.address, headers=headers, timeout=options.pop("timeout", 60), **options)

    def stop(self, timeout_s: float = 30) -> int:
        """SIGTERM, then the exit status of the drained server."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """kill -9."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)


@dataclasses.dataclass
class Run:
    status: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


def clean_environment() -> dict[str, str]:
    """This process's environment without AIMASS_* and with an English locale."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIMASS_")}
    return kept | {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "LANGUAGE": ""}


def run_aimass(*arguments, env: dict[str, str] | None = None, stdin: bytes | None = None, check: bool = True,
               timeout_s: float = 280) -> Run:
    """Runs the binary; with `check`, a status other than 0 fails the test with its output."""
    done = subprocess.run([str(BINARY), *map(str, arguments)], input=stdin if stdin is not None else b"",
                          capture_output=True, env=clean_environment() | (env or {}), timeout=timeout_s)
    run = Run(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
    if check and run.status != 0:
        pytest.fail(f"aimass {' '.join(map(str, arguments))}: exit {run.status}\n{run.out[-2000:]}\n{run.err[-4000:]}")
    return run


def wait_for_job(client: httpx.Client, job_id: str, timeout_s: float = 240) -> dict:
    """The job once it has ended, whatever its state."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        answer = client.get(f"/api/v1/jobs/{job_id}")
        answer.raise_for_status()
        job = answer.json()
        job = job.get("job", job)
        if job["state"] not in ("queued", "running"):
            return job
        time.sleep(0.1)
    pytest.fail(f"job {job_id} had not ended after {timeout_s} s: {job}")


@pytest.fixture(scope="session")
def binary() -> pathlib.Path:
    if not BINARY.exists():
        pytest.fail(f"{BINARY} is missing; run make build")
    return BINARY


@pytest.fixture(scope="module")
def start_server(binary):
    servers: list[Server] = []

    def start(data: pathlib.Path, *arguments: str, env: dict[str, str] | None = None) -> Server:
        servers.append(Server(data, *arguments, env=env))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


@pytest.fixture(scope="module")
def server(start_server, tmp_path_factory) -> Server:
    data = tmp_path_factory.mktemp("server") / "data"
    data.mkdir()
    return start_server(data)


@pytest.fixture(scope="module")
def client(server):
    with server.client() as client:
        yield client


@pytest.fixture(scope="module")
def aimass(server):
    """The command line as a client of `server`."""
    def run(*arguments, **options) -> Run:
        env = {"AIMASS_URL": server.address, "AIMASS_KEY": server.key} | options.pop("env", {})
        return run_aimass(*arguments, env=env, **options)

    return run


@pytest.fixture(scope="session")
def node():
    """Runs a script with Node (the system's, or the locked one) beside the packages of tests/node/package-lock.json."""
    program = subprocess.run([ROOT / "scripts" / "node_modules.sh"], check=True, capture_output=True,
                             text=True).stdout.strip()

    def run(script: pathlib.Path, *arguments, timeout_s: float = 120) -> subprocess.CompletedProcess:
        # Node looks for packages beside the script, so it runs from the folder that has them.
        place = ROOT / "build" / "node" / pathlib.Path(script).name
        shutil.copyfile(script, place)
        return subprocess.run([program, str(place), *map(str, arguments)], capture_output=True, text=True,
                              timeout=timeout_s)

    return run


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def postgres_programs() -> pathlib.Path:
    folders = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
    if not folders:
        pytest.fail("PostgreSQL's server programs are missing; run scripts/install.sh test")
    return folders[-1]


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """A PostgreSQL server of this test run, on loopback; it refuses to run as root, so then as user postgres."""
    programs = postgres_programs()
    home = tmp_path_factory.mktemp("postgres")
    prefix = []
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(home, account.pw_uid, account.pw_gid)
        for folder in [home, *home.parents][:3]:  # pytest makes them 0700
            folder.chmod(folder.stat().st_mode | 0o055 if folder != home else 0o700)
        prefix = ["runuser", "-u", "postgres", "--"]
    data = home / "data"
    subprocess.run([*prefix, programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                    "--locale=C.UTF-8", "--no-sync"], check=True, capture_output=True, cwd="/")
    port = free_port()
    with open(home.parent / f"{home.name}.log", "ab") as log:
        process = subprocess.Popen([*prefix, programs / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port),
                                    "-k", home, "-c", "fsync=off", "-c", "max_connections=200"],
                                   stdout=log, stderr=log, cwd="/")
    deadline = time.monotonic() + START_TIMEOUT_S
    ready = [programs / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-q"]
    while subprocess.run(ready).returncode != 0:
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail("the private PostgreSQL server did not start")
        time.sleep(0.1)
    yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    pid = int((data / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGINT)
    process.wait(30)
    shutil.rmtree(home, ignore_errors=True)
