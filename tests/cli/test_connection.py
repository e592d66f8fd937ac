"""How a command finds its server: named, running on the data folder, or inside the command itself."""

import json
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import time

import pytest
from harness import BINARY, clean_environment, run_aimass
from test_work import write_customers


@pytest.fixture(autouse=True)
def built(binary):
    return binary


def rows(run) -> list:
    return run.json["rows"]


def test_inside_the_command_and_at_a_server_alike(tmp_path, start_server):
    data = tmp_path / "data"
    csv = tmp_path / "people.csv"
    csv.write_text("name,age\nAda,36\n李,40\n", encoding="utf-8")
    run_aimass("datasets", "import", "people", csv, "--data", data)
    assert not (data / "server.json").exists()
    inside = run_aimass("sql", "SELECT * FROM people ORDER BY age", "--json", "--data", data)
    assert rows(inside) == [["Ada", 36], ["李", 40]]

    server = start_server(data)
    found = run_aimass("sql", "SELECT * FROM people ORDER BY age", "--json", "--data", data)
    assert rows(found) == rows(inside)
    named = run_aimass("sql", "SELECT * FROM people ORDER BY age", "--json", "--server", server.address,
                       "--key", server.key)
    assert rows(named) == rows(inside)
    variables = run_aimass("sql", "SELECT * FROM people ORDER BY age", "--json",
                           env={"AIMASS_URL": server.address, "AIMASS_KEY": server.key})
    assert rows(variables) == rows(inside)
    server.stop()


def test_a_dead_server_is_not_believed(tmp_path, start_server):
    data = tmp_path / "data"
    data.mkdir()
    server = start_server(data)
    server.kill()
    assert (data / "server.json").exists()
    assert rows(run_aimass("sql", "SELECT 42 AS x", "--json", "--data", data)) == [[42]]


def test_commands_side_by_side_share_the_folder(tmp_path):
    data = tmp_path / "data"
    run_aimass("sql", "SELECT 1", "--data", data)
    running = [subprocess.Popen([BINARY, "sql", f"SELECT {i} AS x", "--json", "--data", data], env=clean_environment(),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for i in range(4)]
    for i, process in enumerate(running):
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert json.loads(out)["rows"] == [[i]]


def test_the_default_folder_is_here_or_at_home(tmp_path):
    home = tmp_path / "home"
    here = tmp_path / "here"
    home.mkdir()
    (here / "aimass-data").mkdir(parents=True)
    environment = clean_environment() | {"HOME": str(home)}
    for place, expected in ((here, here / "aimass-data"), (tmp_path, home / ".aimass")):
        subprocess.run([BINARY, "sql", "SELECT 1", "--json"], cwd=place, env=environment, check=True,
                       capture_output=True)
        assert (expected / "admin.key").exists()
        assert (expected / "logs" / "cli.log").exists()


def test_nobody_answers():
    run = run_aimass("jobs", "list", "--server", "http://127.0.0.1:9", "--key", "k", check=False)
    assert run.status == 1
    assert run.out == "" and "http://127.0.0.1:9" in run.err
    machine = run_aimass("jobs", "list", "--server", "http://127.0.0.1:9", "--key", "k", "--json", check=False)
    assert machine.status == 1
    assert machine.json["error"]["code"] == "unavailable"


def test_a_wrong_key(server):
    run = run_aimass("jobs", "list", "--server", server.address, "--key", "aim_wrong", "--json", check=False)
    assert run.status == 1
    assert run.json["error"]["code"] == "unauthenticated"


def test_errors_of_the_server_speak_chinese(aimass):
    english = aimass("datasets", "show", "nothing-here", check=False)
    chinese = aimass("datasets", "show", "nothing-here", "--lang", "zh", check=False)
    assert english.status == chinese.status == 1
    assert english.err.startswith("Error: ") and chinese.err.startswith("错误：")
    assert re.search(r"[\u4e00-\u9fff]", chinese.err.removeprefix("错误："))
    assert "nothing-here" in english.err and "nothing-here" in chinese.err


class Terminal:
    """The command on a terminal of its own: what a person sees."""

    def __init__(self, *arguments, columns: int = 100, env: dict | None = None):
        self.process_id, self.descriptor = pty.fork()
        if self.process_id == 0:
            environment = clean_environment() | {"TERM": "xterm", "COLUMNS": str(columns)} | (env or {})
            os.execve(BINARY, [str(BINARY), *map(str, arguments)], environment)
        self.text = ""

    def read_until(self, wanted: str | None, timeout_s: float = 120) -> str:
        deadline = time.monotonic() + timeout_s
        while wanted is None or wanted not in self.text:
            if time.monotonic() > deadline:
                pytest.fail(f"did not see {wanted!r} in {self.text!r}")
            ready, _, _ = select.select([self.descriptor], [], [], 0.2)
            if not ready:
                continue
            try:
                piece = os.read(self.descriptor, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            self.text += piece.decode(errors="replace")
        return self.text

    def end(self) -> int:
        self.read_until(None)
        _, status = os.waitpid(self.process_id, 0)
        os.close(self.descriptor)
        return os.waitstatus_to_exitcode(status)


def slow_csv(path: pathlib.Path, megabytes: int) -> pathlib.Path:
    line = "2026-11-22 08:00:00,Shanghai,12345.678,some words that take room,上海\n"
    with path.open("w", encoding="utf-8") as file:
        file.write("time,city,amount,text,城市\n")
        block = line * (1_000_000 // len(line.encode()) + 1)
        for _ in range(megabytes):
            file.write(block)
    return path


# A job that no machine finishes while a test looks.
ENDLESS = "SELECT count(*) AS pairs FROM range(10000000) AS a, range(10000000) AS b WHERE a.range * b.range % 7 = 3"


def test_a_terminal_sees_a_bar_and_colours(tmp_path):
    # A search takes the time that it is given, on every machine.
    csv = write_customers(tmp_path / "customers.csv", rows=3000)
    terminal = Terminal("train", csv, "--target", "churn", "--time", "6s", "--data", tmp_path / "data")
    assert terminal.end() == 0, terminal.text
    assert "\r\033[K" in terminal.text and "█" in terminal.text
    assert "%" in terminal.text
    wrong = Terminal("datasets", "show", "nothing", "--data", tmp_path / "data")
    assert wrong.end() == 1
    assert "\033[31m" in wrong.text
    plain = Terminal("datasets", "show", "nothing", "--data", tmp_path / "data", env={"NO_COLOR": "1"})
    assert plain.end() == 1
    assert "\033[3" not in plain.text


def test_a_pipe_sees_plain_lines(tmp_path):
    csv = slow_csv(tmp_path / "big.csv", 120)
    started = time.monotonic()
    run = run_aimass("datasets", "import", "big", csv, "--data", tmp_path / "data")
    seconds = time.monotonic() - started
    assert "\r" not in run.err and "\033" not in run.err + run.out
    assert "█" not in run.err
    assert len(run.err.splitlines()) <= seconds / 2 + 2
    assert "big" in run.out


def test_json_of_a_long_command_is_one_document(tmp_path):
    csv = slow_csv(tmp_path / "big.csv", 5)
    run = run_aimass("datasets", "import", "big", csv, "--data", tmp_path / "data", "--json")
    assert run.json["state"] == "succeeded"
    assert run.err == ""


def test_standard_input(tmp_path, aimass):
    content = "a,b\n1,x\n2,y\n".encode()
    aimass("datasets", "import", "piped", "-", stdin=content)
    assert rows(aimass("sql", "SELECT a, b FROM piped ORDER BY a", "--json")) == [[1, "x"], [2, "y"]]
    run_aimass("datasets", "import", "piped", "-", "--data", tmp_path / "data", stdin=content)
    assert rows(run_aimass("sql", "SELECT count(*) FROM piped", "--json", "--data", tmp_path / "data")) == [[2]]


def test_upload_to_a_server_that_cannot_see_the_file(tmp_path, aimass):
    csv = slow_csv(tmp_path / "far.csv", 20)
    aimass("datasets", "import", "far", csv, env={"XDG_CACHE_HOME": str(tmp_path / "cache")})
    expected = sum(1 for _ in csv.open(encoding="utf-8")) - 1
    assert rows(aimass("sql", "SELECT count(*) FROM far", "--json")) == [[expected]]
    assert not list((tmp_path / "cache").rglob("*/uploads/*")), "a finished upload is forgotten"


def test_ctrl_c_leaves_the_job_to_the_server(server, aimass):
    terminal = Terminal("datasets", "derive", "long", "--sql", ENDLESS, "--data", server.data)
    terminal.read_until("%")
    os.kill(terminal.process_id, signal.SIGINT)
    assert terminal.end() == 1
    job = re.search(r"aimass jobs cancel (\S+)", terminal.text)[1]
    assert aimass("jobs", "show", job, "--json").json["state"] in ("queued", "running")
    aimass("jobs", "cancel", job)


def test_ctrl_c_cancels_the_job_inside_the_command(tmp_path):
    data = tmp_path / "data"
    terminal = Terminal("datasets", "derive", "long", "--sql", ENDLESS, "--data", data)
    terminal.read_until("%")
    os.kill(terminal.process_id, signal.SIGINT)
    assert terminal.end() == 1
    jobs = run_aimass("jobs", "list", "--json", "--data", data).json["items"]
    assert [job["state"] for job in jobs] == ["cancelled"]


def test_a_closed_pipe_is_no_disaster(aimass, server):
    environment = clean_environment() | {"AIMASS_URL": server.address, "AIMASS_KEY": server.key}
    done = subprocess.run(["bash", "-o", "pipefail", "-c",
                           f"{BINARY} sql 'SELECT * FROM range(50000)' --format csv | head -1"],
                          env=environment, capture_output=True, text=True)
    assert done.stdout == "range\n"
    assert "Error" not in done.stderr
