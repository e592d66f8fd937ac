"""Data in Redis: keys of every type and streams, reached, looked at, collected, and compared with what the server has."""

import base64
import json
import random
import shutil
import socket
import subprocess
import threading
import time

import pytest

from collecting import collect, last_run, refresh, rows_of
from harness import Redis, RespError, free_port, wait_for_job
from redis_proxy import Proxy

PASSWORD = "p'äss 密码 \\ 7"
RULES = ["+@read", "~*", "resetchannels", "&__redis__:invalidate", "+client|id", "+client|tracking", "+subscribe"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A server that lets nobody in without a password, with users who may read it more or less."""
    server = Redis(tmp_path_factory.mktemp("redis"))
    server.start()
    server.run_all([
        ["ACL", "SETUSER", "reader", "on", ">" + PASSWORD, *RULES],
        ["ACL", "SETUSER", "deaf", "on", ">" + PASSWORD, "+@read", "~*"],
        ["ACL", "SETUSER", "narrow", "on", ">" + PASSWORD, "+@read", "~other:*"],
        ["ACL", "SETUSER", "idle", "on", ">" + PASSWORD, "+ping", "~*"],
        *[["HSET", f"user:{i}", "name", f"row-{i:05d}", "city", "上海"] for i in range(2000)],
        ["HSET", "user:7", "vip", "yes", "id", "u7"],
        ["SET", "greeting:zh", "你好"], ["SET", "greeting:en", ""], ["SET", "greeting:soon", "x", "PXAT", 4102444800123],
        ["SET", "blob:1", b"\x00\xff\x10"], ["SET", "blob:2", "text"],
        ["RPUSH", "queue:a", "one", "two", "one"], ["SADD", "tags:a", "red", "绿"],
        ["ZADD", "board:a", "1.5", "ann", "-inf", "bob", "0.1", "eve"],
        ["XADD", "clicks", "1764318600000-0", "page", "/首页", "ms", "12"],
        ["XADD", "clicks", "1764318600000-1", "page", "/buy", "user", "u7"],
        ["SET", "lonely", "1"],
    ])
    yield server
    server.remove()


def source(client, name, server, **changes):
    settings = {"host": "127.0.0.1", "port": server.port, "user": "reader", "password": PASSWORD} | changes
    made = client.post("/api/v1/sources", json={"name": name, "kind": "redis", "settings": settings})
    assert made.status_code == 201, made.text
    return name


@pytest.fixture(scope="module")
def cache(client, shop):
    return source(client, "cache", shop)


def test_a_test_says_what_it_found(client, cache):
    answer = client.post("/api/v1/sources/cache/test", json={}).json()
    assert answer["ok"] is True, answer
    text = "\n".join(check["message"] for check in answer["checks"])
    assert "Redis 7" in text and "signed in as reader" in text and "tables of the database '0' may be read" in text, text
    assert "which keys change" not in text


@pytest.mark.parametrize("change, expected, hint", [
    ({"password": "wrong"}, "does not let 'reader' in", "check user and password"),
    ({"user": "stranger"}, "does not let 'stranger' in", "check user and password"),
    ({"port": None}, "cannot connect to 127.0.0.1:", "check host and port"),
    ({"host": "no-such-host.invalid"}, "cannot connect to no-such-host.invalid", "check host and port"),
    ({"database": "99", "user": "default", "password": ""}, "out of range", None),
    ({"database": "1"}, "select", "ACL SETUSER reader +select"),
    ({"database": "5", "user": "default", "password": ""}, "the database '5' holds no keys", "set database to its number"),
    ({"user": "idle"}, "dbsize", "ACL SETUSER idle +@read"),
    ({"user": "narrow"}, "key", "ACL SETUSER narrow %R~user:*"),
    ({"tls": "on"}, "no encrypted connection", "set tls to off"),
])
def test_a_test_names_what_is_wrong(client, shop, change, expected, hint):
    if "port" in change:
        change = {"port": free_port()}
    name = source(client, f"wrong-{time.monotonic_ns()}", shop, **change)
    answer = client.post(f"/api/v1/sources/{name}/test", json={}).json()
    assert answer["ok"] is False, answer
    wrong = [check for check in answer["checks"] if not check["ok"]]
    assert expected in wrong[0]["message"], answer
    assert hint is None or hint in (wrong[0]["hint"] or ""), answer
    assert PASSWORD not in json.dumps(answer, ensure_ascii=False)
    chinese = client.post(f"/api/v1/sources/{name}/test", json={}, headers={"Accept-Language": "zh"}).json()
    assert any("\u4e00" <= c <= "\u9fff" for c in [w for w in chinese["checks"] if not w["ok"]][0]["message"])


def test_a_password_that_is_missing_is_asked_for(client, tmp_path):
    server = Redis(tmp_path, "--requirepass", "secret")
    server.start()
    source(client, "closed", server, user="", password="")
    answer = client.post("/api/v1/sources/closed/test", json={}).json()
    source(client, "opened", server, user="", password="secret")
    opened = client.post("/api/v1/sources/opened/test", json={}).json()
    server.remove()
    assert "asks for a password" in answer["checks"][0]["message"], answer
    assert "signed in as default" in json.dumps(opened), opened


def test_a_node_of_a_cluster_is_refused(client, tmp_path):
    server = Redis(tmp_path, "--cluster-enabled", "yes")
    server.start()
    source(client, "cluster", server, user="", password="")
    answer = client.post("/api/v1/sources/cluster/test", json={}).json()
    server.remove()
    assert answer["ok"] is False and "node of a Redis Cluster" in answer["checks"][0]["message"], answer


def test_a_server_that_never_answers_is_given_up(client, shop):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        source(client, "mute", shop, port=mute.getsockname()[1])
        started = time.monotonic()
        answer = client.post("/api/v1/sources/mute/test", json={}).json()
        assert answer["ok"] is False and time.monotonic() - started < 20, answer


def test_tables_and_columns(client, cache):
    tables = {table["name"]: table for table in client.get("/api/v1/sources/cache/tables").json()["items"]}
    assert {"hash user:*", "string greeting:*", "list queue:*", "set tags:*", "zset board:*", "stream clicks",
            "string lonely"} <= set(tables), tables
    assert tables["hash user:*"]["rows"] == 2000
    table = client.get("/api/v1/sources/cache/tables/hash user:*?limit=2").json()
    assert [(c["name"], c["type"]) for c in table["columns"]] == [
        ("key", "text"), ("city", "text"), ("id", "text"), ("name", "text"), ("vip", "text"), ("more_fields", "text")]
    assert table["key"] == ["key"] and len(table["rows"]) == 2 and table["rows"][0][1] == "上海"
    stream = client.get("/api/v1/sources/cache/tables/stream clicks").json()
    assert [c["name"] for c in stream["columns"]] == ["id", "position", "added_at", "ms", "page", "user", "more_fields"]
    assert client.get("/api/v1/sources/cache/tables/stream nothing").status_code == 404
    assert client.get("/api/v1/sources/cache/tables/nothing:*").status_code == 404


@pytest.mark.parametrize("table, query, expected", [
    ("string greeting:*", "SELECT key, value, epoch_ms(expires_at) FROM t ORDER BY key",
     [["greeting:en", "", None], ["greeting:soon", "x", "4102444800123"], ["greeting:zh", "你好", None]]),
    ("lonely", "SELECT key, value FROM t", [["lonely", "1"]]),
    ("list queue:*", "SELECT * FROM t ORDER BY index", [["queue:a", 0, "one"], ["queue:a", 1, "two"], ["queue:a", 2, "one"]]),
    ("set tags:*", "SELECT * FROM t ORDER BY member", [["tags:a", "red"], ["tags:a", "绿"]]),
    ("zset board:*", "SELECT * FROM t ORDER BY score",
     [["board:a", "bob", "-Infinity"], ["board:a", "eve", 0.1], ["board:a", "ann", 1.5]]),
    ("hash user:7", "SELECT * FROM t", [["user:7", "上海", "u7", "row-00007", "yes", None]]),
    ("fields user:7", "SELECT field, value FROM t ORDER BY field",
     [["city", "上海"], ["id", "u7"], ["name", "row-00007"], ["vip", "yes"]]),
    ("stream clicks", "SELECT id, seconds, ms, page, \"user\" FROM (SELECT *, CAST(epoch(added_at) AS BIGINT) AS seconds FROM t) ORDER BY id",
     [["1764318600000-0", 1764318600, "12", "/首页", None], ["1764318600000-1", 1764318600, None, "/buy", "u7"]]),
    ("string blob:*", "SELECT key, value FROM t ORDER BY key",
     [["blob:1", base64.b64encode(b"\x00\xff\x10").decode()], ["blob:2", base64.b64encode(b"text").decode()]]),
])
def test_each_type_is_collected(client, cache, table, query, expected):
    name = f"t{time.monotonic_ns()}"
    job = collect(client, name, cache, table=table)
    assert job["state"] == "succeeded", job
    answer = [[str(cell) if isinstance(cell, int) and cell > 2**40 else cell for cell in row]
              for row in rows_of(client, query.replace("FROM t", f"FROM {name}"))]
    assert answer == expected
    assert last_run(client, name)["reconciled"] is True


def test_no_rows_are_a_success_only_where_that_was_said(client, cache):
    job = collect(client, "nothing", cache, table="hash nothing:*")
    assert job["state"] == "failed" and "the source gave no rows" in json.dumps(job), job
    assert collect(client, "nothing", cache, table="hash nothing:*", allow_empty=True)["state"] == "succeeded"


def test_what_is_no_row_is_set_aside_with_its_reason(client, cache, shop):
    shop.run_all([["SET", f"mixed:{i}", f"v{i}"] for i in range(3000)])
    shop.run_all([["RPUSH", "mixed:list", "x"], ["SET", b"mixed:\xff", "binary key"]])
    job = collect(client, "mixed", cache, table="string mixed:*")  # of this type: the list is none of it
    assert job["state"] == "succeeded", job
    run = last_run(client, "mixed")
    assert (run["rows_written"], run["rejected_rows"]) == (3000, 1), run
    job = collect(client, "mixed-all", cache, table="mixed:[0-9l]*")  # whatever it is: said, not left out
    if job["state"] == "succeeded":
        assert last_run(client, "mixed-all")["rejected_rows"] == 1
        rejected = client.get("/api/v1/datasets/mixed-all/rejected").json()["items"]
        assert "something else than a string" in json.dumps(rejected), rejected
    else:  # the first key that was found is the list
        assert False, job


def test_fields_beyond_the_columns_are_kept(client, cache, shop):
    commands = [["HSET", f"wide:{i}", "common", i, f"f{i}", "v"] for i in range(700)]
    shop.run_all(commands + [["HSET", "wide:0", "KEY", "k", "more_fields", "m"],
                             ["HSET", "wide:1", "more_fields", "m"]])
    assert collect(client, "wide", cache, table="hash wide:*")["state"] == "succeeded"
    sums = rows_of(client, "SELECT count(*), count(more_fields) > 0, sum(CAST(common AS INT)), "
                           "count(CASE WHEN more_fields LIKE '%\"v\"%' THEN 1 END) FROM wide")
    assert sums[0][:3] == [700, True, 700 * 699 // 2], sums
    assert 195 <= sums[0][3] <= 210, sums  # 500 columns; no field of the other 200 is lost
    assert rows_of(client, "SELECT \"KEY_2\", \"more_fields_2\" FROM wide WHERE key = 'wide:0'") == [["k", "m"]]


def test_large_keys_are_read_in_pieces(client, cache, shop):
    shop.run_all([["HSET", "big:hash", *sum([[f"f{i}", f"v{i}"] for i in range(j, j + 1000)], [])]
                  for j in range(0, 50000, 1000)])
    shop.run_all([["RPUSH", "big:list", *range(j, j + 1000)] for j in range(0, 25000, 1000)])
    shop.run_all([["SADD", "big:set", *[f"m{i}" for i in range(j, j + 1000)]] for j in range(0, 25000, 1000)])
    for table, query, expected in [
            ("fields big:hash", "SELECT count(DISTINCT field), count(*) FROM {}", [50000, 50000]),
            ("list big:list", "SELECT count(*), count(CASE WHEN CAST(value AS INT) = index THEN 1 END) FROM {}", [25000, 25000]),
            ("set big:set", "SELECT count(DISTINCT member), count(*) FROM {}", [25000, 25000]),
            ("hash big:hash", "SELECT count(*), max(len(more_fields)) > 500000 FROM {}", [1, True])]:
        name = f"big{time.monotonic_ns()}"
        job = collect(client, name, cache, table=table)
        assert job["state"] == "succeeded", job
        assert rows_of(client, query.format(name)) == [expected]


def test_a_hundred_thousand_hashes_while_the_table_of_keys_is_rebuilt(client, cache, shop):
    """Keys that are added and removed make the server resize its table, so that SCAN names keys twice."""
    shop.run_all(["HSET", f"item:{i}", "n", i, "name", f"商品 {i}"] for i in range(100_000))
    stop = threading.Event()

    def rebuild():
        while not stop.is_set():
            shop.run_all(["SET", f"noise:{i}", "x"] for i in range(200_000))
            shop.run_all(["DEL", *[f"noise:{i}" for i in range(j, j + 1000)]] for j in range(0, 200_000, 1000))

    thread = threading.Thread(target=rebuild)
    thread.start()
    job = collect(client, "items", cache, table="hash item:*")
    stop.set()
    thread.join()
    assert job["state"] == "succeeded", job
    assert rows_of(client, "SELECT count(*), count(DISTINCT key), sum(CAST(n AS BIGINT)) FROM items") == [
        [100_000, 100_000, 100_000 * 99_999 // 2]]
    assert "keys" not in shop.calls()  # never KEYS


def test_keys_that_change_meanwhile_are_no_difference(client, cache, shop):
    shop.run_all(["HSET", f"live:{i}", "n", 0] for i in range(20_000))
    stop = threading.Event()
    changes = []

    def change():
        while not stop.is_set():
            first = len(changes) * 10
            shop.run_all([["HSET", f"live:{(first + i) % 15_000}", "n", first] for i in range(5)] +
                         [["DEL", f"live:{15_000 + first % 2000}"], ["HSET", f"live:new{first}", "n", 1]])
            changes.append(first)
            time.sleep(0.01)

    thread = threading.Thread(target=change)
    thread.start()
    job = collect(client, "live", cache, table="hash live:*")
    stop.set()
    thread.join()
    assert job["state"] == "succeeded" and len(changes) > 20, job
    assert rows_of(client, "SELECT count(DISTINCT key) >= 17000 FROM live") == [[True]]
    job = refresh(client, "live")  # and once nobody writes any more, the dataset is what the server has
    assert job["state"] == "succeeded", job
    assert rows_of(client, "SELECT count(*) FROM live")[0][0] == len(shop.run("KEYS", "live:*"))


def test_where_changes_are_not_told_a_difference_counts(client, shop):
    """Without the right to hear of changes, a run in which keys change is red: never green by chance."""
    deaf = source(client, "deaf", shop, user="deaf")
    said = client.post("/api/v1/sources/deaf/test", json={}).json()
    check = next(check for check in said["checks"] if "which keys change" in check["message"])
    assert "ACL SETUSER deaf +client|id +client|tracking +subscribe &__redis__:invalidate" in check["hint"], said
    job = collect(client, "quiet", deaf, table="hash user:*")
    assert job["state"] == "succeeded", job


@pytest.mark.parametrize("how, words", [("drop", "missing"), (("alter", b"row-0041x"), "changed")])
def test_one_key_that_is_damaged_on_its_way_is_named(client, shop, how, words):
    proxy = Proxy(shop.port, b"row-00417", how)
    proxy.done = True  # not while the columns are looked for
    name = source(client, f"damaged-{words}", shop, port=proxy.port)
    green = collect(client, name, name, table="hash user:*")
    assert green["state"] == "succeeded", green
    proxy.skip, proxy.done = 1, False  # the first answer with the mark is the look at the columns
    job = refresh(client, name)
    proxy.close()
    assert proxy.done
    assert job["state"] == "failed", job
    run = last_run(client, name)
    assert run["reconciled"] is False and {"key": '{"key":"user:417"}', "what": words} in run["difference"], run


@pytest.mark.parametrize("how, words", [("drop", "missing"), ("double", "doubled"), (("alter", b"row-0041x"), "changed")])
def test_one_entry_that_is_damaged_on_its_way_is_named(client, shop, how, words):
    stream = f"damaged:{words}"
    shop.run_all(["XADD", stream, f"{1764318600000 + i}-0", "n", f"row-{i:05d}"] for i in range(1000))
    proxy = Proxy(shop.port, b"row-00417", how)
    proxy.empty, proxy.done = None, True  # the entry goes, the page stays
    name = source(client, f"damaged-entry-{words}", shop, port=proxy.port)
    assert collect(client, name, name, table=f"stream {stream}")["state"] == "succeeded"
    proxy.done = False
    job = refresh(client, name)
    proxy.close()
    assert proxy.done and job["state"] == "failed", job
    run = last_run(client, name)
    key = f'{{"position":"{(1764318600000 + 417) * 1_000_000}"}}'
    assert run["reconciled"] is False and {"key": key, "what": words} in run["difference"], run


def test_a_connection_that_is_cut_is_an_error_or_made_up_for(client, shop):
    proxy = Proxy(shop.port)
    name = source(client, "cut", shop, port=proxy.port)
    proxy.cut_after = 40_000
    job = collect(client, "cut", name, table="hash user:*")
    assert job["state"] == "failed" and "connection to the database broke" in json.dumps(job), job
    proxy.cut_after = None
    assert collect(client, "cut", name, table="hash user:*")["state"] == "succeeded"
    proxy.close()
    assert rows_of(client, "SELECT count(*) FROM cut") == [[2000]]


def test_a_stream_is_collected_entry_by_entry_once(client, cache, shop):
    shop.run_all(["XADD", "events", "*", "n", i] for i in range(500))
    what = {"table": "stream events", "mode": "incremental", "cursor": "position"}
    assert collect(client, "events", cache, **what)["state"] == "succeeded"
    for round_number in range(1, 4):
        shop.run_all(["XADD", "events", "*", "n", 500 * round_number + i, "late", "a new field"] for i in range(500))
        job = refresh(client, "events")
        assert job["state"] == "succeeded", job
        run = last_run(client, "events")
        assert (run["rows_read"], run["rows_written"], run["reconciled"]) == (500, 500, True)
    assert rows_of(client, "SELECT count(*), count(DISTINCT n), count(DISTINCT id), count(more_fields) FROM events") == [
        [2000, 2000, 2000, 1500]]
    assert refresh(client, "events")["state"] == "succeeded" and last_run(client, "events")["rows_read"] == 0
    # Entries that were collected may be removed from the stream: they stay.
    shop.run("XTRIM", "events", "MAXLEN", 0)
    shop.run("XADD", "events", "*", "n", 2000)
    job = refresh(client, "events")
    assert job["state"] == "succeeded", job
    assert rows_of(client, "SELECT count(*), count(DISTINCT n) FROM events") == [[2001, 2001]]
    # Entries that nobody collected are missed.
    shop.run_all([["XADD", "events", "*", "n", 3000 + i] for i in range(30)] + [["XTRIM", "events", "MAXLEN", 10]])
    job = refresh(client, "events")
    assert job["state"] == "failed" and "20 rows were removed from 'stream events' before" in json.dumps(job), job
    assert rows_of(client, "SELECT count(*) FROM events") == [[2001]]
    job = refresh(client, "events", full=True)
    assert job["state"] == "succeeded", job
    assert rows_of(client, "SELECT count(*), min(CAST(n AS INT)) FROM events") == [[10, 3020]]


def test_a_stream_with_another_cursor_is_refused(client, cache):
    job = collect(client, "by-time", cache, table="stream clicks", mode="incremental", cursor="added_at")
    assert job["state"] == "failed" and "streams are collected by their 'position'" in json.dumps(job), job


def test_entries_are_there_once_after_kill_9(shop, start_server, tmp_path):
    """While entries come without end, server and job are killed: no entry is lost or doubled."""
    stop = threading.Event()
    sent = 0

    def produce():
        nonlocal sent
        while not stop.is_set():
            shop.run_all([["XADD", "endless", "*", "n", sent + i, "text", "x" * 200] for i in range(500)])
            sent += 500
            time.sleep(0.02)

    thread = threading.Thread(target=produce)
    thread.start()
    time.sleep(0.5)
    server = start_server(tmp_path / "data")
    client = server.client()
    source(client, "cache", shop)
    what = {"table": "stream endless", "mode": "incremental", "cursor": "position"}
    assert collect(client, "endless", "cache", **what)["state"] == "succeeded"
    chance = random.Random(7)
    for _ in range(5):
        job = client.post("/api/v1/datasets/endless/refresh", json={}).json()["job"]["id"]
        time.sleep(chance.uniform(0.0, 1.2))
        server.kill()
        server = start_server(tmp_path / "data")
        client = server.client()
        ended = wait_for_job(client, job)
        assert ended["state"] == "succeeded", ended
    stop.set()
    thread.join()
    job = refresh(client, "endless")
    assert job["state"] == "succeeded", job
    assert rows_of(client, "SELECT count(*), count(DISTINCT n), max(CAST(n AS BIGINT)) FROM endless") == [
        [sent, sent, sent - 1]]


def test_tls(client, tmp_path):
    authority, key = tmp_path / "ca.crt", tmp_path / "ca.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", authority, "-days",
                    "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    home = tmp_path / "redis"
    home.mkdir()
    server = Redis(home)
    server.arguments = ("--port", "0", "--tls-port", str(server.port), "--tls-cert-file", str(authority), "--tls-key-file",
                        str(key), "--tls-ca-cert-file", str(authority), "--tls-auth-clients", "no")
    server.start()
    nobody = {"user": "", "password": ""}
    results = {}
    for name, settings in {"tls-on": {"tls": "on"}, "tls-verify": {"tls": "verify", "ca_file": str(authority)},
                           "tls-strange": {"tls": "verify"}, "tls-off": {"tls": "off"},
                           "tls-name": {"tls": "verify", "ca_file": str(authority), "host": "localhost"}}.items():
        source(client, name, server, **nobody, **settings)
        results[name] = client.post(f"/api/v1/sources/{name}/test", json={}).json()["checks"]
    server.remove()
    for name in ("tls-on", "tls-verify"):
        assert any(check["message"] == "the connection is encrypted" for check in results[name]), results
    for name in ("tls-strange", "tls-name"):
        assert "no encrypted connection" in results[name][0]["message"], results
    assert "set tls to on" in (results["tls-off"][0]["hint"] or ""), results


def test_the_server_refuses_what_it_does_not_know(shop):
    """The client of these tests says so too: otherwise what they arrange might not be there."""
    with pytest.raises(RespError):
        shop.run("NO", "SUCH", "COMMAND")
    assert shutil.which("redis-server")
