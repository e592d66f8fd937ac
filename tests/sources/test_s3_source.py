"""A bucket of an object store as a source: what is new or changed is read once, whatever breaks on the way."""

import concurrent.futures
import gzip
import io
import json
import pathlib
import random
import subprocess
import sys
import threading
import time

import boto3.s3.transfer
import pytest

from collecting import collect, counts, last_run, refresh, rows_of
from harness import BINARY, wait_for_job
from object_store import OWNER, SECRET, Moto, ObjectStore, s3_client
from s3_door import Door
from s3_proxy import Proxy


@pytest.fixture
def bucket(s3):
    """An empty bucket."""
    name = f"b{time.monotonic_ns()}"
    s3.make_bucket(name)
    return name


@pytest.fixture
def source(client, s3, bucket):
    return add_source(client, bucket, s3.settings(bucket))


@pytest.fixture
def door(s3):
    door = Door(s3.port)
    yield door
    door.close()


@pytest.fixture(scope="module")
def moto(tmp_path_factory):
    server = Moto(tmp_path_factory.mktemp("moto"), sys.executable)
    server.start()
    yield server
    server.remove()


def add_source(client, name, settings):
    answer = client.post("/api/v1/sources", json={"name": name, "kind": "s3", "settings": settings})
    assert answer.status_code == 201, answer.text
    return name


def csv_of(ids, word="a"):
    return ("id,name\n" + "".join(f"{i},{word} {i}\n" for i in ids)).encode()


def put(store, bucket, key, ids, word="a"):
    body = csv_of(ids, word)
    store.client.put_object(Bucket=bucket, Key=key, Body=gzip.compress(body) if key.endswith(".gz") else body)


def add(client, source, table="*.csv", **what):
    return collect(client, source, source, table=table, **({"mode": "incremental"} | what))


def ids_of(client, name):
    return [row[0] for row in rows_of(client, f"SELECT id FROM {name} ORDER BY id")]


def check_of(client, name, **headers):
    answer = client.post(f"/api/v1/sources/{name}/test", json={}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def text_of(job):
    return json.dumps(job, ensure_ascii=False)


def published(client, name):
    answer = client.get(f"/api/v1/datasets/{name}")
    return answer.status_code == 200 and last_run(client, name)["reconciled"] is True


def log_of(client, job):
    return " ".join(line["message"] for line in client.get(f"/api/v1/jobs/{job['id']}/log").json()["items"])


def test_new_and_changed_objects_only(client, s3, source, bucket):
    put(s3, bucket, "a.csv", range(0, 10))
    put(s3, bucket, "b.csv", range(10, 20))
    put(s3, bucket, "below/c.csv", range(50, 60))  # another table's
    assert add(client, source)["state"] == "succeeded"
    assert counts(client, source) == (20, 20, 0, True, 0)
    asked = len(s3.log())
    refresh(client, source)
    assert counts(client, source) == (0, 0, 0, True, 0)
    assert {operation for operation, where, _ in s3.log()[asked:] if where == bucket} == {"ListObjectsV2"}
    put(s3, bucket, "c.csv", range(20, 25))
    refresh(client, source)
    assert counts(client, source) == (5, 5, 0, True, 1)
    put(s3, bucket, "a.csv", range(0, 8), word="changed")
    refresh(client, source)
    assert counts(client, source) == (8, 8, 0, True, 2)
    assert ids_of(client, source) == [*range(0, 8), *range(10, 25)]
    put(s3, bucket, "a.csv", range(0, 8), word="changed")  # written again, with the same bytes
    refresh(client, source)
    assert counts(client, source) == (0, 0, 0, True, 2)
    s3.client.delete_object(Bucket=bucket, Key="a.csv")
    refresh(client, source)
    assert counts(client, source)[0] == 0 and len(ids_of(client, source)) == 23
    refresh(client, source, full=True)
    assert ids_of(client, source) == list(range(10, 25))


def test_what_a_test_and_a_list_of_tables_say(client, s3, source, bucket):
    empty = check_of(client, source)
    assert empty["ok"] is False and "0 files in" in text_of(empty), empty
    put(s3, bucket, "订单/2026/一月.csv.gz", range(3))
    put(s3, bucket, "订单/2026/二月.csv.gz", range(3))
    put(s3, bucket, "README", range(1))
    s3.client.put_object(Bucket=bucket, Key="folder/", Body=b"")
    test = check_of(client, source)
    assert test["ok"] is True, test
    words = [check["message"] for check in test["checks"]]
    assert f"connected to {s3.address}" in words and "the connection is not encrypted" in words
    assert f"signed in as {OWNER}" in words and f"3 files in '{bucket}/' may be listed" in words
    assert any(word.endswith("may be read") for word in words), words
    tables = client.get(f"/api/v1/sources/{source}/tables").json()["items"]
    assert [(table["name"], table["comment"].split(",")[0]) for table in tables] == [
        ("README", "1 × README"), ("订单/2026/*.csv.gz", "2 × .csv.gz")]
    table = client.get(f"/api/v1/sources/{source}/tables/%E8%AE%A2%E5%8D%95%2F2026%2F%2A.csv.gz").json()
    assert [column["name"] for column in table["columns"]] == ["id", "name"] and table["rows"][0] == [0, "a 0"]
    inner = add_source(client, f"{bucket}x", s3.settings(bucket) | {"prefix": "订单"})
    assert add(client, inner, "2026/*.csv.gz")["state"] == "succeeded"
    assert ids_of(client, inner) == [0, 0, 1, 1, 2, 2]


def test_pages_of_a_thousand_keys(client, s3, source, bucket):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: put(s3, bucket, f"many/{i:04}.csv", [i]), range(2500)))
    tables = client.get(f"/api/v1/sources/{source}/tables").json()["items"]
    assert [(table["name"], table["comment"].split(",")[0]) for table in tables] == [("many/*.csv", "2500 × .csv")]
    assert "1000 files and more" in text_of(check_of(client, source))
    assert add(client, source, "many/*[05]0.csv")["state"] == "succeeded"  # of all three pages
    assert ids_of(client, source) == list(range(0, 2500, 50))
    s3.client.delete_object(Bucket=bucket, Key="many/2450.csv")
    put(s3, bucket, "many/2400.csv", [9999])
    refresh(client, source)
    assert counts(client, source) == (1, 1, 0, True, 1)


def test_an_object_that_came_in_parts(client, s3, source, bucket):
    body = csv_of(range(1_000_000), "x" * 8)
    parts = boto3.s3.transfer.TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
    s3.client.upload_fileobj(io.BytesIO(body), bucket, "big.csv", Config=parts)
    etag = s3.client.head_object(Bucket=bucket, Key="big.csv")["ETag"]
    assert "-" in etag, etag  # not the MD5 of its bytes
    assert add(client, source)["state"] == "succeeded"
    assert counts(client, source) == (1_000_000, 1_000_000, 0, True, 0)
    refresh(client, source)
    assert counts(client, source) == (0, 0, 0, True, 0)
    s3.client.put_object(Bucket=bucket, Key="big.csv", Body=body)  # the same bytes under another ETag
    assert s3.client.head_object(Bucket=bucket, Key="big.csv")["ETag"] != etag
    refresh(client, source)
    assert counts(client, source) == (0, 0, 0, True, 0)


@pytest.mark.parametrize("wrong, english, chinese", [
    ({"secret_key": "Wrong/secret1"}, f"the secret key does not belong to the access key '{OWNER}'", "访问密钥与访问密钥 ID"),
    ({"access_key": "nobody"}, "the object store knows no access key 'nobody'", "没有访问密钥 ID“nobody”"),
    ({"region": "us-east-2"}, "is in the region 'eu-test-1', not in 'us-east-2'", "位于地域“eu-test-1”"),
    ({"bucket": "no-such-bucket"}, "has no bucket 'no-such-bucket'", "没有存储桶“no-such-bucket”"),
    ({"access_key": "", "secret_key": ""}, "not everybody may list the bucket", "并非任何人都可以列出存储桶"),
    ({"endpoint": "http://127.0.0.1:1"}, "cannot fetch 'http://127.0.0.1:1/", "无法下载“http://127.0.0.1:1/"),
    ({"endpoint": "https://127.0.0.1:1/minio"}, "the endpoint must be the address", "endpoint 必须是"),
    ({"endpoint": "ftp://127.0.0.1"}, "the endpoint must be the address", "endpoint 必须是"),
    ({"bucket": "a/b"}, "'a/b' is no name of a bucket", "“a/b”不是存储桶的名称"),
    ({"secret_key": ""}, "are both given, or neither", "须同时给出"),
    ({"session_token": "a b"}, "'session_token' holds a space", "“session_token”含有空格"),
])
def test_what_is_wrong_is_said(client, s3, bucket, wrong, english, chinese):
    body = {"name": f"{bucket}w", "kind": "s3", "settings": s3.settings(bucket) | wrong}
    added = client.post("/api/v1/sources", json=body)
    if added.status_code == 422:  # what no store needs to be asked for
        assert english in added.text and SECRET not in added.text, added.text
        assert chinese in client.post("/api/v1/sources", json=body, headers={"Accept-Language": "zh"}).text
        return
    assert added.status_code == 201, added.text
    name = body["name"]
    test = check_of(client, name)
    assert test["ok"] is False and english in text_of(test), test
    assert chinese in text_of(check_of(client, name, **{"Accept-Language": "zh"}))
    tables = client.get(f"/api/v1/sources/{name}/tables")
    assert tables.status_code >= 400 and english in tables.text, tables.text
    for text in (text_of(test), tables.text):
        assert SECRET not in text and "Wrong/secret1" not in text, text


def test_another_server_than_an_object_store(client, server, s3, bucket):
    name = add_source(client, f"{bucket}o", s3.settings(bucket) | {"endpoint": server.address})
    test = check_of(client, name)
    assert test["ok"] is False and "endpoint" in test["checks"][0]["hint"], test


def test_what_may_not_be_done_names_the_policy(client, s3, bucket):
    put(s3, bucket, "a.csv", range(3))
    user = f"u{bucket}"
    s3.add_user(user, "word")
    name = add_source(client, f"{bucket}r", s3.settings(bucket, user, "word") | {"prefix": "in"})
    s3.allow(bucket, user, "s3:GetObject")
    listing = check_of(client, name)
    assert listing["ok"] is False and f"the access key '{user}' may not list the bucket" in text_of(listing), listing
    policy = json.loads(listing["checks"][0]["hint"].split("this is enough: ")[1])
    assert [statement["Resource"] for statement in policy["Statement"]] == [
        f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/in/*"]
    s3.client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(with_principal(policy, user)))
    put(s3, bucket, "in/b.csv", range(3, 5))
    assert check_of(client, name)["ok"] is True  # what was said is enough
    assert add(client, name)["state"] == "succeeded" and ids_of(client, name) == [3, 4]
    s3.allow(bucket, user, "s3:ListBucket")
    reading = check_of(client, name)
    assert reading["ok"] is False and "may not read 'b.csv' of the bucket" in text_of(reading), reading
    job = refresh(client, name, full=True)
    assert job["state"] == "failed" and "s3:GetObject" in text_of(job), job


def with_principal(policy, user):
    return policy | {"Statement": [statement | {"Principal": user} for statement in policy["Statement"]]}


def test_a_public_bucket_needs_no_key(client, s3, bucket):
    put(s3, bucket, "a.csv", range(3))
    s3.allow(bucket, "*", "s3:ListBucket", "s3:GetObject")
    name = add_source(client, f"{bucket}p", {"endpoint": s3.address, "bucket": bucket})
    test = check_of(client, name)
    assert test["ok"] is True and "open to everybody" in text_of(test), test
    assert add(client, name)["state"] == "succeeded" and ids_of(client, name) == [0, 1, 2]


def test_the_bucket_in_the_name_of_the_host(client, tmp_path):
    home = tmp_path / "s3"
    home.mkdir()
    store = ObjectStore(home)
    store.arguments = ("--virtual-domain", f"localhost:{store.port}")
    store.start()
    store.make_bucket("shop")
    put(store, "shop", "订单 1+2.csv", range(3))
    settings = store.settings("shop") | {"endpoint": f"http://localhost:{store.port}", "addressing": "virtual"}
    add_source(client, "in-host", settings)
    job = add(client, "in-host")
    store.remove()
    assert job["state"] == "succeeded", job
    assert rows_of(client, 'SELECT id FROM "in-host" ORDER BY id') == [[0], [1], [2]]


def test_an_object_that_is_replaced_while_it_is_read(client, s3, bucket, door):
    put(s3, bucket, "a.csv", range(200_000))
    replaced = threading.Event()

    def sent(path, count):
        if not path.endswith("/a.csv") or count < 500_000 or replaced.is_set():
            return True
        put(s3, bucket, "a.csv", range(10), word="new")
        replaced.set()
        return False  # and the connection breaks: what goes on must not be of the new one

    door.sent = sent
    name = add_source(client, bucket, s3.settings(bucket) | {"endpoint": door.address})
    job = add(client, name)
    assert job["state"] == "succeeded" and replaced.is_set(), job
    assert "'a.csv' changed while it was read" in log_of(client, job)
    assert rows_of(client, f"SELECT count(*), min(name) FROM {name}") == [[10, "new 0"]]


def test_an_object_that_is_deleted_between_the_list_and_its_turn(client, s3, bucket, door):
    put(s3, bucket, "a.csv", range(3))
    put(s3, bucket, "b.csv", range(3, 6))

    def answers(path):
        if path.endswith("/b.csv"):
            s3.client.delete_object(Bucket=bucket, Key="b.csv")

    door.answers = answers
    name = add_source(client, bucket, s3.settings(bucket) | {"endpoint": door.address})
    job = add(client, name)
    assert job["state"] == "succeeded" and "'b.csv' changed while it was read" in log_of(client, job), job
    assert ids_of(client, name) == [0, 1, 2]


def test_a_connection_that_is_cut_again_and_again(client, s3, bucket):
    put(s3, bucket, "a.csv", range(200_000))
    put(s3, bucket, "b.csv", range(200_000, 200_010))
    proxy = Proxy(s3.port)
    proxy.cut_after = 700_000
    name = add_source(client, bucket, s3.settings(bucket) | {"endpoint": f"http://127.0.0.1:{proxy.port}"})
    job = add(client, name)
    proxy.close()
    assert job["state"] == "succeeded", job
    assert "from the beginning" not in log_of(client, job)  # it goes on from where it broke
    assert proxy.connections > 6
    assert counts(client, name) == (200_010, 200_010, 0, True, 0)
    assert rows_of(client, f"SELECT CAST(sum(id) AS BIGINT) FROM {name}") == [[sum(range(200_010))]]


def test_a_row_that_is_altered_on_its_way_is_red(client, s3, bucket):
    put(s3, bucket, "a.csv", range(500), word="row")
    put(s3, bucket, "b.csv", range(500, 600))
    proxy = Proxy(s3.port, b"row 417\n", ("alter", b"row 41x\n"))
    name = add_source(client, bucket, s3.settings(bucket) | {"endpoint": f"http://127.0.0.1:{proxy.port}"})
    job = add(client, name)
    proxy.close()
    assert job["state"] == "failed" and "a.csv" in text_of(job) and "b.csv" not in text_of(job["error"]), job
    assert not published(client, name)
    good = add_source(client, f"{name}g", s3.settings(bucket))
    assert add(client, good)["state"] == "succeeded" and last_run(client, good)["reconciled"] is True


def test_an_object_that_is_altered_before_the_comparison_is_red(client, s3, bucket, door):
    """Each time that the second object is read, the first is written anew: it never is what was collected."""
    put(s3, bucket, "a.csv", range(10))
    put(s3, bucket, "b.csv", range(10, 20))
    turns = []

    def answers(path):
        if path.endswith("/b.csv"):
            turns.append(path)
            put(s3, bucket, "a.csv", range(10), word=f"turn {len(turns)}")

    door.answers = answers
    name = add_source(client, bucket, s3.settings(bucket) | {"endpoint": door.address})
    job = add(client, name)
    assert job["state"] == "failed" and "a.csv" in text_of(job) and len(turns) >= 3, job
    assert not published(client, name)


def test_a_store_that_is_busy_is_asked_again(client, s3, bucket, door):
    put(s3, bucket, "a.csv", range(3))
    name = add_source(client, bucket, s3.settings(bucket) | {"endpoint": door.address})
    door.busy = 3
    assert add(client, name)["state"] == "succeeded"
    assert door.busy == 0 and ids_of(client, name) == [0, 1, 2]
    door.busy = 1000
    test = check_of(client, name)
    assert test["ok"] is False and "the object store is busy: Please reduce your request rate. (SlowDown)" in text_of(test)


def test_a_collection_is_cancelled_while_the_store_thinks(client, s3, bucket, door):
    put(s3, bucket, "a.csv", range(3))
    release = threading.Event()

    def answers(path):
        if path.endswith("/a.csv"):
            release.wait(60)

    door.answers = answers
    name = add_source(client, bucket, s3.settings(bucket) | {"endpoint": door.address})
    job = client.post("/api/v1/datasets", json={"name": name, "source": name, "table": "*.csv"}).json()["job"]["id"]
    while not any(path.endswith("/a.csv") for path in door.asked):
        time.sleep(0.05)
    started = time.monotonic()
    client.post(f"/api/v1/jobs/{job}/cancel", json={})
    ended = wait_for_job(client, job)
    took = time.monotonic() - started
    release.set()
    assert ended["state"] == "cancelled" and took < 3, (ended, took)


def test_killed_at_any_moment_nothing_is_lost_or_doubled(start_server, tmp_path, s3, bucket):
    server = start_server(tmp_path / "data")
    client = server.client()
    add_source(client, "store", s3.settings(bucket))
    held = {}

    def change(turn):
        for file, name in enumerate((f"new{turn}.csv", "same.csv")):
            held[name] = [turn * 100_000 + file * 50_000 + i for i in range(20_000)]
            put(s3, bucket, name, held[name])

    change(0)
    assert collect(client, "held", "store", table="*.csv", mode="incremental")["state"] == "succeeded"
    chance = random.Random(7)
    for turn in range(1, 6):
        change(turn)
        job = client.post("/api/v1/datasets/held/refresh", json={}).json()["job"]["id"]
        time.sleep(chance.uniform(0.0, 1.2))
        server.kill()
        server = start_server(tmp_path / "data")
        client = server.client()
        assert wait_for_job(client, job)["state"] == "succeeded"
        expected = [i for ids in held.values() for i in ids]
        assert rows_of(client, "SELECT count(*), count(DISTINCT id), CAST(sum(id) AS BIGINT) FROM held") == [
            [len(expected), len(set(expected)), sum(expected)]]


HOSTILE = ["a b.csv", "a+b.csv", "100%.csv", "a%20b.csv", "a?b=c.csv", "a#b.csv", "a&b;c.csv", "中文 表.csv", "quote'\".csv",
           "[x].csv", "*.csv", "$a(b)!.csv", "x=1/y=2/part.csv"]


def test_keys_that_addresses_write_otherwise(client, s3, source, bucket):
    for number, key in enumerate(HOSTILE):
        put(s3, bucket, key, [number])
    s3.client.put_object(Bucket=bucket, Key="empty.csv", Body=b"")
    s3.client.put_object(Bucket=bucket, Key="folder/", Body=b"")
    job = add(client, source, "**/*.csv")
    assert job["state"] == "succeeded", job
    assert ids_of(client, source) == list(range(len(HOSTILE)))
    put(s3, bucket, "empty.csv", [100])
    refresh(client, source)
    assert counts(client, source) == (1, 1, 0, True, 1)


def test_keys_of_another_dialect_lead_nowhere_else(client, server, moto):
    """moto keeps any key, and encodes them in its lists."""
    moto.client.create_bucket(Bucket="hostile")
    keys = [*HOSTILE, "/leading.csv", "a//b.csv", "up/../../../../escaped.csv", "..", "./dot.csv",
            "tab\t.csv", "marker/", "old_$folder$"]
    for number, key in enumerate(keys):
        marker = key.endswith(("/", "$folder$"))
        moto.client.put_object(Bucket="hostile", Key=key, Body=b"" if marker else csv_of([number]))
    add_source(client, "hostile", moto.settings("hostile"))
    assert check_of(client, "hostile")["ok"] is True
    tables = [table["name"] for table in client.get("/api/v1/sources/hostile/tables").json()["items"]]
    assert "[*].csv" not in tables and "*.csv" in tables and not any(".." in table for table in tables), tables
    job = add(client, "hostile", "**/*.csv")
    assert job["state"] == "succeeded", job
    seen = {key for key in keys if key.endswith(".csv") and "/." not in f"/{key}"}
    assert ids_of(client, "hostile") == sorted(keys.index(key) for key in seen)
    for table in ("../x.csv", "up/../../../../escaped.csv", "/leading.csv", "a//b.csv"):
        job = collect(client, "hostile2", "hostile", table=table)
        assert job["state"] == "failed" and "relative to the source" in text_of(job), job
    folders = [server.data, server.data.parent, pathlib.Path.cwd(), pathlib.Path("/")]
    assert not any((folder / "escaped.csv").exists() for folder in folders)


def test_an_archived_object_is_said(client, moto):
    moto.client.create_bucket(Bucket="archive")
    moto.client.put_object(Bucket="archive", Key="a.csv", Body=csv_of(range(3)))
    moto.client.put_object(Bucket="archive", Key="old.csv", Body=csv_of(range(3)), StorageClass="GLACIER")
    add_source(client, "archive", moto.settings("archive"))
    test = check_of(client, "archive")
    assert test["ok"] is True and "1 of them lie in an archive" in text_of(test), test
    job = add(client, "archive")
    assert job["state"] == "failed" and "'old.csv' lies in an archive (GLACIER)" in text_of(job), job
    assert add(client, "archive", "a.csv")["state"] == "succeeded"


def test_tls_and_objects_without_an_etag(client, tmp_path):
    home, key, authority = tmp_path / "s3", tmp_path / "key.pem", tmp_path / "authority.pem"
    home.mkdir()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", authority, "-days",
                    "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    store = ObjectStore(home, "--cert", str(authority), "--key", str(key), scheme="https")
    (home / "objects" / "shop").mkdir()  # put there by somebody who knows nothing of S3
    (home / "objects" / "shop" / "a.csv").write_bytes(csv_of(range(3)))
    store.start()
    results = {}
    for name, settings in {"tls-known": {"ca_file": str(authority)}, "tls-strange": {}, "tls-no-file": {"ca_file": "/no/file"},
                           "tls-name": {"ca_file": str(authority), "endpoint": f"https://localhost:{store.port}"},
                           "tls-plain": {"endpoint": f"http://127.0.0.1:{store.port}"}}.items():
        add_source(client, name, store.settings("shop") | settings)
        results[name] = check_of(client, name)["checks"]
    job = add(client, "tls-known")
    again = refresh(client, "tls-known")
    store.remove()
    assert any(check["message"] == "the connection is encrypted" for check in results["tls-known"]), results
    for name in ("tls-strange", "tls-no-file", "tls-name"):
        assert "no encrypted connection" in results[name][0]["message"] and "ca_file" in results[name][0]["hint"], results
    assert results["tls-plain"][0]["ok"] is False, results
    assert job["state"] == "succeeded" and again["state"] == "succeeded", (job, again)
    assert rows_of(client, 'SELECT id FROM "tls-known" ORDER BY id') == [[0], [1], [2]]


def test_clocks_that_differ_are_said(start_server, tmp_path, s3, bucket):
    library = sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))[0]
    server = start_server(tmp_path / "data", env={"LD_PRELOAD": str(library), "FAKETIME": "+2h",
                                                  "FAKETIME_DONT_FAKE_MONOTONIC": "1"})
    client = server.client()
    add_source(client, "store", s3.settings(bucket))
    check = check_of(client, "store")["checks"][0]
    assert check["ok"] is False and "the clocks differ too much: here it is 2" in check["message"], check
    assert "at the object store 2" in check["message"] and "15 minutes are allowed" in check["hint"], check


def test_private_addresses_may_be_forbidden(start_server, tmp_path, s3, bucket, door):
    put(s3, bucket, "a.csv", range(3))
    server = start_server(tmp_path / "data", env={"AIMASS_IMPORT_PRIVATE_ADDRESSES": "nobody"})
    client = server.client()
    name = add_source(client, "store", s3.settings(bucket) | {"endpoint": door.address})
    assert "private network" in text_of(check_of(client, name))
    job = add(client, name)
    assert job["state"] == "failed" and "private network" in text_of(job), job
    assert not door.asked


def test_the_secrets_lie_nowhere_in_clear(start_server, tmp_path, s3, bucket):
    server = start_server(tmp_path / "data")
    client = server.client()
    token = "token/of+a+session=="
    put(s3, bucket, "a.csv", range(3))
    add_source(client, "store", s3.settings(bucket))
    shown = client.post("/api/v1/sources", json={"name": "other", "kind": "s3",
                                                 "settings": s3.settings(bucket) | {"session_token": token}}).json()
    assert shown["secrets"] == ["secret_key", "session_token"] and "secret_key" not in shown["settings"], shown
    check_of(client, "other")
    assert add(client, "store")["state"] == "succeeded"
    s3.client.delete_object(Bucket=bucket, Key="a.csv")
    collect(client, "gone", "store", table="a.csv")
    backup = tmp_path / "backup"
    subprocess.run([BINARY, "backup", backup, "--data", server.data], check=True, capture_output=True)
    forms = [form for secret in (SECRET, token) for form in (secret.encode(), secret.replace("/", "\\/").encode())]
    places = [place for place in (*server.data.rglob("*"), *backup.rglob("*"), server.log_path) if place.is_file()]
    assert len(places) > 10
    for place in places:
        content = place.read_bytes()
        assert not any(form in content for form in forms), place
    changed = client.patch("/api/v1/sources/store", json={"settings": {"endpoint": "http://127.0.0.1:9"}})
    assert changed.status_code == 422 and "'secret_key' must be given again" in changed.text, changed.text


def test_the_command_line(s3, bucket, tmp_path, aimass, client):
    put(s3, bucket, "a.csv", range(3))
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n")
    settings = {name: value for name, value in s3.settings(bucket).items() if name != "secret_key"}
    sets = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    refused = aimass("sources", "add", bucket, "--kind", "s3", *sets, "--set", "secret_key=x", check=False)
    assert refused.status == 2 and "does not belong on a command line" in refused.err
    added = aimass("sources", "add", bucket, "--kind", "s3", *sets, "--secret-file", f"secret_key={secret}")
    assert added.status == 0, added.err
    assert "✓" in aimass("sources", "test", bucket).out and "*.csv" in aimass("sources", "tables", bucket).out
    assert aimass("datasets", "add", bucket, "--source", bucket, "--table", "*.csv", "--mode", "incremental").status == 0
    assert ids_of(client, bucket) == [0, 1, 2]
    assert SECRET not in aimass("sources", "show", bucket).out


def test_the_server_refuses_a_wrong_signature(s3, bucket):
    """Otherwise nothing above would say that ours are right."""
    with pytest.raises(Exception, match="SignatureDoesNotMatch"):
        s3_client(s3.address, OWNER, "another").list_objects_v2(Bucket=bucket)
