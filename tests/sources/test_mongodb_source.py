"""Documents in MongoDB, reached, looked at, collected, and compared with what the server has.

No package has MongoDB itself, so the servers are emulators: one (mongo-java-server) for most, another (nx-27017) for a
few. What they lack, signing in, rights and TLS, a gate before them does (mongo_gate.py).
"""

import datetime
import decimal
import json
import random
import socket
import ssl
import subprocess
import threading
import time
import uuid

import bson
import pytest
from bson import json_util

from collecting import collect, last_run, refresh, rows_of
from harness import Mongo, OtherMongo, free_port, wait_for_job
from mongo_gate import Gate
from mongo_proxy import Proxy

PASSWORD = "p'äss 密码 \\ 7"
UTC = datetime.timezone.utc


@pytest.fixture(scope="module")
def shop(mongo):
    database = mongo.client["shop"]
    database["users"].insert_many(
        [{"_id": i, "name": f"row-{i:05d}", "city": "上海", "points": i, "tags": ["a", i]} for i in range(2000)])
    return database


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    """A server that does not tell of changes, as one that belongs to no replica set."""
    server = Mongo(tmp_path_factory.mktemp("quiet"), changes=False)
    server.start()
    yield server
    server.remove()


def source(client, name, port, database="shop", **changes):
    settings = {"host": "127.0.0.1", "port": port, "database": database} | changes
    made = client.post("/api/v1/sources", json={"name": name, "kind": "mongodb", "settings": settings})
    assert made.status_code == 201, made.text
    return name


def checks(client, name, **how):
    return client.post(f"/api/v1/sources/{name}/test", json={}, **how).json()


@pytest.fixture(scope="module")
def docs(client, mongo, shop):
    return source(client, "docs", mongo.port)


@pytest.fixture
def fresh(shop):
    """A collection that nobody else uses."""
    return shop[f"c{time.monotonic_ns()}"]


def test_a_test_says_what_it_found(client, docs):
    answer = checks(client, docs)
    assert answer["ok"] is True, answer
    text = "\n".join(check["message"] for check in answer["checks"])
    assert "connected to MongoDB " in text and "tables of the database 'shop' may be read" in text, text
    assert "no user is set" in text and "not encrypted" in text and "which documents change" not in text, text


def test_a_server_that_does_not_tell_of_changes_is_said_to(client, quiet):
    quiet.client["shop"]["a"].insert_one({"x": 1})
    answer = checks(client, source(client, "quiet-test", quiet.port))
    assert answer["ok"] is True and "which documents change" in json.dumps(answer), answer


@pytest.mark.parametrize("change, expected, hint", [
    ({"password": "wrong"}, "does not let 'reader' in", "check user and password"),
    ({"auth_mechanism": "SCRAM-SHA-256", "password": "wrong"}, "does not let 'reader' in", "auth_source"),
    ({"user": "stranger"}, "does not let 'stranger' in", "check user and password"),
    ({"user": "", "password": ""}, "requires authentication", "set user and password"),
    ({"port": None}, "cannot connect to 127.0.0.1:", "check host and port"),
    ({"host": "no-such-host.invalid"}, "cannot connect to no-such-host.invalid", "check host and port"),
    ({"host": "a host/"}, "is no name or address of a host", None),
    ({"host": "127.0.0.1,localhost"}, "several hosts are those of a replica set", "set replica_set"),
    ({"replica_set": "rs0"}, "no member of the replica set 'rs0' can be read", "check replica_set"),
    ({"database": "nothing"}, "no table of the database 'nothing' may be read", 'role: "read", db: "nothing"'),
    ({"user": "lister"}, "may not be read", 'grantRolesToUser("lister", [{role: "read", db: "shop"}])'),
    ({"user": "blind"}, "not authorized on shop to execute command listCollections", 'grantRolesToUser("blind"'),
    ({"tls": "on"}, "no encrypted connection", "set tls to off"),
])
def test_a_test_names_what_is_wrong(client, mongo, shop, change, expected, hint):
    gate = Gate(mongo.port, {"reader": PASSWORD, "lister": PASSWORD, "blind": PASSWORD},
                denied={"lister": {"find"}, "blind": {"listCollections"}})
    settings = {"user": "reader", "password": PASSWORD} | change
    port = free_port() if "port" in settings else gate.port
    settings.pop("port", None)
    name = source(client, f"wrong-{time.monotonic_ns()}", port, **settings)
    answer = checks(client, name)
    assert answer["ok"] is False, answer
    wrong = [check for check in answer["checks"] if not check["ok"]]
    assert expected in wrong[0]["message"], answer
    assert hint is None or hint in (wrong[0]["hint"] or ""), answer
    assert PASSWORD not in json.dumps(answer, ensure_ascii=False)
    chinese = checks(client, name, headers={"Accept-Language": "zh"})
    gate.close()
    assert any("\u4e00" <= c <= "\u9fff" for c in [w for w in chinese["checks"] if not w["ok"]][0]["message"])


@pytest.mark.parametrize("mechanism", ["auto", "SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_a_user_signs_in_and_collects(client, mongo, shop, mechanism):
    gate = Gate(mongo.port, {"reader": PASSWORD})
    name = source(client, f"signed-{mechanism}", gate.port, user="reader", password=PASSWORD, auth_mechanism=mechanism)
    answer = checks(client, name)
    assert answer["ok"] is True and "signed in as reader" in json.dumps(answer), answer
    job = collect(client, name, name, table="users")
    gate.close()
    assert job["state"] == "succeeded", job


def test_a_server_that_never_answers_is_given_up(client):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        source(client, "mute", mute.getsockname()[1])
        started = time.monotonic()
        answer = checks(client, "mute")
        assert answer["ok"] is False and time.monotonic() - started < 20, answer


def test_tables_and_columns(client, docs, shop):
    tables = {table["name"]: table for table in client.get("/api/v1/sources/docs/tables").json()["items"]}
    assert tables["users"]["rows"] == 2000 and not [name for name in tables if name.startswith("system.")], tables
    table = client.get("/api/v1/sources/docs/tables/users?limit=2").json()
    assert [(c["name"], c["type"]) for c in table["columns"]] == [
        ("_id", "bigint"), ("name", "text"), ("city", "text"), ("points", "bigint"), ("tags", "text"), ("more_fields", "text")]
    assert table["key"] == ["_id"] and table["rows"][1] == [1, "row-00001", "上海", 1, '["a",1]', None], table
    missing = client.get("/api/v1/sources/docs/tables/user")
    assert missing.status_code == 404 and "did you mean 'users'" in missing.text, missing.text


def test_each_type_is_collected(client, docs, fresh):
    key = bson.ObjectId("65000000aabbccddeeff0011")
    document = {"_id": key, "text": "你好", "empty": "", "int": 7, "long": bson.Int64(2**62), "double": 0.1, "mixed": 1.5,
                "decimal": bson.Decimal128("12.50"), "yes": True, "at": datetime.datetime(1969, 12, 31, 23, 59, 59, 999000),
                "bytes": b"\x00\xff", "uuid": bson.Binary.from_uuid(uuid.UUID(int=1)), "nothing": None,
                "nested": {"b": 1, "a": [1, {"id": key, "d": bson.Decimal128("1E+3"), "t": datetime.datetime(2026, 1, 1)}]},
                "regex": bson.Regex("^a", "i"), "code": bson.Code("f()"), "stamp": bson.Timestamp(3, 4),
                "least": bson.MinKey(), "any": 1}
    fresh.insert_many([document, {"_id": bson.ObjectId(), "mixed": 2, "any": "text", "int": None}])
    job = collect(client, "types", docs, table=fresh.name)
    assert job["state"] == "succeeded", job
    assert last_run(client, "types")["reconciled"] is True
    row = rows_of(client, """SELECT _id, epoch_ms(_id_time), "text", "empty", "int", "long", "double", "mixed", "decimal", "yes",
        epoch_ms("at"), hex("bytes"), "uuid", "nothing", "nested", "regex", "code", "stamp", "least", "any"
        FROM types WHERE "int" = 7""")[0]
    assert row[:14] == ["65000000aabbccddeeff0011", 0x65000000 * 1000, "你好", "", 7, str(2**62), 0.1, 1.5, "12.50", True, -1,
                        "00FF", "00000000-0000-0000-0000-000000000001", None], row
    # The driver's own writer of Extended JSON says what it must be.
    for at, name in enumerate(("nested", "regex", "code", "stamp", "least"), 14):
        expected = json_util.dumps(document[name], json_options=json_util.RELAXED_JSON_OPTIONS)
        assert json.loads(row[at]) == json.loads(expected), (name, row[at])
    assert row[19] == "1"
    assert rows_of(client, """SELECT "mixed", "any", "int", "text" FROM types WHERE "int" IS NULL""") == [
        [2.0, "text", None, None]]


def test_numbers_and_days_at_their_ends(client, docs, fresh):
    digits = "1234567890123456789012345678901234"
    fresh.insert_many([
        {"_id": 1, "d": float("nan"), "n": bson.Decimal128("NaN"), "big": bson.Decimal128(digits), "day": bson.DatetimeMS(-62135596800000)},
        {"_id": 2, "d": float("-inf"), "n": bson.Decimal128("1.10"), "big": bson.Decimal128("0.5"), "day": bson.DatetimeMS(253402300800000)},
        {"_id": 3, "d": 1.0, "n": bson.Decimal128("-Infinity"), "big": bson.Int64(-2**63), "day": bson.DatetimeMS(-2**62)}])
    job = collect(client, "ends", docs, table=fresh.name)
    assert job["state"] == "succeeded", job
    rows = rows_of(client, "SELECT d, n, big, day FROM ends ORDER BY _id")
    assert [row[0] for row in rows] == ["NaN", "-Infinity", 1.0], rows
    assert [row[1] for row in rows] == ["NaN", "1.10", "-Infinity"], rows
    assert [decimal.Decimal(row[2]) for row in rows] == [decimal.Decimal(digits), decimal.Decimal("0.5"), -2**63], rows
    assert rows[0][3] == "0001-01-01T00:00:00Z" and rows[1][3] == "+010000-01-01T00:00:00Z", rows


def test_names_of_any_kind(client, docs, mongo, fresh):
    name = f"集合.{fresh.name}"
    mongo.client["shop"][name].insert_one({"_id": 1, "姓名": "李", "Name": "a", "name": "b", "more_fields": "m", "_id_time": 2,
                                           "x" * 300: "long"})
    assert collect(client, "names", docs, table=name)["state"] == "succeeded"
    assert rows_of(client, "SELECT \"姓名\", \"Name\", \"more_fields_2\", \"_id_time_2\", more_fields FROM names") == [
        ["李", "a", "m", 2, json.dumps({"name": "b", "x" * 300: "long"}, separators=(",", ":"))]]


def test_documents_of_ten_shapes_lose_nothing(client, docs, fresh):
    chance = random.Random(3)
    values = [1, 2.5, "text", None, True, [1, [2]], {"a": {"b": []}}, bson.Decimal128("7.7"), bson.ObjectId(),
              datetime.datetime(2026, 1, 1)]
    made = [{"_id": i} | {f"f{chance.randrange(700)}": chance.choice(values) for _ in range(10)} for i in range(3000)]
    fresh.insert_many(made)
    job = collect(client, "shapes", docs, table=fresh.name)
    assert job["state"] == "succeeded", job
    run = last_run(client, "shapes")
    assert (run["rows_read"], run["reconciled"]) == (3000, True), run
    columns = [c["name"] for c in client.get(f"/api/v1/sources/docs/tables/{fresh.name}").json()["columns"]]
    assert len(columns) == 501, len(columns)
    kept = run["rows_written"]
    other = rows_of(client, "SELECT count(*), count(more_fields) FROM shapes")[0]
    assert other[0] == kept and other[1] > 0.5 * kept, other


def test_large_and_deep_documents(client, docs, fresh):
    deep = {}
    for _ in range(98):
        deep = {"d": deep}
    fresh.insert_one({"_id": 1, "deep": deep})
    for key in (2, 3):
        fresh.insert_one({"_id": key, "large": "x" * (15 << 20)})
    job = collect(client, "large", docs, table=fresh.name)
    assert job["state"] == "succeeded", job
    assert rows_of(client, "SELECT count(*), max(len(large)), max(len(deep)) FROM large")[0][:2] == [3, 15 << 20]


def test_no_rows_are_a_success_only_where_that_was_said(client, docs, mongo, fresh):
    mongo.client["shop"].create_collection(fresh.name)
    job = collect(client, "nothing", docs, table=fresh.name)
    assert job["state"] == "failed" and "the source gave no rows" in json.dumps(job), job
    assert collect(client, "nothing", docs, table=fresh.name, allow_empty=True)["state"] == "succeeded"


def test_what_does_not_fit_later_is_set_aside_and_what_is_new_is_kept(client, docs, fresh):
    fresh.insert_many([{"_id": i, "v": i, "n": i} for i in range(100)])
    what = {"table": fresh.name, "mode": "incremental", "cursor": "n", "overlap": 5}
    assert collect(client, "later", docs, **what)["state"] == "succeeded"
    fresh.insert_many([{"_id": 100, "v": "no number", "n": 100}, {"_id": 101, "v": 1.5, "n": 101},
                       {"_id": 102, "v": 2.0, "n": 102, "new": {"field": [1]}}])
    job = refresh(client, "later")
    assert job["state"] == "succeeded", job
    run = last_run(client, "later")
    assert (run["rejected_rows"], run["reconciled"]) == (2, True), run
    rejected = json.dumps(client.get("/api/v1/datasets/later/rejected").json()["items"])
    assert "no number" in rejected and "is no bigint" in rejected and "1.5" in rejected, rejected
    assert rows_of(client, "SELECT v, more_fields FROM later WHERE _id >= 100") == [[2, '{"new":{"field":[1]}}']]
    job = refresh(client, "later", full=True)  # and the types are found anew
    assert job["state"] == "succeeded", job
    assert rows_of(client, "SELECT v, \"new\" FROM later WHERE _id >= 100 ORDER BY _id") == [
        ["no number", None], ["1.5", None], ["2.0", '{"field":[1]}']]


def test_collected_by_the_time_of_its_object_ids(client, docs, mongo, fresh):
    start = datetime.datetime(2026, 1, 1, tzinfo=UTC)

    def made(seconds):
        return bson.ObjectId(f"{int(start.timestamp()) + seconds:08x}" + bson.ObjectId().binary.hex()[8:])

    fresh.insert_many([{"_id": made(i), "n": i} for i in range(1000)])
    proxy = Proxy(mongo.port)
    name = source(client, "ids", proxy.port)
    what = {"table": fresh.name, "mode": "incremental", "cursor": "_id_time", "overlap": 60}
    assert collect(client, "ids", name, **what)["state"] == "succeeded"
    proxy.commands.clear()
    fresh.insert_many([{"_id": made(1000 + i), "n": 1000 + i} for i in range(50)])
    job = refresh(client, "ids")
    proxy.close()
    assert job["state"] == "succeeded", job
    run = last_run(client, "ids")
    assert (run["rows_read"], run["rows_written"], run["reconciled"]) == (50, 50, True), run
    reads = [command["filter"]["_id"]["$gte"] for command in proxy.commands
             if "find" in command and "$gte" in command["filter"].get("_id", {})]
    assert bson.ObjectId(f"{int(start.timestamp()) + 939:08x}0000000000000000") in reads, reads
    assert rows_of(client, "SELECT count(*), count(DISTINCT n) FROM ids") == [[1050, 1050]]


@pytest.mark.parametrize("how, words", [("drop", "missing"), ("double", "doubled"), (("alter", b"row-0041x"), "changed")])
def test_one_document_that_is_damaged_on_its_way_is_named(client, mongo, shop, how, words):
    proxy = Proxy(mongo.port, b"row-00417", how)
    proxy.done = True  # not yet
    name = source(client, f"damaged-{words}", proxy.port)
    green = collect(client, name, name, table="users")
    assert green["state"] == "succeeded", green
    proxy.done = False
    job = refresh(client, name)
    proxy.close()
    assert proxy.done and job["state"] == "failed", job
    run = last_run(client, name)
    assert run["reconciled"] is False and {"key": '{"_id":417}', "what": words} in run["difference"], run


@pytest.mark.parametrize("mark, instead", [
    (b"row-00417\x00\x02city", b"row-\xff\xfe417\x00\x02city"),
    (b"row-00417\x00\x02city", b"row-00417\x00\x02name"),
], ids=["a text that is none", "a field twice"])
def test_what_no_server_should_send_is_no_row(client, mongo, shop, mark, instead):
    proxy = Proxy(mongo.port, mark, ("alter", instead))
    proxy.done = True
    name = source(client, f"hostile-{time.monotonic_ns()}", proxy.port)
    assert collect(client, name, name, table="users")["state"] == "succeeded"
    proxy.done = False
    job = refresh(client, name)
    proxy.close()
    assert proxy.done and job["state"] == "failed", job
    run = last_run(client, name)
    assert {"key": '{"_id":417}', "what": "missing"} in run["difference"], run


def test_bytes_that_are_no_bson_are_read_again(client, mongo, shop):
    proxy = Proxy(mongo.port, b"row-00417\x00\x02city\x00\x07", ("alter", b"row-00417\x00\x02city\x00\xff"))
    name = source(client, "no-bson", proxy.port)
    job = collect(client, "no-bson", name, table="users")
    proxy.close()
    assert proxy.done and job["state"] == "succeeded", job
    assert rows_of(client, "SELECT count(*), min(name) FROM \"no-bson\"") == [[2000, "row-00000"]]


def test_a_document_that_changes_while_it_is_read_is_no_difference(client, mongo, fresh):
    fresh.insert_many([{"_id": i, "v": 0} for i in range(1000)])
    proxy = Proxy(mongo.port)

    def change():
        fresh.replace_one({"_id": 7}, {"_id": 7, "v": 1})
        fresh.delete_one({"_id": 8})
        fresh.insert_one({"_id": 5000, "v": 2})

    proxy.meanwhile = change
    name = source(client, "live", proxy.port)
    job = collect(client, "live", name, table=fresh.name)
    proxy.close()
    assert job["state"] == "succeeded", job
    assert last_run(client, "live")["reconciled"] is True
    assert rows_of(client, "SELECT v FROM live WHERE _id = 7") == [[0]]  # as it was when it was read


def test_where_changes_are_not_told_a_difference_counts(client, quiet):
    rows = quiet.client["shop"]["rows"]
    rows.insert_many([{"_id": i, "v": 0} for i in range(1000)])
    proxy = Proxy(quiet.port)
    name = source(client, "untold", proxy.port)
    assert collect(client, "untold", name, table="rows")["state"] == "succeeded"
    proxy.meanwhile = lambda: rows.update_one({"_id": 7}, {"$set": {"v": 1}})
    job = refresh(client, "untold")
    assert job["state"] == "failed", job
    run = last_run(client, "untold")
    assert {"key": '{"_id":7}', "what": "changed"} in run["difference"], run
    assert refresh(client, "untold")["state"] == "succeeded"
    proxy.close()


def test_a_collection_that_is_dropped_while_it_is_read_is_no_success(client, mongo, quiet):
    for server in (mongo, quiet):
        gone = server.client["shop"]["gone"]
        gone.insert_many([{"_id": i} for i in range(500)])
        proxy = Proxy(server.port)
        proxy.meanwhile = gone.drop
        name = source(client, f"gone-{server.port}", proxy.port)
        job = collect(client, name, name, table="gone")
        proxy.close()
        assert job["state"] == "failed", job


def test_a_connection_that_is_cut_is_an_error_or_made_up_for(client, mongo, shop):
    proxy = Proxy(mongo.port)
    name = source(client, "cut", proxy.port)
    proxy.cut_after = 60_000
    job = collect(client, "cut", name, table="users")
    assert job["state"] == "failed" and "connection to the database broke" in json.dumps(job), job
    proxy.cut_after = None
    job = collect(client, "cut", name, table="users")
    assert job["state"] == "succeeded", job
    proxy.close()
    assert rows_of(client, "SELECT count(*) FROM cut") == [[2000]]


def test_a_collection_is_cancelled_while_the_server_thinks(client, mongo, shop):
    proxy = Proxy(mongo.port)
    going = threading.Event()
    thinking = threading.Event()

    def think():
        going.set()
        thinking.wait(60)

    proxy.meanwhile = think
    name = source(client, "slow", proxy.port)
    job = client.post("/api/v1/datasets", json={"name": "slow", "source": name, "table": "users"}).json()["job"]["id"]
    assert going.wait(90)
    started = time.monotonic()
    client.post(f"/api/v1/jobs/{job}/cancel", json={})
    ended = wait_for_job(client, job)
    took = time.monotonic() - started
    thinking.set()
    proxy.close()
    assert ended["state"] == "cancelled" and took < 3, (ended, took)


def test_rows_are_there_once_after_kill_9(mongo, start_server, tmp_path):
    """While documents come without end, server and job are killed: none is lost or doubled."""
    endless = mongo.client["shop"]["endless"]
    stop = threading.Event()
    sent = 0

    def produce():
        nonlocal sent
        while not stop.is_set():
            endless.insert_many([{"_id": sent + i, "n": sent + i, "text": "x" * 200} for i in range(200)])
            sent += 200
            time.sleep(0.1)

    thread = threading.Thread(target=produce)
    thread.start()
    time.sleep(0.5)
    server = start_server(tmp_path / "data")
    client = server.client()
    source(client, "docs", mongo.port)
    what = {"table": "endless", "mode": "incremental", "cursor": "n", "overlap": 100}
    assert collect(client, "endless", "docs", **what)["state"] == "succeeded"
    chance = random.Random(7)
    for _ in range(4):
        job = client.post("/api/v1/datasets/endless/refresh", json={}).json()["job"]["id"]
        time.sleep(chance.uniform(0.0, 1.0))
        server.kill()
        server = start_server(tmp_path / "data")
        client = server.client()
        ended = wait_for_job(client, job)
        assert ended["state"] == "succeeded", ended
    stop.set()
    thread.join()
    assert refresh(client, "endless")["state"] == "succeeded"
    assert rows_of(client, "SELECT count(*), count(DISTINCT n), max(n) FROM endless") == [[sent, sent, sent - 1]]


def test_a_query_is_a_pipeline(client, docs, fresh):
    fresh.insert_many([{"_id": i, "city": ["上海", "北京"][i % 2], "n": i, "at": datetime.datetime(2026, 1, 1 + i % 20)}
                       for i in range(400)])
    groups = {"aggregate": fresh.name, "pipeline": [
        {"$match": {"n": {"$gte": {"$numberLong": "100"}}}}, {"$group": {"_id": "$city", "sum": {"$sum": "$n"}}}]}
    job = collect(client, "cities", docs, query=json.dumps(groups))
    assert job["state"] == "succeeded", job
    assert rows_of(client, "SELECT _id, sum FROM cities ORDER BY sum") == [
        ["上海", sum(range(100, 400, 2))], ["北京", sum(range(101, 400, 2))]]
    some = {"aggregate": fresh.name, "pipeline": [{"$match": {"city": {"$regex": "^北"}}}]}
    job = collect(client, "northern", docs, query=json.dumps(some), mode="incremental", cursor="at", key=["_id"])
    assert job["state"] == "succeeded", job
    fresh.insert_one({"_id": 1000, "city": "北京", "n": 1, "at": datetime.datetime(2026, 2, 1)})
    assert refresh(client, "northern")["state"] == "succeeded"
    assert rows_of(client, "SELECT count(*), max(_id) FROM northern") == [[201, 1000]]


@pytest.mark.parametrize("query, expected", [
    ("SELECT 1", "JSON"),
    ('{"aggregate": "users"}', "'pipeline' must be an array of stages"),
    ('{"aggregate": "users", "pipeline": [{"$out": "copy"}]}', "'$out' may not run in a query"),
    ('{"aggregate": "users", "pipeline": [{"$match": {"$where": "1"}}]}', "'$where' may not run in a query"),
    ('{"aggregate": "users", "pipeline": [{"$nonsense": {}}]}', "these stages may: $addFields"),
])
def test_a_query_that_may_not_run_is_refused(client, docs, shop, query, expected):
    job = collect(client, f"refused-{time.monotonic_ns()}", docs, query=query)
    assert job["state"] == "failed" and expected in json.dumps(job), job
    assert "copy" not in shop.list_collection_names()


def test_a_cursor_that_servers_cannot_look_for_is_refused(client, docs, fresh):
    fresh.insert_one({"_id": 1, "tags": ["a"]})
    job = collect(client, "no-cursor", docs, table=fresh.name, mode="incremental", cursor="tags")
    assert job["state"] == "failed" and "'tags' cannot be a cursor" in json.dumps(job), job


def test_tls(client, mongo, shop, tmp_path):
    authority, key = tmp_path / "ca.crt", tmp_path / "ca.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", authority, "-days",
                    "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, key)
    gate = Gate(mongo.port, {"reader": PASSWORD}, context=context)
    results = {}
    for name, settings in {"tls-on": {"tls": "on"}, "tls-verify": {"tls": "verify", "ca_file": str(authority)},
                           "tls-strange": {"tls": "verify"}, "tls-off": {"tls": "off"},
                           "tls-name": {"tls": "verify", "ca_file": str(authority), "host": "localhost"}}.items():
        source(client, name, gate.port, user="reader", password=PASSWORD, **settings)
        results[name] = checks(client, name)["checks"]
    job = collect(client, "over-tls", "tls-verify", table="users")
    gate.close()
    assert job["state"] == "succeeded", job
    for name in ("tls-on", "tls-verify"):
        assert any(check["message"] == "the connection is encrypted" for check in results[name]), results
    for name in ("tls-strange", "tls-name"):
        assert "no encrypted connection" in results[name][0]["message"], results
    assert "set tls to on" in (results["tls-off"][0]["hint"] or ""), results


def test_another_server_that_speaks_the_same(client, tmp_path):
    home = tmp_path / "other"
    home.mkdir()
    server = OtherMongo(home)
    server.start()
    try:
        orders = server.client["shop"]["orders"]
        orders.insert_many([{"_id": i, "name": f"名 {i}", "n": i, "at": datetime.datetime(2026, 1, 1), "in": {"a": [i]}}
                            for i in range(1500)])
        name = source(client, "other", server.port)
        answer = checks(client, name)
        assert answer["ok"] is True, answer
        assert "orders" in [table["name"] for table in client.get("/api/v1/sources/other/tables").json()["items"]]
        job = collect(client, "other", name, table="orders", mode="incremental", cursor="n", overlap=10)
        assert job["state"] == "succeeded", job
        orders.insert_many([{"_id": 1500 + i, "n": 1500 + i} for i in range(20)])
        job = refresh(client, "other")
        assert job["state"] == "succeeded", job
        run = last_run(client, "other")
        assert (run["rows_written"], run["reconciled"]) == (20, True), run
        assert rows_of(client, "SELECT count(*), count(DISTINCT _id), sum(n) FROM other") == [[1520, 1520, 1519 * 1520 // 2]]
    finally:
        server.remove()
