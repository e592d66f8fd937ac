"""Hostile SQL: it gets its message, in both languages, and costs nobody but its sender."""

import contextlib
import os
import pathlib
import re
import threading
import time

import httpx
import pytest

from harness import wait_for_job

ARROW = "application/vnd.apache.arrow.stream"
MEMORY_MB = 256
DEEP = 20_000


@pytest.fixture(scope="module")
def hardened(start_server, tmp_path_factory):
    """A server whose queries may use MEMORY_MB, with a dataset `orders`."""
    server = start_server(tmp_path_factory.mktemp("hostile") / "data", env={"AIMASS_SQL_MEMORY_MB": str(MEMORY_MB)})
    with server.client() as client:
        answer = client.post("/api/v1/datasets", json={"name": "orders", "sql": "SELECT i AS id, i * 1.5 AS amount FROM range(10) t(i)"})
        assert answer.status_code == 202, answer.text
        assert wait_for_job(client, answer.json()["job"]["id"])["state"] == "succeeded"
    return server


@pytest.fixture
def sql(hardened):
    with hardened.client(timeout=120) as client:
        yield lambda query, lang="en", **body: client.post(
            "/api/v1/sql", json={"query": query, **body}, headers={"Accept-Language": lang})


def processes(server) -> list[int]:
    """The processes of user SQL that the server has started."""
    found = []
    # Not /proc/PID/task/*/children: the kernel leaves some out while others end.
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == server.process.pid and b"run-sql" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            pass  # it ended meanwhile
    return sorted(found)


def own_memory_mb(pid: int) -> int:
    match = re.search(r"RssAnon:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())
    return int(match[1]) // 1024 if match else 0


# query, status, what the English message says, what the Chinese one says
REFUSED = {
    # Files.
    "file function": ("SELECT * FROM read_text('/etc/passwd')", 400, "table function 'read_text' may not", "不能使用表函数“read_text”"),
    "file by name": ("SELECT * FROM '/etc/passwd'", 404, "no dataset '/etc/passwd'", "没有数据集“/etc/passwd”"),
    "file of a dataset": ("SELECT * FROM read_parquet('{file}')", 400, "'read_parquet' may not", "不能使用表函数"),
    "file of a dataset by name": ("FROM '{file}'", 404, "no dataset", "没有数据集"),
    "glob": ("SELECT * FROM glob('/**')", 400, "'glob' may not", "不能使用表函数“glob”"),
    "copy out": ("COPY orders TO '{data}/x.csv'", 400, "only SELECT may run here; found COPY", "此处只能运行 SELECT；实际为 COPY"),
    "copy in": ("COPY orders FROM '/etc/passwd'", 400, "found COPY", "实际为 COPY"),
    "export": ("EXPORT DATABASE '{data}/x'", 400, "found EXPORT", "实际为 EXPORT"),
    # Network.
    "http": ("SELECT * FROM 'https://127.0.0.1/x.parquet'", 404, "no dataset", "没有数据集"),
    "s3": ("SELECT * FROM read_csv('s3://bucket/x.csv')", 400, "'read_csv' may not", "不能使用表函数"),
    "install": ("INSTALL httpfs", 400, "found INSTALL", "实际为 INSTALL"),
    "load": ("LOAD '/tmp/x.duckdb_extension'", 400, "found LOAD", "实际为 LOAD"),
    # Other datasets and databases.
    "attach": ("ATTACH '{data}/metadata.db'", 400, "found ATTACH", "实际为 ATTACH"),
    "detach": ("DETACH memory", 400, "found DETACH", "实际为 DETACH"),
    "use": ("USE memory", 400, "found USE", "实际为 USE"),
    "scanner": ("SELECT * FROM sqlite_scan('{data}/metadata.db', 'keys')", 400, "'sqlite_scan' may not", "不能使用表函数"),
    "catalogue": ("SELECT * FROM information_schema.tables", 400, "found 'information_schema.tables'", "实际为“information_schema.tables”"),
    "tables": ("SELECT * FROM duckdb_tables()", 400, "'duckdb_tables' may not", "不能使用表函数"),
    "views": ("SELECT * FROM sqlite_master", 404, "no dataset 'sqlite_master'", "没有数据集“sqlite_master”"),
    "other schema": ("SELECT * FROM main.orders", 400, "found 'main.orders'", "实际为“main.orders”"),
    "query_table": ("SELECT * FROM query_table('orders')", 400, "'query_table' may not", "不能使用表函数"),
    "query": ("SELECT * FROM query('SELECT 1')", 400, "'query' may not", "不能使用表函数"),
    # Settings.
    "set": ("SET memory_limit = '100GB'", 400, "found SET", "实际为 SET"),
    "reset": ("RESET memory_limit", 400, "found RESET", "实际为 RESET"),
    "pragma": ("PRAGMA database_list", 400, "found PRAGMA", "实际为 PRAGMA"),
    "setting": ("SELECT current_setting('temp_directory')", 400, "'current_setting' may not", "不能使用函数“current_setting”"),
    "environment": ("SELECT getenv('HOME')", 400, "'getenv' may", "函数“getenv”"),
    # Writing.
    "create": ("CREATE TABLE x AS SELECT 1", 400, "found CREATE", "实际为 CREATE"),
    "insert": ("INSERT INTO orders VALUES (1, 2)", 400, "found INSERT", "实际为 INSERT"),
    "drop": ("DROP VIEW orders", 400, "found DROP", "实际为 DROP"),
    "prepare": ("PREPARE x AS SELECT 1", 400, "found PREPARE", "实际为 PREPARE"),
    "call": ("CALL pragma_version()", 400, "found CALL", "实际为 CALL"),
    # Several statements, comments, characters.
    "two": ("SELECT 1; SELECT 2", 400, "expected one SQL statement, found 2", "应为一条 SQL 语句，实际为 2 条"),
    "hidden second": ("SELECT 1 /* ; */ ; DROP VIEW orders", 400, "only SELECT may run here", "此处只能运行 SELECT"),
    "comment before": ("/* SELECT */ -- SELECT\n COPY orders TO 'x'", 400, "found COPY", "实际为 COPY"),
    "nothing": ("-- nothing", 400, "found 0", "实际为 0 条"),
    "nul": ("SELECT 1 \0; DROP VIEW orders", 400, "NUL", "NUL"),
    "nul in text": ("SELECT 'a\0b'", 400, "NUL", "NUL"),
    "parameter": ("SELECT $1", 400, "parameters such as", "参数没有值"),
    # Too long, too deep.
    "long": ("SELECT '" + "x" * 300_000 + "'", 413, "the SQL has 300009 bytes; at most 262144", "SQL 有 300009 字节"),
    "deep brackets": ("SELECT " + "(" * DEEP + "1" + ")" * DEEP, 400, "nested too deeply", "嵌套过深"),
    "deep lists": ("SELECT " + "[" * DEEP + "]" * DEEP, 400, "nested too deeply", "嵌套过深"),
    "deep queries": ("SELECT * FROM " + "(SELECT * FROM " * 8000 + "orders" + ")" * 8000, 400, "nested too deeply", "嵌套过深"),
    "deep signs": ("SELECT " + "- " * DEEP + "1", 400, "nested too deeply", "嵌套过深"),
    "deep cases": ("SELECT " + "CASE WHEN true THEN " * 9000 + "1" + " END" * 9000, 400, "nested too deeply", "嵌套过深"),
    "long sum": ("SELECT 1" + "+1" * DEEP, 400, "nested too deeply", "嵌套过深"),
    "deep casts": ("SELECT 1" + "::INT" * DEEP, 400, "nested too deeply", "嵌套过深"),
    "deep type": ("SELECT NULL::INT" + "[]" * DEEP, 400, "nested too deeply", "嵌套过深"),
    # Names that hardly anybody reads.
    "unicode name": ("SELECT * FROM “orders”", 404, "no dataset '“orders”'", "没有数据集"),
    "full width": ("SELECT * FROM ｏｒｄｅｒｓ", 404, "no dataset 'ｏｒｄｅｒｓ'", "没有数据集“ｏｒｄｅｒｓ”"),
    "zero width": ("SELECT * FROM or\u200bders", 400, "line 1, column 15", "第 1 行，第 15 列"),
    "control": ("SELECT * FROM \"or\x1bders\"", 404, "no dataset", "没有数据集"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(hardened, sql, case):
    query, status, english, chinese = REFUSED[case]
    file = next(hardened.data.rglob("*.parquet"))
    query = query.replace("{file}", str(file)).replace("{data}", str(hardened.data))
    for lang, text in (("en", english), ("zh", chinese)):
        answer = sql(query, lang)
        assert answer.status_code == status, answer.text
        problem = answer.json()
        assert text in problem["detail"], problem
        assert "LINE 1" not in problem["detail"] and "memory.main" not in problem["detail"]
        assert len(answer.text) < 2000 + len(query) * (status == 404)
    assert not list(hardened.data.glob("x*"))


# What needs more memory than is allowed inside one call of a function, where DuckDB counts nothing.
BOMBS = {
    "repeat": "SELECT length(repeat('x', 4000000000))",
    "bits": "SELECT bit_count(repeat('1', 2000000000)::BIT)",
    "range": "SELECT len(range(4000000000))",
    "comprehension": "SELECT len([x * 2 for x in range(300000000)])",
    "width": "SELECT format('{:>2000000000}', 'x')",
    "joined": "SELECT length(string_agg(repeat('x', 10000000), '')) FROM range(1000)",
    "list": "SELECT len(array_agg(repeat('x', 100000))) FROM range(100000)",
    "map": "SELECT map_from_entries([(i, repeat('x', 100000)) for i in range(10000000)])",
}


@pytest.mark.parametrize("case", BOMBS)
def test_memory(hardened, sql, case):
    """The query ends with its message; the server stays small and answers others meanwhile."""
    peak, stop, answers = [0], threading.Event(), []

    def watch():
        while not stop.is_set():
            peak[0] = max(peak[0], own_memory_mb(hardened.process.pid))
            time.sleep(0.005)

    def probe():
        with hardened.client(timeout=60) as other:
            answers.append(other.get("/healthz").status_code)
            while not stop.is_set():
                answers.append(other.get("/healthz").status_code)

    threads = [threading.Thread(target=watch), threading.Thread(target=probe)]
    before = own_memory_mb(hardened.process.pid)
    for thread in threads:
        thread.start()
    try:
        answer = sql(BOMBS[case], timeout_s=120)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert answer.status_code == 429, answer.text
    assert f"more than the {MEMORY_MB}.0 MiB of memory" in answer.json()["detail"]
    assert "sql.memory_mb" in answer.json()["hint"]
    assert peak[0] < before + 64
    assert answers and set(answers) == {200}
    assert sql("SELECT sum(id) FROM orders").json()["rows"] == [[45]]


def test_a_query_has_all_its_memory_whatever_ran_before(hardened, sql):
    """What the allocator of a process keeps counts towards its limit."""
    need = f"SELECT length(repeat('x', {MEMORY_MB << 20}))"
    assert sql(need).json()["rows"] == [[MEMORY_MB << 20]]
    for case, bomb in BOMBS.items():
        assert sql(bomb, timeout_s=120).status_code == 429
        answer = sql(need)
        assert answer.status_code == 200, f"after {case}: {answer.text}"


def test_memory_in_chinese(sql):
    assert "查询所需内存超过允许的 256.0 MiB" in sql(BOMBS["repeat"], "zh").json()["detail"]


# What DuckDB does not interrupt, and what it does.
ENDLESS = {
    "distance": "SELECT levenshtein(repeat('a', 400000), repeat('b', 400000))",
    "comments": "SELECT 1 " + "/*" * 60_000 + "*/" * 60_000,
    "recursion": "WITH RECURSIVE t(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM t) SELECT count(*) FROM t",
    "cross join": "SELECT sum(a.i * b.i) FROM range(10000000) a(i), range(10000000) b(i)",
}


@pytest.mark.parametrize("case", ENDLESS)
def test_time(sql, case):
    for lang, text in (("en", "took longer than its limit of 1 s"), ("zh", "超过了 1 秒的时间上限")):
        answer = sql(ENDLESS[case], lang, timeout_s=1)
        assert answer.status_code == 504, answer.text
        assert text in answer.json()["detail"]
    assert sql("SELECT 1").json()["rows"] == [[1]]


def test_a_plan_that_doubles_at_each_step(sql):
    """What is full first, time or memory, depends on the machine."""
    query = "WITH a0 AS (SELECT 1 x)" + "".join(
        f", a{i} AS (FROM a{i - 1} UNION ALL FROM a{i - 1})" for i in range(1, 40)) + " SELECT count(*) FROM a39"
    assert sql(query, timeout_s=2).status_code in (429, 504)
    assert sql("SELECT 1").json()["rows"] == [[1]]


def run_in_background(server, query, **options):
    answers = []

    def run():
        with server.client(timeout=300) as client, contextlib.suppress(httpx.HTTPError):
            answers.append(client.post("/api/v1/sql", json={"query": query, "timeout_s": 200, **options}))

    thread = threading.Thread(target=run)
    thread.start()
    return thread, answers


def busy_process(server) -> int:
    """The one process that computes."""
    def ticks(pid):
        try:
            return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11])
        except (OSError, IndexError):
            return 0

    first = {pid: ticks(pid) for pid in processes(server)}
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for pid in processes(server):
            if ticks(pid) > first.get(pid, 0) + 20:
                return pid
        time.sleep(0.05)
    pytest.fail("no process of user SQL computes")


def test_a_process_that_is_killed_is_reported_and_replaced(hardened, sql):
    thread, answers = run_in_background(hardened, ENDLESS["distance"])
    os.kill(busy_process(hardened), 9)
    thread.join(60)
    assert answers[0].status_code == 503, answers[0].text
    assert answers[0].json()["detail"] == "the process of the query was ended from outside"
    assert answers[0].json()["code"] == "unavailable" and "Retry-After" in answers[0].headers
    assert sql("SELECT sum(id) FROM orders").json()["rows"] == [[45]]


def test_a_process_that_crashes_is_reported_and_replaced(hardened, sql):
    thread, answers = run_in_background(hardened, ENDLESS["distance"])
    os.kill(busy_process(hardened), 11)
    thread.join(60)
    assert answers[0].status_code == 500, answers[0].text
    assert answers[0].json()["detail"] == "the process of the query crashed (signal 11)"
    assert sql("SELECT 1").json()["rows"] == [[1]]


def test_processes_that_die_while_they_wait_are_not_noticed(hardened, sql):
    assert sql("SELECT 1").status_code == 200
    for pid in processes(hardened):
        os.kill(pid, 9)
    answer = sql("SELECT 1")
    assert answer.status_code == 200, answer.text


def test_a_query_that_does_not_listen_is_cancelled(hardened, sql):
    with hardened.client() as client:
        thread, answers = run_in_background(hardened, ENDLESS["distance"], id="deaf")
        pid = busy_process(hardened)
        assert client.post("/api/v1/sql/deaf/cancel").status_code == 200
        thread.join(30)
        assert answers[0].status_code == 499, answers[0].text
    assert not pathlib.Path(f"/proc/{pid}").exists()


def test_a_stream_that_is_left_ends_its_process(hardened, sql):
    assert sql("SELECT 1").status_code == 200
    with hardened.client() as client:
        with client.stream("POST", "/api/v1/sql", json={"query": "SELECT i FROM range(100000000000) t(i)"},
                           headers={"Accept": ARROW}) as answer:
            pieces = answer.iter_raw()  # dropping it would hang up
            next(pieces)
            during = processes(hardened)
        deadline = time.monotonic() + 60
        while set(during) <= set(processes(hardened)):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_process_is_used_again_and_leaves_nothing_behind(hardened, sql):
    assert sql("SELECT 1").status_code == 200
    before = processes(hardened)
    for _ in range(20):
        assert sql("SELECT count(*) FROM orders").json()["rows"] == [[10]]
        assert sql("SELECT nothing").status_code == 400
    assert processes(hardened) == before
    assert len(list((hardened.data / "tmp").glob("sql-*"))) == len(before)


def test_processes_end_with_the_server(start_server, tmp_path):
    server = start_server(tmp_path / "data")
    with server.client() as client:
        assert client.post("/api/v1/sql", json={"query": "SELECT 1"}).status_code == 200
        pids = processes(server)
        assert pids
        thread, _ = run_in_background(server, ENDLESS["distance"])
        pids.append(busy_process(server))
    server.kill()
    thread.join(60)
    deadline = time.monotonic() + 60
    while any(pathlib.Path(f"/proc/{pid}").exists() and "Z (" not in pathlib.Path(f"/proc/{pid}/status").read_text()
              and "State:\tZ" not in pathlib.Path(f"/proc/{pid}/status").read_text() for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_derived_dataset_is_checked_the_same_way(hardened):
    with hardened.client(timeout=120) as client:
        for query in ("COPY orders TO 'x'", "SELECT * FROM read_text('/etc/passwd')", "SELECT " + "(" * DEEP):
            answer = client.post("/api/v1/datasets", json={"name": "stolen", "sql": query})
            assert answer.status_code == 422, answer.text
        answer = client.post("/api/v1/datasets", json={"name": "bomb", "sql": BOMBS["repeat"] + " AS n"})
        assert answer.status_code == 202, answer.text
        assert client.get("/healthz").status_code == 200
        client.post(f"/api/v1/jobs/{answer.json()['job']['id']}/cancel")
