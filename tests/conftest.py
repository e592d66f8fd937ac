"""Fixtures for tests of the real binary from outside.

    server         a running server with an empty data folder, one per test module
    client         an HTTP client (httpx) of that server, with the admin key
    aimass         runs the command line: aimass("datasets", "list", "--json").json
    start_server   starts further servers: start_server(data), to kill and start again
    node           runs JavaScript with the packages of tests/node: node("script.mjs", argument…)
    postgres       address of a private PostgreSQL server: "postgresql://postgres@127.0.0.1:PORT/postgres"
"""

import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import time

import pytest

from harness import BINARY, ROOT, START_TIMEOUT_S, Run, Server, free_port, run_aimass


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
