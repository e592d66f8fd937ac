"""Imports over HTTP on the real binary: every encoding, packing and format; what is broken; what goes on after a kill."""

import base64
import bz2
import concurrent.futures
import gzip
import hashlib
import http.server
import io
import json
import lzma
import re
import threading
import time
import zipfile

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest
import zstandard

ROWS = [[1, "张三", 1.5], [2, 'say "hi", 你好', 2.25], [3, None, -3.0]]
CSV = '编号,名称,金额\n1,张三,1.5\n2,"say ""hi"", 你好",2.25\n3,,-3\n'


def packed_zip(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("inner/数据.csv", data)
        file.writestr("__MACOSX/._x", b"\0")
    return out.getvalue()


PACKINGS = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".zst": lambda data: zstandard.ZstdCompressor().compress(data),
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
    ".zip": packed_zip,
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030"])
@pytest.mark.parametrize("packing", PACKINGS)
def test_encodings_and_packings(datasets, tmp_path, encoding, packing):
    # Enough text that an encoding shows.
    text = CSV + "".join(f"{i},客户第{i}号有限公司,{i}.5\n" for i in range(4, 200))
    source = tmp_path / f"t.csv{packing}"
    source.write_bytes(PACKINGS[packing](text.encode(encoding)))
    name = f"e{packing} {encoding}"
    output = datasets.load(name, source)
    assert output["rows"] == 199 and output["rejected_rows"] == 0
    assert datasets.types(name) == {"编号": "bigint", "名称": "text", "金额": "double"}
    assert datasets.rows(name)[:4] == [*ROWS, [4, "客户第4号有限公司", 4.5]]


def write_excel(path):
    book = openpyxl.Workbook()
    book.active.append(["编号", "名称", "金额"])
    for row in ROWS:
        book.active.append(row)
    book.save(path)


FORMATS = {
    "json": lambda path: path.write_text(json.dumps(
        [dict(zip(("编号", "名称", "金额"), row)) for row in ROWS], ensure_ascii=False), encoding="utf-8"),
    "ndjson": lambda path: path.write_text("".join(json.dumps(
        dict(zip(("编号", "名称", "金额"), row)), ensure_ascii=False) + "\n" for row in ROWS), encoding="utf-8"),
    "parquet": lambda path: pyarrow.parquet.write_table(pyarrow.table(
        {name: [row[i] for row in ROWS] for i, name in enumerate(("编号", "名称", "金额"))}), path),
    "xlsx": write_excel,
    "csv": lambda path: path.write_text(CSV, encoding="utf-8"),
}


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("named", [True, False])
def test_formats_by_ending_and_by_content(datasets, tmp_path, ending, named):
    source = tmp_path / (f"t.{ending}" if named else f"noending-{ending}")
    FORMATS[ending](source)
    name = f"f {ending} {named}"
    datasets.load(name, source)
    assert datasets.types(name) == {"编号": "bigint", "名称": "text", "金额": "double"}
    assert datasets.rows(name) == ROWS


def test_excel_sheets_dates_and_truth(datasets, tmp_path):
    import datetime
    book = openpyxl.Workbook()
    book.active.title = "空"
    sheet = book.create_sheet("销售 2026")
    sheet.append(["日期", "时间", "对", "码", "数"])
    sheet.append([datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 12, 34, 56), True, "007", 0.1])
    sheet.append([datetime.date(1999, 12, 31), datetime.datetime(2024, 1, 1), False, "008", 1e-7])
    sheet.append([None, None, None, None, None])
    source = tmp_path / "b.xlsx"
    book.save(source)
    datasets.load("excel", source, options={"sheet": "销售 2026"})
    assert datasets.types("excel") == {"日期": "date", "时间": "timestamp", "对": "boolean", "码": "text", "数": "double"}
    assert datasets.rows("excel") == [["2024-02-29", "2024-02-29T12:34:56", True, "007", 0.1],
                                      ["1999-12-31", "2024-01-01T00:00:00", False, "008", 1e-7]]
    error = datasets.fail("excel 2", source, options={"sheet": "none"})
    assert "销售 2026" in error["detail"]


def test_a_late_surprise_is_as_if_all_rows_had_been_asked(datasets, tmp_path):
    source = tmp_path / "late.csv"
    with source.open("w") as file:
        file.write("id,amount,flag\n")
        for i in range(300_000):
            file.write(f"{i},{i},true\n")
        file.write("300000,12.50,maybe\n")
    sampled = datasets.load("late sampled", source, options={"sample_rows": "1000"})
    datasets.load("late full", source, options={"sample_rows": "0"})
    assert datasets.types("late sampled") == datasets.types("late full") == {
        "id": "bigint", "amount": "double", "flag": "text"}
    for offset in (0, 150_000, 299_990):
        assert datasets.rows("late sampled", offset=offset) == datasets.rows("late full", offset=offset)
    assert datasets.rows("late sampled", offset=300_000) == [[300000, 12.5, "maybe"]]
    assert sampled["rows"] == 300_001


def test_rejected_rows_are_served(datasets, client, tmp_path):
    source = tmp_path / "bad.csv"
    source.write_bytes(b"a,b\n" + b"".join(b"%d,x\n" % i for i in range(50)) + b"1,2,3\n\"q\"x,1\n\xff\xfe,1\n9,z\n")
    output = datasets.load("bad", source)
    assert output["rows"] == 51 and output["rejected_rows"] == 3
    found = datasets.get("bad", "/rejected")
    assert found["total"] == 3
    assert [(item["line"], item["text"]) for item in found["items"]] == [
        (52, "1,2,3"), (53, '"q"x,1'), (54, "\ufffd\ufffd,1")]
    assert "3 fields where 2" in found["items"][0]["reason"]
    chinese = client.get("/api/v1/datasets/bad/rejected", headers={"Accept-Language": "zh"}).json()
    assert "3 个字段" in chinese["items"][0]["reason"]
    assert datasets.get("bad", "/rejected", limit=1, offset=2)["items"][0]["line"] == 54
    assert datasets.get("bad")["rejected_rows"] == 3


def test_broken_lines_of_ndjson(datasets, tmp_path):
    source = tmp_path / "log.ndjson"
    source.write_text('{"a":1,"b":{"c":[1,2]}}\n{"a":2\n[1]\n\n{"a":3.5}\n')
    output = datasets.load("ndjson", source)
    assert output["rows"] == 2 and output["rejected_rows"] == 2
    assert [item["line"] for item in datasets.get("ndjson", "/rejected")["items"]] == [2, 3]
    assert [row[0] for row in datasets.rows("ndjson")] == [1.0, 3.5]


def test_append_and_replace(datasets, client, tmp_path):
    source = tmp_path / "a.csv"
    source.write_text("id,name,v\n1,a,1.5\n")
    datasets.load("grow", source)
    assert datasets.post("grow", source={"path": str(source)}).status_code == 409
    source.write_text("v,id,name\n2,2,007\n")
    assert datasets.load("grow", source, mode="append")["version"] == 1
    assert datasets.rows("grow") == [[1, "a", 1.5], [2, "007", 2.0]]
    source.write_text("id,name,v\nx,b,1\n")
    error = datasets.fail("grow", source, mode="append")
    assert "'id': text → bigint" in error["detail"] and "not bigint (line: value: 2: 'x')" in error["hint"]
    source.write_text("id,name,w\n3,b,1\n")
    error = datasets.fail("grow", source, mode="append")
    assert "'v' is missing" in error["detail"] and "'w' is new" in error["detail"]
    assert datasets.get("grow")["version"] == 1
    assert not list(datasets.folder("grow").glob("part-*"))[2:], "failed imports leave nothing behind"
    assert datasets.load("grow", source, mode="replace")["version"] == 2
    assert datasets.rows("grow") == [[3, "b", 1]]
    assert datasets.rows("grow", version=1) == [[1, "a", 1.5], [2, "007", 2.0]]
    assert datasets.post("nobody", source={"path": str(source)}, mode="append").status_code == 404


def test_concurrent_appends_all_arrive(datasets, tmp_path):
    first = tmp_path / "c.csv"
    first.write_text("n\n0\n")
    datasets.load("race", first)
    jobs = []
    for i in range(1, 9):
        source = tmp_path / f"c{i}.csv"
        source.write_text(f"n\n{i}\n")
        jobs.append(datasets.post("race", source={"path": str(source)}, mode="append"))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        states = list(pool.map(lambda job: datasets.wait(job)["state"], jobs))
    assert states == ["succeeded"] * 8
    assert datasets.get("race")["version"] == 8
    assert sorted(row[0] for row in datasets.rows("race")) == list(range(9))


def test_shapes(datasets, tmp_path):
    source = tmp_path / "s.csv"
    source.write_text("")
    assert "is empty" in datasets.fail("nothing", source)["detail"]
    source.write_text("a,b\n")
    assert datasets.load("header only", source)["rows"] == 0
    assert datasets.rows("header only") == []
    source.write_text("a,,A\n1,2,3\n")
    output = datasets.load("names", source)
    assert list(datasets.types("names")) == ["a", "column2", "A_2"] and len(output["warnings"]) == 2
    source.write_text(",".join(f"列{i}" for i in range(5000)) + "\n" + ",".join(str(i) for i in range(5000)) + "\n",
                      encoding="utf-8")
    datasets.load("wide", source)
    assert datasets.rows("wide") == [list(range(5000))]


def test_a_folder_is_one_table(datasets, tmp_path):
    folder = tmp_path / "in"
    (folder / "2024").mkdir(parents=True)
    (folder / "b.csv.gz").write_bytes(gzip.compress(b"x,y\n3,c\n"))
    (folder / "2024/a.csv").write_text("x,y\n1,a\n2,b\n")
    (folder / "notes.md").write_text("not data")
    datasets.load("folder", folder)
    assert datasets.rows("folder") == [[1, "a"], [2, "b"], [3, "c"]]
    (folder / "c.csv").write_text("x,z\n1,a\n")
    assert "same columns" in datasets.fail("folder 2", folder)["detail"]


def test_a_bomb_is_refused(datasets, tmp_path):
    source = tmp_path / "bomb.csv.xz"
    with lzma.open(source, "w") as file:
        block = b"0" * (1 << 20)
        for _ in range(400):
            file.write(block)
    assert "attack" in datasets.fail("bomb", source)["detail"]


def test_paths_are_for_administrators_here_and_not_inside_the_data_folder(datasets, server, client):
    answer = datasets.post("own", source={"path": str(server.data)})
    assert answer.status_code == 403
    assert datasets.post("none", source={"path": "/nowhere/x.csv"}).status_code == 404
    assert datasets.post("dev", source={"path": "/dev/zero"}).status_code == 422
    assert datasets.post("rel", source={"path": "x.csv"}).status_code == 422
    assert datasets.post("two", source={"path": "/x", "url": "http://x/"}).status_code == 422


def test_an_upload_becomes_a_dataset(datasets, client, server):
    tus = {"Tus-Resumable": "1.0.0"}
    begun = client.post("/api/v1/uploads", headers=tus | {"Upload-Length": "8", "Upload-Metadata": "filename dS5jc3Y="})
    place = begun.headers["Location"]
    upload = place.rsplit("/", 1)[1]
    assert datasets.post("up", source={"upload": upload}).status_code == 409
    client.patch(place, headers=tus | {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"},
                 content=b"a,b\n1,2\n")
    job = datasets.wait(datasets.post("up", source={"upload": upload}))
    assert job["state"] == "succeeded", job
    assert datasets.rows("up") == [[1, 2]]
    assert client.head(place, headers=tus).status_code == 404
    assert client.post("/api/v1/datasets/up/refresh").status_code == 409


class Files(http.server.BaseHTTPRequestHandler):
    SIGNED_IN = "Basic " + base64.b64encode(b"shop:s3cr-et").decode()

    def do_GET(self):
        if self.path.startswith("/private") and (self.headers["Authorization"] != self.SIGNED_IN or
                                                 "token=t0k-en" not in self.path):
            self.send_error(403)
        elif self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "/rates.csv?secret=1")
            self.end_headers()
        elif self.path.startswith(("/rates.csv", "/private")):
            body = b"currency,rate\nCNY,7.1\nEUR,0.9\n"
            self.send_response(200)
            self.send_header("ETag", '"v1"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        else:
            self.send_error(404)

    def log_message(self, *_):
        pass


def test_an_address(datasets):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    try:
        job = datasets.wait(datasets.post("rates", source={"url": f"{base}/moved?token=abc"}, format="csv"))
        assert job["state"] == "succeeded", job
        assert datasets.rows("rates") == [["CNY", 7.1], ["EUR", 0.9]]
        assert datasets.get("rates")["origin"]["source"]["etag"] == '"v1"'
        job = datasets.wait(datasets.post("gone", source={"url": f"{base}/none?token=abc"}))
        assert job["state"] == "failed" and "404" in job["error"]["detail"] and "abc" not in job["error"]["detail"]
        refreshed = datasets.wait(datasets.client.post("/api/v1/datasets/rates/refresh"))
        assert refreshed["output"]["version"] == 1
    finally:
        server.shutdown()
    assert datasets.post("ftp", source={"url": "ftp://x/y.csv"}).status_code == 422


def test_an_address_that_gives_access_is_kept_sealed(datasets):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"127.0.0.1:{server.server_port}"
    try:
        job = datasets.wait(datasets.post(
            "private", source={"url": f"http://shop:s3cr-et@{host}/private?page=2&token=t0k-en"}, format="csv"))
        assert job["state"] == "succeeded", job
        assert datasets.get("private")["origin"]["source"]["url"] == f"http://{host}/private?page=2&token=***"
        # A refresh has the whole address still.
        refreshed = datasets.wait(datasets.client.post("/api/v1/datasets/private/refresh"))
        assert refreshed["state"] == "succeeded" and refreshed["output"]["version"] == 1, refreshed
    finally:
        server.shutdown()
    shown = [datasets.client.get(path).text for path in ("/api/v1/datasets/private", "/api/v1/datasets/private/versions",
                                                         f"/api/v1/jobs/{job['id']}", "/api/v1/jobs")]
    assert "sealed" not in "".join(shown)
    kept = [path.read_bytes() for path in datasets.data.rglob("*") if path.is_file()]
    for secret in (b"s3cr-et", b"t0k-en"):
        assert not any(secret in text for text in (*kept, *(text.encode() for text in shown)))


class Breaking(http.server.BaseHTTPRequestHandler):
    """Sends a third of what is left, then breaks the connection; knows ranges. `asked` is what was asked for."""

    body = b"a,b\n" + b"".join(b"%d,%d\n" % (i, i * 31 % 1009) for i in range(40_000))
    asked: list = []
    etag = '"one"'

    def do_GET(self):
        given = self.headers.get("Range")
        self.asked.append((given, self.headers.get("If-Range")))
        start = 0
        if given and self.headers.get("If-Range") == self.etag:
            start = int(given.removeprefix("bytes=").rstrip("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(self.body) - 1}/{len(self.body)}")
        else:
            self.send_response(200)
        self.send_header("ETag", self.etag)
        self.send_header("Content-Length", str(len(self.body) - start))
        self.end_headers()
        left = len(self.body) - start
        self.wfile.write(self.body[start:start + left // 3 if left > 1000 else None])
        self.close_connection = True

    def log_message(self, *_):
        pass


def test_a_broken_download_goes_on_where_it_broke(datasets):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Breaking)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        output = datasets.wait(datasets.post(
            "broken off", source={"url": f"http://127.0.0.1:{server.server_port}/x.csv"}))["output"]
    finally:
        server.shutdown()
    assert output["rows"] == 40_000 and output["rejected_rows"] == 0
    assert datasets.rows("broken off", offset=39_999) == [[39_999, 39_999 * 31 % 1009]]
    origin = datasets.get("broken off")["origin"]["source"]
    assert origin["sha256"] == hashlib.sha256(Breaking.body).hexdigest()
    assert Breaking.asked[0] == (None, None) and len(Breaking.asked) > 3
    starts = [int(asked.removeprefix("bytes=").rstrip("-")) for asked, _ in Breaking.asked[1:]]
    assert starts == sorted(starts) and starts[0] >= len(Breaking.body) // 3 - 1, "never from the beginning again"
    assert {validator for _, validator in Breaking.asked[1:]} == {'"one"'}


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "169.254.169.254", "10.0.0.1"])
def test_private_addresses_can_be_forbidden(start_server, new_datasets, tmp_path_factory, host):
    data = tmp_path_factory.mktemp("private") / "data"
    data.mkdir()
    server = start_server(data, env={"AIMASS_IMPORT_PRIVATE_ADDRESSES": "nobody"})
    with server.client() as client:
        port = server.address.rsplit(":", 1)[1]
        error = new_datasets(client, data).wait(new_datasets(client, data).post(
            "x", source={"url": f"http://{host}:{port}/healthz"}))["error"]
    server.stop()
    assert error["code"] == "permission_denied" and "private network" in error["detail"], error


def test_a_refresh_reads_as_the_import_did(datasets, client, tmp_path):
    source = tmp_path / "r.csv"
    source.write_text("a,b\n1,007\n2,008\nx,009\n")
    datasets.load("again", source, types={"a": "bigint", "b": "integer"}, on_error="reject")
    source.write_text("a,b\n1,007\ny,008\n3,009\n")
    assert datasets.wait(client.post("/api/v1/datasets/again/refresh"))["output"]["rejected_rows"] == 1
    assert datasets.rows("again") == [[1, 7], [3, 9]]
    assert datasets.get("again")["origin"]["types"] == {"a": "bigint", "b": "integer"}


def test_a_name_is_no_version(datasets, client, tmp_path):
    source = tmp_path / "n.csv"
    source.write_text("a\n1\n")
    for answer in (datasets.post("named@3", source={"path": str(source)}), datasets.post("named@12", sql="SELECT 1 AS a")):
        assert answer.status_code == 422 and "names a version" in answer.json()["detail"], answer.text
    datasets.load("named@home", source)
    assert client.patch("/api/v1/datasets/named@home", json={"name": "named@3"}).status_code == 422
    assert datasets.rows("named@home") == [[1]]


def test_a_renamed_input_is_still_the_input(datasets, client, tmp_path):
    source = tmp_path / "n.csv"
    source.write_text("a\n1\n")
    datasets.load("first name", source)
    datasets.derive("child", 'SELECT a + 1 AS b FROM "first name"')
    assert client.patch("/api/v1/datasets/first name", json={"name": "second name"}).status_code == 200
    assert datasets.get("child")["inputs"][0]["name"] == "second name"
    # Another dataset of the old name is not what the child was made from.
    source.write_text("a\n100\n")
    datasets.load("first name", source)
    source.write_text("a\n5\n")
    datasets.load("second name", source, mode="replace")
    for number in (1, 2):
        job = datasets.wait(client.post("/api/v1/datasets/child/refresh"))
        assert job["state"] == "succeeded", job["error"]
        assert datasets.rows("child") == [[6]] and datasets.get("child")["version"] == number
    assert datasets.get("child")["inputs"][0]["name"] == "second name"
    assert datasets.get("child")["inputs"][0]["version"] == 1


def test_derived_datasets_know_what_they_come_from(datasets, client, tmp_path):
    source = tmp_path / "d.csv"
    source.write_text("city,n\n北京,1\n上海,2\n北京,3\n")
    datasets.load("orders", source)
    datasets.derive("cities", "SELECT city, sum(n) AS total FROM orders GROUP BY city ORDER BY city")
    details = datasets.get("cities")
    assert details["inputs"] == [{"id": datasets.get("orders")["id"], "name": "orders", "version": 0}]
    assert sorted(datasets.rows("cities")) == [["上海", 2], ["北京", 4]]
    datasets.load("orders", source, mode="append")
    output = datasets.wait(client.post("/api/v1/datasets/cities/refresh"))["output"]
    assert output["version"] == 1 and datasets.get("cities")["inputs"][0]["version"] == 1
    assert sorted(datasets.rows("cities")) == [["上海", 4], ["北京", 8]]
    datasets.derive("old", 'SELECT count(*) AS n FROM "orders@0"')
    assert datasets.rows("old") == [[3]]
    for sql in ("SELECT * FROM nobody", "SELECT * FROM read_csv('/etc/passwd')", "DROP TABLE orders", "SELEC"):
        assert datasets.post("evil", sql=sql).status_code == 422, sql
    assert "AS" in datasets.wait(datasets.post("twice", sql="SELECT n, n AS N FROM orders"))["error"]["detail"]


def test_exports_read_back_the_same(datasets, client, tmp_path):
    source = tmp_path / "x.csv"
    source.write_text('a,b,t\n1,"x, ""y""\nz",2024-01-02 03:04:05\n,,\n3,NA,2024-01-03\n')
    datasets.load("out", source)
    rows = datasets.rows("out")
    for ending in ("csv", "ndjson", "parquet"):
        answer = client.get("/api/v1/datasets/out/export", params={"format": ending})
        assert answer.status_code == 200 and f"out.{ending}" in answer.headers["Content-Disposition"]
        back = tmp_path / f"back.{ending}"
        back.write_bytes(answer.content)
        datasets.load(f"back {ending}", back)
        assert datasets.rows(f"back {ending}") == rows, ending
    stream = client.get("/api/v1/datasets/out/export", params={"format": "arrow"})
    assert pyarrow.ipc.open_stream(stream.content).read_all().num_rows == 3
    assert client.get("/api/v1/datasets/out/export", params={"format": "pdf"}).status_code == 400


def test_rename_and_delete(datasets, client, tmp_path):
    source = tmp_path / "r.csv"
    source.write_text("a\n1\n")
    datasets.load("Before", source)
    folder = datasets.folder("before")
    assert client.patch("/api/v1/datasets/before", json={"name": "之后"}).json()["name"] == "之后"
    assert client.get("/api/v1/datasets/Before").status_code == 404
    assert datasets.rows("之后") == [[1]]
    assert client.delete("/api/v1/datasets/之后").status_code == 204
    assert client.get("/api/v1/datasets/之后").status_code == 404
    assert not folder.exists()


def test_goes_on_after_kill_9_of_the_server(start_server, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    source = tmp_path / "big.csv"
    with source.open("w") as file:
        file.write("id,text,amount\n")
        for i in range(4_000_000):
            file.write(f"{i},customer {i % 1000},{i}.25\n")
    first = start_server(data)
    with first.client() as client:
        job = client.post("/api/v1/datasets", json={"name": "big", "source": {"path": str(source)}}).json()["job"]["id"]
        deadline = time.monotonic() + 200
        read = 0
        while read < 1_400_000:
            assert time.monotonic() < deadline
            time.sleep(0.05)
            read = client.get(f"/api/v1/jobs/{job}").json()["rows"] or 0
    first.kill()
    second = start_server(data)
    with second.client() as client:
        state = {"state": "running"}
        while state["state"] in ("queued", "running"):
            assert time.monotonic() < deadline + 200
            time.sleep(0.2)
            state = client.get(f"/api/v1/jobs/{job}").json()
            state = state.get("job", state)
        assert state["state"] == "succeeded", state
        assert state["output"]["rows"] == 4_000_000
        log = json.dumps(client.get(f"/api/v1/jobs/{job}/log").json(), ensure_ascii=False)
        behind = int(re.search(r"going on behind row[^0-9]*?(\d[\d,]*)", log)[1].replace(",", ""))
        assert behind >= read - 1_050_000, (behind, read)  # one batch: a million rows, ended at the end of a piece
        last = client.get("/api/v1/datasets/big/rows", params={"offset": 3_999_999}).json()["rows"]
        assert last == [[3999999, "customer 999", 3999999.25]]
