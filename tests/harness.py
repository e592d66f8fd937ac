"""What the fixtures of conftest.py are made of, and what tests use beside them."""


import dataclasses
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time

import httpx
import pymongo
import pymysql
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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def hand_over(home: pathlib.Path, account: str) -> None:
    """Gives a folder of pytest's to the account as which a server runs that refuses to be root."""
    owner = pwd.getpwnam(account)
    os.chown(home, owner.pw_uid, owner.pw_gid)
    for folder in [home, *home.parents][:3]:  # pytest makes them 0700
        folder.chmod(folder.stat().st_mode | 0o055 if folder != home else 0o700)


class Postgres:
    """A private PostgreSQL server on 127.0.0.1, in `home`. It refuses to run as root, so then it is user postgres."""

    def __init__(self, home: pathlib.Path):
        folders = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
        if not folders:
            pytest.fail("PostgreSQL's server programs are missing; run scripts/install.sh test")
        self.programs = folders[-1]
        self.home = home
        self.data = home / "data"
        self.port = free_port()
        self.prefix: list[str] = []
        self.process: subprocess.Popen | None = None
        if os.geteuid() == 0:
            hand_over(home, "postgres")
            self.prefix = ["runuser", "-u", "postgres", "--"]
        subprocess.run([*self.prefix, self.programs / "initdb", "-D", self.data, "-U", "postgres", "-A", "trust",
                        "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"], check=True, capture_output=True, cwd="/")

    def address(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        command = [*self.prefix, self.programs / "postgres", "-D", self.data, "-h", "127.0.0.1", "-p", str(self.port),
                   "-k", self.home, "-c", "fsync=off", "-c", "max_connections=200"]
        ready = [self.programs / "pg_isready", "-h", "127.0.0.1", "-p", str(self.port), "-q"]
        deadline = time.monotonic() + START_TIMEOUT_S
        self.process = None
        with open(self.home.parent / f"{self.home.name}.log", "ab") as log:
            while subprocess.run(ready).returncode != 0:
                # After a crash the processes of its connections may still hold its shared memory: once more, then.
                if self.process is None or self.process.poll() is not None:
                    self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")
                if time.monotonic() > deadline:
                    pytest.fail("the private PostgreSQL server did not start")
                time.sleep(0.1)

    def start_again(self) -> None:
        """Starts it where it does not run."""
        if self.process is None or self.process.poll() is not None:
            self.start()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: ends every connection at once (`fast`); SIGQUIT: like a crash (`immediate`)."""
        if self.process is None or self.process.poll() is not None:
            return
        os.kill(int((self.data / "postmaster.pid").read_text().split()[0]), how)
        self.process.wait(60)

    def run(self, sql: str, database: str = "postgres") -> str:
        """What psql prints, columns divided by |."""
        return subprocess.run([self.programs / "psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql,
                               self.address(database)], check=True, capture_output=True, text=True).stdout.strip()

    def log(self) -> str:
        """What the server wrote; every statement it got, where log_statement is all."""
        return (self.home.parent / f"{self.home.name}.log").read_text(errors="replace")

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)


class MariaDb:
    """A private MariaDB server on 127.0.0.1, in `home`; root has no password."""

    def __init__(self, home: pathlib.Path, binary_log: bool = True):
        self.home = home
        self.binary_log = ["--server-id=1", "--binlog-format=ROW", f"--log-bin={home}/log"] if binary_log else []
        self.data = home / "data"
        self.port = free_port()
        self.process: subprocess.Popen | None = None
        self.user = ["--user=root"] if os.geteuid() == 0 else []
        done = subprocess.run(
            ["mariadb-install-db", "--no-defaults", f"--datadir={self.data}", "--skip-test-db", *self.user,
             "--auth-root-authentication-method=normal"], capture_output=True, text=True, cwd="/")
        if done.returncode != 0:
            pytest.fail(f"mariadb-install-db failed; run scripts/install.sh test\n{done.stdout}\n{done.stderr}")

    def start(self) -> None:
        command = [shutil.which("mariadbd") or "/usr/sbin/mariadbd", "--no-defaults", f"--datadir={self.data}",
                   "--bind-address=127.0.0.1", f"--port={self.port}", f"--socket={self.home}/socket", *self.user,
                   *self.binary_log, "--character-set-server=utf8mb4", "--innodb-flush-log-at-trx-commit=0",
                   "--general-log=1", f"--general-log-file={self.home}/queries.log"]
        with open(self.home / "server.log", "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                return self.connect("").close()
            except pymysql.err.OperationalError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    pytest.fail("the private MariaDB server did not start:\n" +
                                (self.home / "server.log").read_text()[-3000:])
                time.sleep(0.1)

    def connect(self, database: str) -> pymysql.connections.Connection:
        """As root, in autocommit."""
        return pymysql.connect(host="127.0.0.1", port=self.port, user="root", database=database or None,
                               charset="utf8mb4", autocommit=True)

    def run(self, *statements: str, database: str = "") -> list[tuple]:
        """Runs them in order; the rows of the last."""
        with self.connect(database) as connection, connection.cursor() as cursor:
            for sql in statements:
                cursor.execute(sql)
            return list(cursor.fetchall())

    def queries(self) -> str:
        """The server's own log of every statement it got."""
        return (self.home / "queries.log").read_text(errors="replace")

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.home, ignore_errors=True)


class Redis:
    """A private Redis server on 127.0.0.1, in `home`, that writes nothing to disk; `arguments` are its further ones."""

    def __init__(self, home: pathlib.Path, *arguments: str):
        self.home = home
        self.port = free_port()
        self.arguments = arguments
        self.process: subprocess.Popen | None = None
        if shutil.which("redis-server") is None:
            pytest.fail("redis-server is missing; run scripts/install.sh test")

    def start(self) -> None:
        port = [] if "--tls-port" in self.arguments else ["--port", str(self.port)]
        with open(self.home / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                ["redis-server", *port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", self.home,
                 *self.arguments], stdout=log, stderr=log, cwd="/")
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    pytest.fail("the private Redis server did not start:\n" +
                                (self.home / "server.log").read_text()[-3000:])
                time.sleep(0.05)

    def run(self, *words, **how):
        """One command and its answer: bytes, int, None, or a list of these. RespError where the server refuses it."""
        return self.run_all([words], **how)[0]

    def run_all(self, commands, password: str | None = None) -> list:
        """Many commands on one connection, all sent ahead of their answers."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=120) as connection:
            answers = connection.makefile("rb")
            if password is not None:
                connection.sendall(encode_resp(["AUTH", password]))
                decode_resp(answers)
            results, batch = [], []
            for command in commands:
                batch.append(encode_resp(command))
                if len(batch) == 1000:
                    connection.sendall(b"".join(batch))
                    results += [decode_resp(answers) for _ in batch]
                    batch = []
            connection.sendall(b"".join(batch))
            return results + [decode_resp(answers) for _ in batch]

    def calls(self) -> dict[str, int]:
        """How often each command ran, by the server's own count."""
        lines = self.run("INFO", "commandstats").decode().split()
        return {line.split(":")[0].removeprefix("cmdstat_"): int(line.split("calls=")[1].split(",")[0])
                for line in lines if line.startswith("cmdstat_")}

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.home, ignore_errors=True)


class Mongo:
    """A private MongoDB server on 127.0.0.1, in `home`: an emulator (mongo-java-server), which keeps everything in memory
    and lets everybody in. `changes`: whether it tells of changes, as members of replica sets do."""

    def __init__(self, home: pathlib.Path, changes: bool = True):
        self.home = home
        self.port = free_port()
        self.changes = changes
        self.process: subprocess.Popen | None = None

    def command(self) -> list:
        found = subprocess.run([sys.executable, ROOT / "scripts" / "fetch_deps.py", "--server", "mongo-java-server"],
                               capture_output=True, text=True)
        if found.returncode != 0:
            pytest.fail(f"the MongoDB emulator is missing; run scripts/install.sh test\n{found.stderr}")
        # Its $sample sorts by chance, which Java's own way to sort refuses now and then.
        return ["java", "-Xmx1g", "-Djava.util.Arrays.useLegacyMergeSort=true", "-cp", found.stdout.strip(), ROOT / "tests" / "sources" / "MongoEmulator.java",
                str(self.port), *(["changes"] if self.changes else [])]

    def start(self) -> None:
        with open(self.home / "server.log", "ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, cwd=self.home)
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5):
                    break
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    pytest.fail("the private MongoDB server did not start:\n" +
                                (self.home / "server.log").read_text()[-3000:])
                time.sleep(0.1)
        self.client = pymongo.MongoClient("127.0.0.1", self.port, directConnection=True)
        self.client.admin.command("ping")

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.home, ignore_errors=True)


class OtherMongo(Mongo):
    """The same by another emulator, which has nothing in common with it: nx-27017, over SQLite."""

    def command(self) -> list:
        return [pathlib.Path(sys.executable).parent / "nx-27017", "--db", "memory", "--host", "127.0.0.1", "-p",
                str(self.port)]


class RespError(Exception):
    """What a Redis server refused, in its words."""


def encode_resp(words) -> bytes:
    """A command in RESP, Redis' protocol."""
    texts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(texts) + b"".join(b"$%d\r\n%s\r\n" % (len(text), text) for text in texts)


def decode_resp(answers):
    line = answers.readline()
    kind, rest = line[:1], line[1:-2]
    if kind == b"-":
        raise RespError(rest.decode())
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if rest == b"-1" else answers.read(int(rest) + 2)[:-2]
    if kind == b"*":
        return None if rest == b"-1" else [decode_resp(answers) for _ in range(int(rest))]
    return rest
