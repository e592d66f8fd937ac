"""Fixtures for tests of the real binary from outside.

    server         a running server with an empty data folder, one per test module
    client         an HTTP client (httpx) of that server, with the admin key
    aimass         runs the command line: aimass("datasets", "list", "--json").json
    start_server   starts further servers: start_server(data), to kill and start again
    node           runs JavaScript with the packages of tests/node: node("script.mjs", argument…)
    postgres       address of a private PostgreSQL server: "postgresql://postgres@127.0.0.1:PORT/postgres"
    mariadb        a private MariaDB server (harness.MariaDb)
    redis          a private Redis server (harness.Redis)
    s3             a private S3 server (object_store.ObjectStore)
    mongo          a private MongoDB server (harness.Mongo)
    elasticsearch  a private Elasticsearch server (elasticsearch_server.Elasticsearch)
"""

import pathlib
import shutil
import subprocess

import pytest

from elasticsearch_server import Elasticsearch
from harness import BINARY, ROOT, MariaDb, Mongo, Postgres, Redis, Run, Server, run_aimass
from object_store import ObjectStore


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


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """The address of a PostgreSQL server of this test run. Tests that stop theirs make a Postgres of their own."""
    server = Postgres(tmp_path_factory.mktemp("postgres"))
    server.start()
    yield server.address()
    server.remove()


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory):
    server = MariaDb(tmp_path_factory.mktemp("mariadb"))
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def redis(tmp_path_factory):
    server = Redis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def s3(tmp_path_factory):
    server = ObjectStore(tmp_path_factory.mktemp("s3"))
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def mongo(tmp_path_factory):
    server = Mongo(tmp_path_factory.mktemp("mongo"))
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def elasticsearch(tmp_path_factory):
    server = Elasticsearch(tmp_path_factory.mktemp("elasticsearch"))
    server.start()
    yield server
    server.remove()
