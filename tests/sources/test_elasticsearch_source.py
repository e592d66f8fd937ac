"""Data in Elasticsearch: reached, looked at, collected, and compared with what the server has."""

import datetime
import functools
import http.server
import io
import json
import pathlib
import random
import socket
import subprocess
import threading
import time
import types

import pyarrow as pa
import pytest

from collecting import collect, counts, last_run, refresh, rows_of
from elasticsearch_proxy import Gate, Proxy
from elasticsearch_server import Elasticsearch
from harness import free_port, wait_for_job

PASSWORD = Elasticsearch.READER[1]
KEYS = {"aWQ6a2V5": Elasticsearch.READER}  # id:key
ORDERS = {"id": {"type": "long"}, "customer": {"type": "keyword"}, "amount": {"type": "double"}, "paid": {"type": "boolean"},
          "at": {"type": "date"}}


@pytest.fixture(scope="module")
def shop(elasticsearch):
    """Indices, aliases and a data stream of a shop."""
    server = elasticsearch
    server.create("orders", ORDERS, shards=3)
    server.put("orders", ((i, {"id": i, "customer": f"row-{i:05d}", "amount": i / 4, "paid": i % 2 == 1,
                               "at": f"2026-11-22T08:{i % 60:02d}:00.250Z"}) for i in range(20_000)))
    server.create("empty", {"id": {"type": "long"}})
    for month in ("01", "02"):
        server.create(f"logs-2026.{month}", {"n": {"type": "integer" if month == "01" else "long"}, "at": {"type": "date"}})
        server.put(f"logs-2026.{month}", ((i, {"n": i, "at": f"2026-{month}-01"}) for i in range(300)))
    server.ask("POST", "/_aliases", {"actions": [
        {"add": {"index": "logs-2026.*", "alias": "logs"}},
        {"add": {"index": "orders", "alias": "paid_orders", "filter": {"term": {"paid": True}}}}]})
    server.ask("PUT", "/_index_template/clicks", {"index_patterns": ["clicks"], "data_stream": {}, "template": {
        "settings": {"number_of_replicas": 0}}})
    server.ask("POST", "/clicks/_doc?refresh=true", {"@timestamp": "2026-11-22T08:00:00Z", "page": "/首页"})
    server.ask("PUT", "/hidden", {"settings": {"index.hidden": True, "number_of_replicas": 0}})
    return server


def source(client, name, server, **changes):
    settings = {"address": f"http://127.0.0.1:{server.port}", "user": "reader", "password": PASSWORD} | changes
    made = client.post("/api/v1/sources", json={"name": name, "kind": "elasticsearch", "settings": settings})
    assert made.status_code == 201, made.text
    return name


def probe(client, name, **options):
    return client.post(f"/api/v1/sources/{name}/test", json={}, **options).json()


@pytest.fixture(scope="module")
def search(client, shop):
    return source(client, "search", shop)


def test_the_kinds_say_what_they_need(client):
    kinds = {kind["name"]: kind for kind in client.get("/api/v1/connectors").json()["items"]}
    fields = {field["name"]: field for field in kinds["elasticsearch"]["fields"]}
    assert fields["password"]["kind"] == fields["api_key"]["kind"] == "secret" and fields["address"]["required"]


def test_a_test_says_what_it_found(client, search):
    answer = probe(client, "search")
    assert answer["ok"] is True, answer
    text = "\n".join(check["message"] for check in answer["checks"])
    assert "Elasticsearch 8.19" in text and "signed in as reader" in text and "tables of the database 'shop'" in text, text


@pytest.mark.parametrize("key", ["aWQ6a2V5", "id:key"])
def test_an_api_key_instead_of_a_password(client, shop, key):
    gate = Gate(shop, keys=KEYS)
    name = source(client, f"key-{time.monotonic_ns()}", gate, user="", password="", api_key=key)
    answer = probe(client, name)
    job = collect(client, name, name, table="logs")
    gate.close()
    assert answer["ok"] is True and "signed in as reader" in json.dumps(answer) and job["state"] == "succeeded", answer


@pytest.mark.parametrize("change, expected, hint", [
    ({"password": "wrong"}, "does not let 'reader' in", "check user and password, or api_key"),
    ({"user": "", "password": "", "api_key": "b3RoZXI6eA=="}, "does not let 'api_key' in", "check user and password, or api_key"),
    ({"user": "", "password": ""}, "asks for a password", "check user and password, or api_key"),
    ({"user": "narrow"}, "is unauthorized for user [narrow]", '"privileges":["read","view_index_metadata"]'),
    ({"user": "stranger"}, "no table of the database 'shop' may be read", '"privileges":["read","view_index_metadata"]'),
    ({"user": "blind"}, "is unauthorized for user [blind]", '"cluster":["monitor"]'),
    ({"address": "closed"}, "cannot fetch 'http://127.0.0.1:", "check host and port"),
    ({"address": "http://no-such-host.invalid:9200"}, "cannot fetch 'http://no-such-host.invalid:9200/", "check host and port"),
    ({"address": "127.0.0.1:9200"}, "must be an http:// or https:// address", None),
    ({"address": "https"}, "no encrypted connection", "write http://"),
    ({"api_key": "x"}, "either with user and password or with an api_key", None),
])
def test_a_test_names_what_is_wrong(client, shop, change, expected, hint):
    if change.get("address") in ("closed", "https"):
        scheme, port = ("http", free_port()) if change["address"] == "closed" else ("https", shop.port)
        change = {"address": f"{scheme}://127.0.0.1:{port}"}
    name = source(client, f"wrong-{time.monotonic_ns()}", shop, **change)
    answer = probe(client, name)
    assert answer["ok"] is False, answer
    wrong = [check for check in answer["checks"] if not check["ok"]]
    assert expected in wrong[0]["message"], answer
    assert hint is None or hint in (wrong[0]["hint"] or ""), answer
    assert PASSWORD not in json.dumps(answer, ensure_ascii=False)
    chinese = probe(client, name, headers={"Accept-Language": "zh"})
    assert any("\u4e00" <= c <= "\u9fff" for c in [w for w in chinese["checks"] if not w["ok"]][0]["message"])


def test_a_server_that_never_answers_is_given_up(client):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        source(client, "mute", types.SimpleNamespace(port=mute.getsockname()[1]))
        started = time.monotonic()
        answer = probe(client, "mute")
        assert answer["ok"] is False and time.monotonic() - started < 20, answer


def test_what_answers_is_something_else(client, tmp_path):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        source(client, "else", types.SimpleNamespace(port=listener.server_port))
        answer = probe(client, "else")
        listener.shutdown()
    assert answer["ok"] is False and "no Elasticsearch and no OpenSearch" in answer["checks"][0]["message"], answer


def test_another_node_is_asked_where_one_does_not_answer(client, shop):
    name = source(client, "nodes", shop, address=f"http://127.0.0.1:{free_port()}, http://127.0.0.1:{shop.port}/")
    assert probe(client, name)["ok"] is True
    assert collect(client, "nodes", name, table="logs")["state"] == "succeeded"


def test_tls(client, shop, tmp_path):
    authority, key = tmp_path / "ca.crt", tmp_path / "ca.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", authority, "-days",
                    "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    gate = Gate(shop, certificate=(authority, key))
    address = f"https://127.0.0.1:{gate.port}"
    checks = {}
    for name, settings in {"tls-on": {"tls": "on"}, "tls-verify": {"ca_file": str(authority)}, "tls-strange": {},
                           "tls-name": {"ca_file": str(authority), "address": f"https://localhost:{gate.port}"},
                           "tls-plain": {"address": f"http://127.0.0.1:{gate.port}"}}.items():
        source(client, name, gate, **({"address": address} | settings))
        checks[name] = probe(client, name)["checks"]
    assert collect(client, "sealed", "tls-verify", table="logs")["state"] == "succeeded"
    gate.close()
    for name in ("tls-on", "tls-verify"):
        assert any(check["message"] == "the connection is encrypted" for check in checks[name]), checks
    for name in ("tls-strange", "tls-name"):
        assert "no encrypted connection" in checks[name][0]["message"] and "ca_file" in checks[name][0]["hint"], checks
    assert "write https://" in (checks["tls-plain"][0]["hint"] or ""), checks


def test_tables_and_columns(client, search):
    tables = {table["name"]: table for table in client.get("/api/v1/sources/search/tables").json()["items"]}
    assert {"orders", "empty", "logs-2026.01", "logs-2026.02", "logs", "paid_orders", "clicks"} <= set(tables), tables
    assert not [name for name in tables if name == "hidden" or name.startswith(".")]
    assert tables["orders"]["rows"] == 20_000 and tables["empty"]["rows"] == 0 and tables["clicks"]["rows"] == 1
    assert tables["logs"]["kind"] == "view" and "logs-2026.01" in tables["logs"]["comment"]
    table = client.get("/api/v1/sources/search/tables/orders?limit=2").json()
    assert [(c["name"], c["type"], c["native_type"]) for c in table["columns"]] == [
        ("_id", "text", "_id"), ("amount", "double", "double"), ("at", "timestamp with time zone", "date"),
        ("customer", "text", "keyword"), ("id", "bigint", "long"), ("paid", "boolean", "boolean"),
        ("more_fields", "text", "more_fields")]
    assert table["key"] == ["_id"] and len(table["rows"]) == 2 and table["rows"][0][2].startswith("2026-11-22T08:")
    alias = client.get("/api/v1/sources/search/tables/logs?limit=1").json()
    assert alias["key"] == ["_index", "_id"] and {c["name"]: c["type"] for c in alias["columns"]}["n"] == "bigint"
    missing = client.get("/api/v1/sources/search/tables/ordres")
    assert missing.status_code == 404 and "did you mean 'orders'?" in missing.text
    for name in ("nothing-*", "_all", "a b"):
        assert client.get(f"/api/v1/sources/search/tables/{name}").status_code == 404


def test_a_table_is_collected_and_equals_the_source(client, search, shop):
    log = len(shop.searches())
    job = collect(client, "orders", search, table="orders")
    assert job["state"] == "succeeded", job
    assert rows_of(client, "SELECT count(*), sum(id), sum(amount), count(DISTINCT customer), count(paid) FROM orders") == [
        [20_000, 199_990_000, 49_997_500.0, 20_000, 20_000]]
    assert counts(client, "orders") == (20_000, 20_000, 0, True, 0)
    # The server's own log: all documents were asked for twice, in one point in time, which is closed by now.
    reads = [body for index, body in shop.searches()[log:] if index == "orders" and body["size"] > 100]
    whole = [body for body in reads if body["size"] > 256]
    assert len(whole) >= 2 * 3 * 4 and all("pit" in body for body in reads), reads[:3]
    assert all(body["sort"] == [{"_shard_doc": {"order": "asc"}}] for body in whole), whole[:1]
    assert shop.ask("GET", "/_nodes/stats/indices/search")["nodes"].popitem()[1]["indices"]["search"]["open_contexts"] == 0

    shop.put("orders", [(20_000, {"id": 20_000, "customer": "new"}), (3, {"id": 3, "amount": 5, "customer": "row-00003"})])
    assert refresh(client, "orders")["state"] == "succeeded"
    assert rows_of(client, "SELECT id, amount FROM orders WHERE id IN (3, 20000) ORDER BY id") == [[3, 5.0], [20_000, None]]
    assert rows_of(client, 'SELECT count(*) FROM "orders@0"') == [[20_000]]
    shop.remove_documents("orders", 20_000)


@pytest.mark.parametrize("name, what, least", [
    ("by-alias", {"table": "paid_orders"}, 9_000),
    ("by-pattern", {"table": "logs-2026.*"}, 600),
    ("by-several", {"table": "logs-2026.01,logs-2026.02"}, 600),
    ("by-stream", {"table": "clicks"}, 1),
])
def test_whatever_gives_documents_is_collected(client, search, shop, name, what, least):
    job = collect(client, name, search, **what)
    assert job["state"] == "succeeded", job
    there = shop.ask("GET", f"/{what['table']}/_count")["count"]
    assert there >= least and rows_of(client, f'SELECT count(*) FROM "{name}"') == [[there]]


def test_a_query_says_which_documents(client, search):
    query = json.dumps({"index": "orders", "query": {"range": {"id": {"gt": 3, "lt": 50}}}})
    job = collect(client, "by-query", search, query=query)
    assert job["state"] == "succeeded", job
    assert rows_of(client, 'SELECT count(*), min(id), max(id) FROM "by-query"') == [[46, 4, 49]]


@pytest.mark.parametrize("how, words", [("drop", "missing"), ("double", "doubled"), (("alter", b"row-0041x"), "changed")])
def test_one_document_that_is_damaged_on_its_way_is_named(client, shop, how, words):
    proxy = Proxy(shop.port, b"row-00417", how)
    proxy.done = True
    name = source(client, f"damaged-{words}", proxy)
    assert collect(client, name, name, table="orders")["state"] == "succeeded"
    proxy.done = False
    job = refresh(client, name)
    proxy.close()
    assert proxy.done and job["state"] == "failed", job
    run = last_run(client, name)
    assert run["reconciled"] is False and {"key": '{"_id":"417"}', "what": words} in run["difference"], run
    assert rows_of(client, f'SELECT count(*) FROM "{name}@0"') == [[20_000]]


def test_no_rows_are_a_success_only_where_that_was_said(client, search):
    job = collect(client, "nothing", search, table="empty")
    assert job["state"] == "failed" and "the source gave no rows" in json.dumps(job), job
    assert collect(client, "nothing", search, table="empty", allow_empty=True)["state"] == "succeeded"


def test_types_come_through_exactly(client, search, shop):
    shop.create("types", {
        "big": {"type": "long"}, "small": {"type": "short"}, "tiny": {"type": "byte"}, "n": {"type": "integer"},
        "d": {"type": "double"}, "f": {"type": "float"}, "flag": {"type": "boolean"},
        "name": {"type": "keyword"}, "ip": {"type": "ip"},
        "note": {"type": "text", "fields": {"raw": {"type": "keyword"}}}, "raw": {"type": "binary"}, "at": {"type": "date"},
        "ns": {"type": "date_nanos"}, "day": {"type": "date", "format": "dd/MM/yyyy||epoch_second"},
        "seconds": {"type": "date", "format": "epoch_second"}, "place": {"type": "geo_point"}, "tree": {"type": "flattened"},
        "items": {"type": "nested", "properties": {"sku": {"type": "keyword"}}}, "tags": {"type": "keyword"},
        "user": {"properties": {"name": {"type": "keyword"}, "home": {"properties": {"city": {"type": "keyword"}}}}},
        "other": {"type": "alias", "path": "name"}, "lines": {"properties": {"n": {"type": "long"}}},
        "列 名": {"type": "keyword"}}, dynamic=False)
    shop.put("types", [
        (1, {"big": 2**63 - 1, "small": -32768, "tiny": "7", "n": 3.0, "d": -2.5e-300, "f": 0.1, "flag": "true",
             "name": "客户 😀 '\"\\", "ip": "10.0.0.1", "note": "a\nb", "raw": "AP8Q",
             "at": "2026-11-22T16:30:00.123456+08:00", "ns": "2026-11-22T08:30:00.123456789Z", "day": "28/02/2026",
             "seconds": 1764318600, "place": {"lat": 31.20, "lon": 121.5}, "tree": {"a": {"b": 1}},
             "items": [{"sku": "x"}, {"sku": "二"}], "tags": ["red", "绿"], "user": {"name": "eve", "home": {"city": "上海"}},
             "lines": [{"n": 1}, {"n": 2}], "列 名": "x", "unmapped": {"deep": [1, 123456789012345678901234567890]}}),
        (2, {}), (3, {"user.name": "bob", "name": "", "note": None, "tags": "one", "lines": {"n": 3}, "day": 0, "at": 0,
                      "user.home": {"city": "巴黎"}, "flag": ""})])
    job = collect(client, "types", search, table="types")
    assert job["state"] == "succeeded", job
    stream = client.post("/api/v1/sql", json={"query": "SELECT * FROM types ORDER BY _id"},
                         headers={"Accept": "application/vnd.apache.arrow.stream"})
    table = pa.ipc.open_stream(io.BytesIO(stream.content)).read_all()
    moment = "timestamp[us, tz=UTC]"
    assert {field.name: str(field.type) for field in table.schema} == dict.fromkeys(
        ("_id", "name", "ip", "note", "place", "tree", "items", "tags", "user.name", "user.home.city", "lines", "列 名",
         "more_fields"), "string") | {
        "big": "int64", "small": "int16", "tiny": "int8", "n": "int32", "d": "double", "f": "double",
        "flag": "bool", "raw": "binary", "at": moment, "ns": moment, "day": moment, "seconds": moment}
    full, nulls, third = table.to_pylist()
    assert all(value is None for name, value in nulls.items() if name != "_id")
    assert (full["big"], full["small"], full["tiny"], full["n"]) == (2**63 - 1, -32768, 7, 3)
    assert full["d"] == -2.5e-300 and full["f"] == 0.1
    assert full["flag"] is True and third["flag"] is False and full["name"] == "客户 😀 '\"\\" and third["name"] == ""
    assert full["ip"] == "10.0.0.1" and full["note"] == "a\nb" and full["raw"] == b"\x00\xff\x10" and full["列 名"] == "x"
    utc = datetime.timezone.utc
    assert full["at"] == datetime.datetime(2026, 11, 22, 8, 30, 0, 123000, utc)  # a date keeps milliseconds
    assert full["ns"] == datetime.datetime(2026, 11, 22, 8, 30, 0, 123456, utc)
    assert full["day"] == datetime.datetime(2026, 2, 28, tzinfo=utc) and third["day"] == datetime.datetime(1970, 1, 1, tzinfo=utc)
    assert full["seconds"] == datetime.datetime(2025, 11, 28, 8, 30, tzinfo=utc) and third["at"].year == 1970
    assert json.loads(full["place"]) == {"lat": 31.2, "lon": 121.5} and json.loads(full["tree"]) == {"a": {"b": 1}}
    assert json.loads(full["items"]) == [{"sku": "x"}, {"sku": "二"}]
    assert json.loads(full["tags"]) == ["red", "绿"] and third["tags"] == '"one"'
    assert json.loads(full["lines"]) == [{"n": 1}, {"n": 2}] and json.loads(third["lines"]) == {"n": 3}
    assert (full["user.name"], full["user.home.city"]) == ("eve", "上海")
    assert (third["user.name"], third["user.home.city"]) == ("bob", "巴黎")
    assert json.loads(full["more_fields"]) == {"unmapped": {"deep": [1, 123456789012345678901234567890]}}


def test_rows_that_are_none_are_set_aside_with_their_reason(client, search, shop):
    shop.create("odd", {"n": {"type": "integer", "ignore_malformed": True}, "at": {"type": "date", "ignore_malformed": True},
                        "day": {"type": "date", "format": "yyyy/MM/dd", "ignore_malformed": True}, "tag": {"type": "keyword"}})
    good = [(f"good-{i:04d}", {"n": i, "tag": "x"}) for i in range(1500)]
    bad = [("bad-1", {"n": "twelve"}), ("bad-2", {"n": 1.5}), ("bad-3", {"at": "yesterday"}), ("bad-4", {"day": "1/2"}),
           ("bad-5", {"tag": ["a", "b"]}), ("bad-6", {"n": [1, 2]})]
    shop.put("odd", good[:750] + bad + good[750:])  # where the look at the first and the last ones does not come
    job = collect(client, "odd", search, table="odd")
    assert job["state"] == "succeeded", job
    assert counts(client, "odd") == (1506, 1500, 6, True, 0)
    rejected = {json.loads(row["text"])["_id"]: row["reason"] for row in
                client.get("/api/v1/datasets/odd/rejected").json()["items"]}
    assert rejected == {
        "bad-1": "column 'n': '\"twelve\"' is no integer", "bad-2": "column 'n': '1.5' is no integer",
        "bad-3": "column 'at': '\"yesterday\"' is no timestamp with time zone",
        "bad-4": "column 'day': the server cannot read its date",
        "bad-5": "column 'tag' is a list of several values here", "bad-6": "column 'n' is a list of several values here"}


def test_documents_of_ten_shapes(client, search, shop):
    shop.create("shapes", {}, shards=2)
    shop.put("shapes", ((i, {f"k{i % 10}": {"v": i, "w": [i] * (i % 3)}, "kind": i % 10}) for i in range(400)))
    job = collect(client, "shapes", search, table="shapes")
    assert job["state"] == "succeeded", job
    columns = ", ".join(f'count("k{i}.v")' for i in range(10))
    assert rows_of(client, f"SELECT {columns}, sum(kind) FROM shapes") == [[40] * 10 + [1800]]
    assert rows_of(client, 'SELECT "k2.w" FROM shapes WHERE _id = \'2\'') == [["[2, 2]"]]


def test_an_index_without_documents_is_refused(client, search, shop):
    shop.create("indexed", {"n": {"type": "long"}}, _source={"enabled": False})
    shop.put("indexed", [(1, {"n": 1})])
    job = collect(client, "indexed", search, table="indexed")
    assert job["state"] == "failed" and "keeps no documents" in json.dumps(job), job


@pytest.mark.parametrize("what, words", [
    ({"table": "ordres"}, "did you mean 'orders'?"),
    ({"query": "SELECT 1"}, "a query names an index"),
    ({"query": json.dumps({"query": {"match_all": {}}})}, "a query names an index"),
    ({"query": json.dumps({"index": "orders", "query": {"no_such": {}}})}, "no_such"),
    ({"query": json.dumps({"index": "orders", "query": {"script": {"script": {"source": "true"}}}})}, "may run no script"),
    ({"query": json.dumps({"index": "orders", "size": 5})}, "size"),
])
def test_what_cannot_be_read_says_why(client, search, what, words):
    job = collect(client, f"bad-{time.monotonic_ns()}", search, **what)
    assert job["state"] == "failed" and words in json.dumps(job, ensure_ascii=False), job


def test_documents_that_change_meanwhile_are_no_difference(client, search, shop):
    """A point in time shows what was there when it was opened, to both readings."""
    shop.create("busy", {"n": {"type": "long"}, "text": {"type": "keyword", "index": False}}, shards=2)
    shop.put("busy", ((i, {"n": i, "text": "x" * 300}) for i in range(20_000)))
    stop = threading.Event()
    rounds = []

    def change():
        chance = random.Random(1)
        while not stop.is_set():
            shop.put("busy", ((chance.randrange(25_000), {"n": -1, "text": "changed"}) for _ in range(200)))
            rounds.append(1)

    thread = threading.Thread(target=change)
    thread.start()
    jobs = [collect(client, f"busy-{i}", search, table="busy") for i in range(2)]
    stop.set()
    thread.join()
    assert len(rounds) > 2 and [job["state"] for job in jobs] == ["succeeded"] * 2, jobs
    assert rows_of(client, 'SELECT count(*) = count(DISTINCT _id), count(*) >= 20000 FROM "busy-1"') == [[True, True]]


def test_what_is_not_refreshed_is_not_there_yet(client, search, shop):
    shop.create("late", {"n": {"type": "long"}, "at": {"type": "date"}})
    shop.ask("PUT", "/late/_settings", {"index.refresh_interval": "-1"})
    shop.put("late", [(1, {"n": 1, "at": "2026-01-01T00:00:00Z"})])
    shop.ask("PUT", "/late/_doc/2", {"n": 2, "at": "2026-01-01T00:00:01Z"})
    what = {"table": "late", "mode": "incremental", "cursor": "at"}
    assert collect(client, "late", search, **what)["state"] == "succeeded"
    assert rows_of(client, "SELECT n FROM late") == [[1]]
    shop.ask("POST", "/late/_refresh")
    assert refresh(client, "late")["state"] == "succeeded" and counts(client, "late")[:2] == (1, 1)
    assert rows_of(client, "SELECT n FROM late ORDER BY n") == [[1], [2]]


def test_a_cursor_that_the_index_holds_otherwise_is_refused(client, search, shop):
    shop.create("filled", {"at": {"type": "date", "null_value": "2020-01-01"}})
    shop.put("filled", [(1, {"at": None}), (2, {"at": "2026-01-01"})])
    job = collect(client, "filled", search, table="filled", mode="incremental", cursor="at")
    assert job["state"] == "failed" and "null_value" in json.dumps(job), job
    assert collect(client, "filled", search, table="filled")["state"] == "succeeded"
    assert rows_of(client, "SELECT count(*), count(\"at\") FROM filled") == [[2, 1]]


def test_sums_are_the_servers_only_where_they_are_exact(client, search, shop):
    """Elasticsearch adds doubles up: a sum that it cannot have exactly is not compared, and is no difference."""
    shop.create("sums", {"a": {"type": "long"}, "b": {"type": "long"}, "c": {"type": "long", "null_value": 7}})
    shop.put("sums", ((i, {"a": i, "b": 2**62 + i, "c": None}) for i in range(100)))
    assert collect(client, "sums", search, table="sums")["state"] == "succeeded"
    assert last_run(client, "sums")["reconciled"] is True
    assert rows_of(client, "SELECT sum(a), count(c) FROM sums") == [[4950, 0]]


def test_a_point_in_time_that_is_gone_is_begun_anew(client, shop):
    gate = Gate(shop, lost=14)
    name = source(client, "forgetful", gate)
    answer = client.post("/api/v1/datasets", json={"name": name, "source": name, "table": "orders"})
    job = wait_for_job(client, answer.json()["job"]["id"])
    gate.close()
    assert gate.lost < 0 and job["state"] == "succeeded", job
    log = client.get(f"/api/v1/jobs/{answer.json()['job']['id']}/log").text
    assert "no longer holds the moment" in log and "from the beginning, attempt 2" in log, log
    assert rows_of(client, f"SELECT count(*), count(DISTINCT id) FROM {name}") == [[20_000, 20_000]]


def test_a_server_that_is_busy_is_asked_again(client, shop):
    gate = Gate(shop, busy=3)
    name = source(client, "crowded", gate)
    job = collect(client, name, name, table="logs")
    gate.close()
    assert gate.busy == 0 and job["state"] == "succeeded", job


def test_a_connection_that_is_cut_is_made_up_for(client, shop):
    proxy = Proxy(shop.port)
    name = source(client, "cut", proxy)
    proxy.cut_after = 300_000
    job = collect(client, "cut", name, table="orders")
    used = proxy.connections
    proxy.cut_after = None
    if job["state"] != "succeeded":  # each page was larger than what came through
        assert "cannot fetch" in json.dumps(job), job
        assert collect(client, "cut", name, table="orders")["state"] == "succeeded"
    proxy.close()
    assert used > 4
    assert rows_of(client, "SELECT count(*), count(DISTINCT id) FROM cut") == [[20_000, 20_000]]


def test_a_collection_is_cancelled_soon(client, shop):
    gate = Gate(shop, pause_s=20)
    name = source(client, "slow", gate)
    answer = client.post("/api/v1/datasets", json={"name": name, "source": name, "table": "orders"})
    job = answer.json()["job"]["id"]
    while not any("_search?" in path for path in gate.paths):
        time.sleep(0.05)
    started = time.monotonic()
    client.post(f"/api/v1/jobs/{job}/cancel", json={})
    assert wait_for_job(client, job)["state"] == "cancelled" and time.monotonic() - started < 10
    gate.pause_s = 0
    gate.close()


def test_opensearch_is_spoken_to_in_its_own_words(client, shop):
    """Of OpenSearch there is no server here: a proxy speaks as it does, and Elasticsearch does the work behind it."""
    gate = Gate(shop, opensearch="2.19.1")
    name = source(client, "open", gate)
    answer = probe(client, name)
    assert answer["ok"] is True and "OpenSearch 2.19.1" in json.dumps(answer), answer
    log = len(shop.searches())
    job = collect(client, name, name, table="orders")
    gate.close()
    assert job["state"] == "succeeded", job
    assert rows_of(client, f'SELECT count(*), count(DISTINCT id) FROM "{name}"') == [[20_000, 20_000]]
    assert any("POST /orders/_search/point_in_time?" in path for path in gate.paths)
    assert any(path == "DELETE /_search/point_in_time" for path in gate.paths)
    reads = [body for index, body in shop.searches()[log:] if index == "orders" and body["size"] > 0]
    assert reads and all("_seq_no" in body["sort"][0] for body in reads)
    old = Gate(shop, opensearch="2.3.0")
    source(client, "old", old)
    answer = probe(client, "old")
    old.close()
    assert "OpenSearch 2.3.0 cannot be read as it is at one moment" in answer["checks"][0]["message"], answer


def memory_of_jobs(server) -> int:
    """The greatest memory so far, in MB, of the job processes that run now."""
    most = 0
    for place in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            status = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines() if ":" in line)
            if int(status["PPid"]) == server.process.pid and b"run-job" in (place / "cmdline").read_bytes():
                most = max(most, int(status["VmHWM"].split()[0]) // 1024)
        except (OSError, KeyError, ValueError):
            pass
    return most


def test_large_documents_come_a_few_at_a_time(client, server, search, shop):
    shop.create("large", {"n": {"type": "long"}, "blob": {"type": "text", "index": False}})
    for i in range(24):
        shop.put("large", [(i, {"n": i, "blob": f"{i:08d}" * (1 << 20)})])  # 8 MiB each
    answer = client.post("/api/v1/datasets", json={"name": "large", "source": search, "table": "large"})
    job = answer.json()["job"]["id"]
    most = 0
    while not most or memory_of_jobs(server):
        most = max(most, memory_of_jobs(server))
        time.sleep(0.05)
    assert wait_for_job(client, job)["state"] == "succeeded"
    assert rows_of(client, "SELECT count(*), sum(n), min(length(blob)), max(length(blob)) FROM large") == [
        [24, 276, 8 << 20, 8 << 20]]
    assert 0 < most < 1500, most  # a row group, which is all of them, is held while it is packed
    shop.ask("DELETE", "/large")


def test_documents_are_there_once_after_kill_9(shop, start_server, tmp_path):
    """While documents come without end, server and job are killed: none is lost or doubled."""
    shop.create("endless", {"n": {"type": "long"}, "at": {"type": "date"}, "text": {"type": "keyword", "index": False}}, shards=2)
    stop = threading.Event()
    sent = 0

    def now():
        return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")

    def produce():
        nonlocal sent
        while not stop.is_set():
            shop.put("endless", ((sent + i, {"n": sent + i, "at": now(), "text": "x" * 200}) for i in range(300)))
            sent += 300
            time.sleep(0.1)

    thread = threading.Thread(target=produce)
    thread.start()
    while sent == 0:
        time.sleep(0.05)
    server = start_server(tmp_path / "data")
    client = server.client()
    source(client, "search", shop)
    what = {"table": "endless", "mode": "incremental", "cursor": "at"}
    assert collect(client, "endless", "search", **what)["state"] == "succeeded"
    chance = random.Random(7)
    for _ in range(4):
        job = client.post("/api/v1/datasets/endless/refresh", json={}).json()["job"]["id"]
        time.sleep(chance.uniform(0.0, 1.5))
        server.kill()
        server = start_server(tmp_path / "data")
        client = server.client()
        ended = wait_for_job(client, job)
        assert ended["state"] == "succeeded", ended
    stop.set()
    thread.join()
    job = refresh(client, "endless")
    assert job["state"] == "succeeded", job
    assert rows_of(client, "SELECT count(*), count(DISTINCT n), max(n) FROM endless") == [[sent, sent, sent - 1]]
