"""A folder, and web addresses, as a source: what is new or changed is read once, whatever breaks on the way."""

import functools
import gzip
import http.server
import json
import os
import random
import threading
import time

import deltalake
import pyarrow as pa
import pyarrow.parquet
import pytest

from collecting import collect, counts, last_run, refresh, rows_of
from harness import wait_for_job


@pytest.fixture
def drop(tmp_path):
    """An empty folder that somebody puts files into."""
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


@pytest.fixture
def source(client, drop):
    name = f"f{time.monotonic_ns()}"
    answer = client.post("/api/v1/sources", json={"name": name, "kind": "files", "settings": {"folder": str(drop)}})
    assert answer.status_code == 201, answer.text
    return name


def put(folder, name, ids, word="a"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "id,name\n" + "".join(f"{i},{word} {i}\n" for i in ids)
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def add(client, source, table="*.csv", **what):
    job = collect(client, source, source, table=table, **({"mode": "incremental"} | what))
    return job


def ids_of(client, name):
    return [row[0] for row in rows_of(client, f"SELECT id FROM {name} ORDER BY id")]


def text_of(job):
    return json.dumps(job, ensure_ascii=False)


def test_new_and_changed_files_only(client, source, drop):
    put(drop, "a.csv", range(0, 10))
    put(drop, "b.csv", range(10, 20))
    assert add(client, source)["state"] == "succeeded"
    assert counts(client, source) == (20, 20, 0, True, 0)
    assert refresh(client, source)["state"] == "succeeded"
    assert counts(client, source) == (0, 0, 0, True, 0)
    put(drop, "c.csv", range(20, 25))
    refresh(client, source)
    assert counts(client, source) == (5, 5, 0, True, 1)
    put(drop, "a.csv", range(0, 8), word="changed")
    refresh(client, source)
    assert counts(client, source) == (8, 8, 0, True, 2)
    assert ids_of(client, source) == [*range(0, 8), *range(10, 25)]
    assert rows_of(client, f"SELECT count(*) FROM {source} WHERE name LIKE 'changed%'") == [[8]]


def test_a_file_that_was_touched_brings_no_rows(client, source, drop):
    path = put(drop, "a.csv", range(10))
    add(client, source)
    os.utime(path, (1, 1))
    refresh(client, source)
    assert counts(client, source) == (0, 0, 0, True, 0)


def test_a_file_that_is_gone(client, source, drop):
    put(drop, "a.csv", range(0, 10))
    path = put(drop, "b.csv", range(10, 20))
    add(client, source)
    path.unlink()
    refresh(client, source)
    assert counts(client, source)[0] == 0 and ids_of(client, source) == list(range(20))
    refresh(client, source, full=True)
    assert ids_of(client, source) == list(range(10))
    put(drop, "b.csv", range(10, 12))
    refresh(client, source)
    assert counts(client, source)[:2] == (2, 2) and ids_of(client, source) == list(range(12))


def test_a_file_that_is_renamed_is_warned_of(client, source, drop):
    path = put(drop, "a.csv", range(3))
    add(client, source)
    path.rename(drop / "b.csv")
    refresh(client, source)
    versions = client.get(f"/api/v1/datasets/{source}/versions").json()["items"]
    assert "a renamed file is a new one" in text_of(versions[0]["warnings"])


def test_mode_full_reads_everything(client, source, drop):
    put(drop, "a.csv", range(0, 10))
    assert add(client, source, mode="full")["state"] == "succeeded"
    put(drop, "b.csv", range(10, 20))
    refresh(client, source)
    assert counts(client, source) == (20, 20, 0, True, 1)
    (drop / "a.csv").unlink()
    refresh(client, source)
    assert ids_of(client, source) == list(range(10, 20))


def test_all_formats_and_chinese_names(client, source, drop):
    put(drop, "订单/一月.csv.gz", range(0, 10))
    put(drop, "订单/二月.csv", range(10, 20))
    (drop / "订单/三月.csv").write_bytes("id;name\n20;三月 的\n".encode("gb18030"))
    job = add(client, source, "订单/*.csv*")
    assert job["state"] == "succeeded", job
    assert ids_of(client, source) == list(range(21))
    assert rows_of(client, f"SELECT name FROM {source} WHERE id = 20") == [["三月 的"]]
    (drop / "j").mkdir()
    (drop / "j/a.ndjson").write_text('{"id":1,"name":"x"}\n{"id":2,"name":"y"}\n')
    (drop / "j/b.json").write_text('[{"id":3}]')
    job = collect(client, f"{source}j", source, table="j/*", mode="incremental")
    assert job["state"] == "succeeded", job
    assert rows_of(client, f"SELECT id, name FROM {source}j ORDER BY id") == [[1, "x"], [2, "y"], [3, None]]
    (drop / "j/c.json").write_text('{"id":4,"name":null}')
    refresh(client, f"{source}j")
    assert rows_of(client, f"SELECT id, name FROM {source}j WHERE id > 2 ORDER BY id") == [[3, None], [4, None]]
    (drop / "p").mkdir()
    pa.parquet.write_table(pa.table({"id": pa.array([1], pa.int32()), "d": pa.array([1.5])}), drop / "p/a.parquet")
    pa.parquet.write_table(pa.table({"d": pa.array([2.5]), "id": pa.array([1 << 40], pa.int64())}), drop / "p/b.parquet")
    job = collect(client, f"{source}p", source, table="p/**/*.parquet")
    assert job["state"] == "succeeded", job
    assert rows_of(client, f"SELECT id, d FROM {source}p ORDER BY id") == [[1, 1.5], [1 << 40, 2.5]]


def test_types_are_those_of_all_files(client, source, drop):
    (drop / "a.csv").write_text("code,n,empty\n007,1,\n008,2,\n")
    (drop / "b.csv").write_text("code,n,empty\n9,2.5,3\n10,4,NA\n")
    (drop / "c.csv").write_text("code,n,empty\n")
    (drop / "d.csv").write_text("")
    assert add(client, source)["state"] == "succeeded"
    assert rows_of(client, f"SELECT code, n, empty FROM {source} ORDER BY n") == [
        ["007", 1, None], ["008", 2, None], ["9", 2.5, 3], ["10", 4, None]]
    refresh(client, source)
    assert counts(client, source) == (0, 0, 0, True, 0)
    (drop / "d.csv").write_text("n,code,empty\n5,x,1\n")
    refresh(client, source)
    assert counts(client, source) == (1, 1, 0, True, 1)


def test_options_of_the_format(client, source, drop):
    (drop / "a.csv").write_text("1;2,5\n2;3,5\n")
    job = add(client, source, options={"delimiter": ";", "decimal": ",", "header": "false"}, types={"column1": "text"})
    assert job["state"] == "succeeded", job
    assert rows_of(client, f"SELECT column1, column2 FROM {source} ORDER BY 1") == [["1", 2.5], ["2", 3.5]]
    (drop / "b.csv").write_text("3;4,5\n")
    assert refresh(client, source)["state"] == "succeeded"
    assert rows_of(client, f"SELECT sum(column2) FROM {source}") == [[10.5]]


def test_bad_rows_are_set_aside(client, source, drop):
    put(drop, "a.csv", range(3))
    (drop / "b.csv").write_text("id,name\n1,x\n2\n3,y,z\n")
    (drop / "c.csv").write_text("id,name\n1,x,y\n")
    job = add(client, source)
    assert job["state"] == "succeeded", job
    assert counts(client, source) == (7, 4, 3, True, 0)
    rejected = client.get(f"/api/v1/datasets/{source}/rejected").json()["items"]
    assert [(row["file"], row["line"]) for row in rejected] == [("b.csv", 3), ("b.csv", 4), ("c.csv", 2)]
    refresh(client, source)
    assert counts(client, source) == (0, 0, 0, True, 0)
    (drop / "b.csv").write_text("id,name\n1,x\n2,y\n")
    refresh(client, source)
    assert counts(client, source) == (2, 2, 0, True, 1)
    assert ids_of(client, source) == [0, 1, 1, 2, 2]


@pytest.mark.parametrize("text, words", [
    ("id,name,more\n1,x,2\n", "'more'"),
    ("id\n1\n", "'name'"),
    ("id,name\nx,y\n", "'id': text → bigint"),
])
def test_other_columns_are_named(client, source, drop, text, words):
    put(drop, "a.csv", range(3))
    add(client, source)
    (drop / "b.csv").write_text(text)
    job = refresh(client, source)
    assert job["state"] == "failed" and words in text_of(job) and "b.csv" in text_of(job), job
    assert job["error"]["hint"] and ("full" in job["error"]["hint"] or "line: value: 2: 'x'" in job["error"]["hint"])
    assert ids_of(client, source) == [0, 1, 2]


def test_files_of_other_columns_are_no_table(client, source, drop):
    put(drop, "a.csv", range(3))
    (drop / "b.csv").write_text("id,surname\n1,x\n")
    job = add(client, source)
    assert job["state"] == "failed" and "'b.csv' has others than 'a.csv': 'name' -; 'surname' +" in text_of(job), job
    assert client.get(f"/api/v1/datasets/{source}").status_code == 404


def test_no_file_is_an_error_unless_allowed(client, source, drop):
    job = add(client, source)
    assert job["state"] == "failed" and "no file of the source matches '*.csv'" in text_of(job), job
    put(drop, "a.csv", range(3))
    assert add(client, source, allow_empty=True)["state"] == "succeeded"
    (drop / "a.csv").unlink()
    assert refresh(client, source)["state"] == "succeeded"
    assert ids_of(client, source) == [0, 1, 2]
    assert refresh(client, source, full=True)["state"] == "succeeded"
    assert ids_of(client, source) == []


class Writer:
    """Goes on writing a file until it is told to stop."""

    def __init__(self, path):
        self.path = path
        self.stop = threading.Event()
        path.write_text("id,name\n")
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        with self.path.open("a") as file:
            number = 0
            while not self.stop.is_set():
                file.write("".join(f"{number + i},x\n" for i in range(100)))
                file.flush()
                number += 100
                time.sleep(0.002)

    def end(self):
        self.stop.set()
        self.thread.join()


def test_a_file_that_is_still_written_is_not_published(client, source, drop):
    put(drop, "a.csv", range(3))
    assert add(client, source)["state"] == "succeeded"
    writer = Writer(drop / "b.csv")
    job = refresh(client, source)
    writer.end()
    assert job["state"] == "failed" and "b.csv" in text_of(job), job
    assert ids_of(client, source) == [0, 1, 2]
    assert refresh(client, source)["state"] == "succeeded"
    rows = (drop / "b.csv").read_text().count("\n") - 1
    assert counts(client, source) == (rows, rows, 0, True, 1)


@pytest.mark.parametrize("damage", ["double", "drop", "alter"])
def test_a_file_that_changes_between_reading_and_comparing(client, source, drop, damage):
    """Two large files: the first is changed while the second is read, again and again."""
    path = drop / "a.csv"
    lines = [f"{i},row {i}\n" for i in range(200)]
    path.write_text("id,name\n" + "".join(lines))
    put(drop, "b.csv", range(400_000))
    stop = threading.Event()

    def change():
        turn = 0
        while not stop.is_set():
            turn += 1
            time.sleep(0.15)
            changed = list(lines)
            if damage == "double":
                changed += changed[:1] * turn
            elif damage == "drop":
                del changed[turn % 200]
            elif damage == "alter":
                changed[7] = f"7,row {turn % 10}\n"
            os.replace(temporary(drop, "id,name\n" + "".join(changed)), path)

    thread = threading.Thread(target=change)
    thread.start()
    job = add(client, source)
    stop.set()
    thread.join()
    assert job["state"] == "failed" and "a.csv" in text_of(job), job
    run = last_run(client, source) if client.get(f"/api/v1/datasets/{source}").status_code == 200 else None
    assert run is None or run["reconciled"] is not True


def temporary(folder, text):
    path = folder / ".writing"
    path.write_text(text)
    return path


def test_killed_at_any_moment_nothing_is_lost_or_doubled(start_server, tmp_path, drop):
    server = start_server(tmp_path / "data")
    client = server.client()
    client.post("/api/v1/sources", json={"name": "drop", "kind": "files", "settings": {"folder": str(drop)}})
    held = {}

    def change(turn):
        for file, name in enumerate((f"new{turn}.csv", "same.csv")):
            held[name] = [turn * 100_000 + file * 50_000 + i for i in range(20_000)]
            put(drop, name, held[name])

    change(0)
    assert collect(client, "held", "drop", table="*.csv", mode="incremental")["state"] == "succeeded"
    chance = random.Random(7)
    for turn in range(1, 7):
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


def test_the_log_says_which_file_rows_came_from(client, server, source, drop):
    put(drop, "a.csv", range(3))
    put(drop, "b.csv", range(3, 5))
    add(client, source)
    for turn in range(12):  # over a checkpoint
        put(drop, "b.csv", range(3, 6 + turn))
        refresh(client, source)
    dataset = client.get(f"/api/v1/datasets/{source}").json()["id"]
    folder = next(path.parent for path in server.data.rglob("_delta_log") if dataset in str(path))
    table = deltalake.DeltaTable(str(folder))
    assert table.to_pyarrow_table().num_rows == len(ids_of(client, source)) == 17
    actions = [json.loads(line) for path in sorted((folder / "_delta_log").glob("*.json"))
               for line in path.read_text().splitlines()]
    tags = [action["add"]["tags"] for action in actions if "add" in action]
    assert {tag["aimass.file"] for tag in tags} == {"a.csv", "b.csv"} and len(tags) == 14
    refresh(client, source)
    assert counts(client, source) == (0, 0, 0, True, 12)


def test_links_lead_nowhere_else(client, server, source, drop, tmp_path):
    secret = tmp_path / "outside"
    secret.mkdir()
    (secret / "key.csv").write_text("id,name\n1,secret\n")
    put(drop, "a.csv", range(3))
    (drop / "out.csv").symlink_to(secret / "key.csv")
    (drop / "key.csv").symlink_to(server.data / "admin.key")
    (drop / "folder").symlink_to(server.data)
    (drop / "inside.csv").symlink_to(drop / "a.csv")
    (drop / "broken.csv").symlink_to(drop / "nothing")
    os.mkfifo(drop / "pipe.csv")
    assert add(client, source)["state"] == "succeeded"
    assert ids_of(client, source) == [0, 0, 1, 1, 2, 2]
    test = client.post(f"/api/v1/sources/{source}/test", json={}).json()
    assert test["ok"] is True and "3 links lead out of the folder" in text_of(test), test
    for table in ("out.csv", "key.csv", "folder/admin.key", "folder/*", "**/*.key", "folder/**"):
        job = collect(client, f"{source}x", source, table=table)
        assert job["state"] == "failed" and server.key not in text_of(job), job
        preview = client.get(f"/api/v1/sources/{source}/tables/" + table.replace("/", "%2F").replace("*", "%2A"))
        assert preview.status_code in (403, 404) and "secret" not in preview.text, preview.text
    for table in ("../outside/key.csv", str(secret / "key.csv"), "a/../../outside/key.csv", "./a.csv"):
        job = collect(client, f"{source}x", source, table=table)
        assert job["state"] == "failed" and "relative to the source" in text_of(job), job


def test_the_data_folder_is_no_source(client, source, server, drop, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(server.data)
    for folder in (server.data, server.data.parent, server.data / "tmp", link, "/"):
        settings = {"folder": str(folder)}
        for answer in (client.post("/api/v1/sources", json={"name": "own", "kind": "files", "settings": settings}),
                       client.patch(f"/api/v1/sources/{source}", json={"settings": settings})):
            assert answer.status_code == 403 and "data folder" in answer.text, answer.text
    # A folder that becomes a link later leads there no more.
    drop.rmdir()
    drop.symlink_to(server.data)
    test = client.post(f"/api/v1/sources/{source}/test", json={}).json()
    assert test["ok"] is False and "data folder" in text_of(test), test
    assert client.get(f"/api/v1/sources/{source}/tables").status_code == 403


@pytest.mark.parametrize("settings, words", [
    ({}, "either a 'folder' or an 'address'"),
    ({"folder": "/tmp", "address": "http://localhost/"}, "either a 'folder' or an 'address'"),
    ({"folder": "tmp"}, "must be absolute"),
    ({"folder": "/no/such/folder"}, "there is no file or folder"),
    ({"folder": "/etc/hostname"}, "is no folder"),
    ({"address": "ftp://localhost/"}, "http:// or https://"),
    ({"address": "http://user:word@localhost/"}, "no user and no password"),
])
def test_wrong_settings_say_so(client, settings, words):
    name = f"w{time.monotonic_ns()}"
    answer = client.post("/api/v1/sources", json={"name": name, "kind": "files", "settings": settings})
    assert answer.status_code == 422 and words in answer.json()["detail"], answer.text
    assert "word@" not in answer.text
    assert client.get(f"/api/v1/sources/{name}").status_code == 404


def test_tables_and_their_first_rows(client, source, drop):
    put(drop, "orders/2026-01.csv", range(3))
    put(drop, "orders/2026-02.csv", range(3))
    put(drop, "orders/old.csv.gz", range(3))
    (drop / ".hidden.csv").write_text("x\n1\n")
    (drop / "README").write_text("words")
    tables = client.get(f"/api/v1/sources/{source}/tables").json()["items"]
    assert [table["name"] for table in tables] == ["README", "orders/*.csv", "orders/*.csv.gz"]
    assert tables[1]["comment"].startswith("2 × .csv")
    table = client.get(f"/api/v1/sources/{source}/tables/orders%2F%2A.csv").json()
    assert [(c["name"], c["type"], c["native_type"]) for c in table["columns"]] == [
        ("id", "bigint", "csv"), ("name", "text", "csv")]
    assert table["rows"] == [[0, "a 0"], [1, "a 1"], [2, "a 2"]] and table["key"] == []
    assert client.get(f"/api/v1/sources/{source}/tables/no.csv").status_code == 404


@pytest.mark.parametrize("what, words", [
    ({"cursor": "id"}, "not collected by a cursor"),
    ({"key": ["id"]}, "not collected by a cursor"),
    ({"options": {"delimitr": ";"}}, "delimiter"),
    ({"format": "cvs"}, "csv"),
    ({"types": {"id": "numbr"}}, "the type of column 'id'"),
    ({"query": "SELECT 1", "table": None}, "no queries"),
])
def test_a_wrong_request_is_refused(client, source, what, words):
    body = {"name": source, "source": source, "table": "*.csv", "mode": "incremental"} | what
    answer = client.post("/api/v1/datasets", json={k: v for k, v in body.items() if v is not None})
    assert answer.status_code in (400, 422) and words in answer.text, answer.text


def test_rows_that_somebody_appended_stay(client, source, drop, tmp_path):
    put(drop, "a.csv", range(3))
    add(client, source)
    put(tmp_path, "more.csv", [100])
    answer = client.post("/api/v1/datasets", json={"name": source, "source": {"path": str(tmp_path / "more.csv")},
                                                   "mode": "append"})
    assert wait_for_job(client, answer.json()["job"]["id"])["state"] == "succeeded"
    put(drop, "a.csv", range(5))
    assert refresh(client, source)["state"] == "succeeded"
    assert ids_of(client, source) == [0, 1, 2, 3, 4, 100]


def test_another_table_or_other_options_begin_anew(client, source, drop):
    put(drop, "a.csv", range(3))
    put(drop, "x/b.csv", range(3, 6))
    add(client, source)
    add(client, source, "**/*.csv")
    assert counts(client, source)[:2] == (6, 6) and ids_of(client, source) == list(range(6))
    add(client, source, "**/*.csv", types={"id": "text"})
    assert rows_of(client, f"SELECT id FROM {source} ORDER BY id LIMIT 1") == [["0"]]


def test_the_command_line(client, source, drop, aimass):
    (drop / "a.csv").write_text("id|name\n1|x\n")
    made = aimass("datasets", "add", source, "--source", source, "--table", "*.csv", "--mode", "incremental",
                  "--option", "delimiter=|", "--type", "id=text", "--format", "csv")
    assert made.status == 0, made.err
    assert rows_of(client, f"SELECT id, name FROM {source}") == [["1", "x"]]
    assert "*.csv" in aimass("datasets", "show", source).out
    assert "folder" in aimass("sources", "kinds").out


# --- addresses

class Web:
    """A web server over a folder, that counts what is asked of it."""

    def __init__(self, folder, password=None):
        asked = self.asked = []

        class Handler(http.server.SimpleHTTPRequestHandler):
            def send_head(self):
                asked.append((self.command, self.path))
                if password and self.headers.get("Authorization") != password:
                    return self.send_error(401)
                return super().send_head()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
        self.address = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def web(drop):
    server = Web(drop)
    yield server
    server.close()


def from_web(client, address, **settings):
    name = f"h{time.monotonic_ns()}"
    answer = client.post("/api/v1/sources", json={"name": name, "kind": "files", "settings": {"address": address} | settings})
    assert answer.status_code == 201, answer.text
    return name


def test_an_address_is_read_again_where_it_changed(client, web, drop):
    path = put(drop, "订单/a.csv.gz", range(10))
    source = from_web(client, web.address)
    assert client.post(f"/api/v1/sources/{source}/test", json={}).json()["ok"] is True
    assert client.get(f"/api/v1/sources/{source}/tables").json()["items"] == []
    assert add(client, source, "订单/a.csv.gz")["state"] == "succeeded"
    assert counts(client, source) == (10, 10, 0, True, 0)
    web.asked.clear()
    refresh(client, source)
    assert counts(client, source) == (0, 0, 0, True, 0) and {command for command, _ in web.asked} == {"HEAD"}
    put(drop, "订单/a.csv.gz", range(5))
    os.utime(path, (2_000_000_000, 2_000_000_000))
    refresh(client, source)
    assert counts(client, source) == (5, 5, 0, True, 1) and ids_of(client, source) == list(range(5))
    table = client.get(f"/api/v1/sources/{source}/tables/%E8%AE%A2%E5%8D%95%2Fa.csv.gz").json()
    assert table["rows"][0] == [0, "a 0"]


def test_an_address_that_is_missing_or_leads_elsewhere(client, web):
    source = from_web(client, web.address)
    job = add(client, source, "no.csv")
    assert job["state"] == "failed" and "no file of the source matches" in text_of(job), job
    for table in ("../x.csv", "/x.csv", "a/%2e%2E/x", "x#y", "a b"):
        job = add(client, source, table)
        assert job["state"] == "failed" and "relative to it" in text_of(job), (table, job)


def test_who_signs_in_and_who_does_not(client, drop):
    put(drop, "a.csv", range(3))
    server = Web(drop, password="Basic dXNlcjpw5a+G")  # user:p密
    good = from_web(client, server.address, user="user", password="p密")
    assert client.post(f"/api/v1/sources/{good}/test", json={}).json()["ok"] is True
    assert add(client, good, "a.csv")["state"] == "succeeded"
    bad = from_web(client, server.address, user="user", password="geheim")
    assert client.post(f"/api/v1/sources/{bad}/test", json={}).json()["ok"] is False
    job = add(client, bad, "a.csv")
    assert job["state"] == "failed" and "401" in text_of(job) and "geheim" not in text_of(job), job
    assert client.get(f"/api/v1/sources/{good}").json()["secrets"] == ["password"]
    server.close()


def test_private_addresses_may_be_forbidden(start_server, tmp_path, web, drop):
    put(drop, "a.csv", range(3))
    server = start_server(tmp_path / "data", env={"AIMASS_IMPORT_PRIVATE_ADDRESSES": "nobody"})
    client = server.client()
    source = from_web(client, web.address)
    assert client.post(f"/api/v1/sources/{source}/test", json={}).json()["ok"] is False
    job = add(client, source, "a.csv")
    assert job["state"] == "failed" and "private network" in text_of(job), job
    assert not web.asked


def test_copies_are_gone_when_all_is_done(client, server, source, drop):
    put(drop, "a.csv", range(3))
    add(client, source)
    client.get(f"/api/v1/sources/{source}/tables/a.csv")
    assert not list((server.data / "tmp").glob("preview-*"))
