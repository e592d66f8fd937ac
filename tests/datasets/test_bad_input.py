"""What hostile, broken and merely odd files get: each with the result, or the code and the words in both languages.

One server runs them all. `Case.file` makes the file; a case that fails names the code of its job's error, a part of its
English and of its 中文 detail, and a part of the hint where there is one; nothing of it is imported. A case that works
names the rows, the types, what is rejected (line: reason) and parts of the warnings.
"""

import dataclasses
import gzip
import lzma
import time
import typing

import pytest

REJECTED_LINE = "found {} field{} where {} were expected"


@dataclasses.dataclass
class Case:
    name: str
    file: typing.Callable[[], bytes] | bytes
    ending: str = "csv"
    body: dict = dataclasses.field(default_factory=dict)
    # fails
    code: str = ""
    en: str = ""
    zh: str = ""
    hint: str = ""
    # works
    rows: list | int | None = None
    types: dict | None = None
    rejected: dict = dataclasses.field(default_factory=dict)
    warns: tuple = ()

    def content(self) -> bytes:
        made = self.file() if callable(self.file) else self.file
        return made.encode() if isinstance(made, str) else made


def truncated() -> bytes:
    packed = gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (i, i * 7919) for i in range(20_000)))
    return packed[:len(packed) // 2]


def bomb() -> bytes:
    packer = lzma.LZMACompressor()
    block = b"0" * (1 << 22)
    return b"".join([*(packer.compress(block) for _ in range(75)), packer.flush()])


def long_field(size: int, quote: bytes) -> typing.Callable[[], bytes]:
    return lambda: b"a,b\n1,x\n2," + quote + b"y" * size + quote + b"\n3,z\n"


def many_columns(n: int) -> str:
    names = ",".join(f"c{i}" for i in range(n))
    return names + "\n" + "\n".join(",".join(str(r + i) for i in range(n)) for r in range(3)) + "\n"


def mostly(good: str, bad: str, rows: int = 300, at: int = 150) -> str:
    return "id,v\n" + "".join(f"{i},{bad if i == at else good}\n" for i in range(rows))


CASES = [
    Case("empty file", b"", code="unprocessable", en="is empty; expected a line with column names, then rows",
         zh="是空的；应先有一行列名，再有数据行"),
    Case("only line ends", b"\n\r\n\n", code="unprocessable", en="is empty; expected a line with column names",
         zh="是空的"),
    Case("only a byte order mark", b"\xef\xbb\xbf", code="unprocessable", en="is empty", zh="是空的"),
    Case("header only", b"a,b\n", rows=[], types={"a": "text", "b": "text"}),
    Case("one row", b"a,b\n1,x\n", rows=[[1, "x"]], types={"a": "bigint", "b": "text"}),
    Case("duplicate names", "a,A,b\n1,2,3\n", rows=[[1, 2, 3]],
         types={"a": "bigint", "A_2": "bigint", "b": "bigint"}, warns=("column 2 is called 'A_2'",)),
    Case("empty names", "a,, \n1,2,3\n", rows=[[1, 2, 3]],
         types={"a": "bigint", "column2": "bigint", "column3": "bigint"}, warns=("column 2 has no name",)),
    Case("5,000 columns", lambda: many_columns(5000), rows=3),
    Case("a quoted field of 20 MB", long_field(20 << 20, b'"'), rows=[[1, "x"], [3, "z"]],
         rejected={3: "the quoted field 2 is longer than the 16777216 bytes that a row may have"}),
    Case("a field of 100 MB", long_field(100 << 20, b""), rows=3),
    Case("a quote that is never closed", 'a,b\n1,x\n2,"y\n3,z\n', rows=[[1, "x"], [3, "z"]],
         rejected={3: "the quote of field 2 is never closed"}),
    Case("text behind a quote", 'a,b\n1,"x"y\n2,z\n', rows=[[2, "z"]],
         rejected={2: "there is text behind the closing quote of field 2"}),
    Case("too many and too few fields", "a,b\n1,2\n3\n4,5,6\n7,8\n", rows=[[1, 2], [7, 8]],
         rejected={3: REJECTED_LINE.format(1, "", 2), 4: REJECTED_LINE.format(3, "s", 2)}),
    Case("nothing but broken rows", "a,b\n1\n2\n", body={"options": {"header": "true"}}, code="unprocessable",
         en="none of the 2 rows could be read", zh="2", hint="line 2: found 1 field where 2 were expected"),
    Case("zero bytes", b"a,b\n1,x\n2,\0\n", code="unprocessable", en="has a zero byte in line 3", zh="第 3 行有零字节",
         hint="UTF-8"),
    Case("not text at all", bytes(range(256)) * 40, ending="", code="unsupported",
         en="is in no format that this build reads", zh="不是本程序可读取的格式"),
    Case("two encodings", "城市,数\n北京,1\n".encode() * 40 + "上海,2\n".encode("gb18030"), rows=None,
         rejected={81: "the text is not valid in its encoding"}),
    Case("byte order mark", "\ufeff城市,数\n北京,1\n", rows=[["北京", 1]], types={"城市": "text", "数": "bigint"}),
    Case("unknown encoding", b"a\n1\n", body={"options": {"encoding": "klingon"}}, code="unprocessable",
         en="no encoding 'klingon'; use auto, utf-8", zh="klingon"),
    Case("thousands, money, percent", '量,额,率\n"1,234",￥1.50,5%\n999,"￥2,000",12.5％\n',
         rows=[[1234, 1.5, 0.05], [999, 2000.0, 0.125]], types={"量": "bigint", "额": "double", "率": "double"},
         warns=("'率' holds percentages", "'额' holds amounts", "'量' holds numbers in groups")),
    Case("two currencies", "v\n￥1\n$2\n", rows=[["￥1"], ["$2"]], types={"v": "text"}),
    Case("dates in five ways", "d\n2024-01-02\n2024/1/3\n2024.1.4\n2024年1月5日\n20240106\n", types={"d": "date"},
         rows=[["2024-01-02"], ["2024-01-03"], ["2024-01-04"], ["2024-01-05"], ["2024-01-06"]]),
    Case("dates of two orders", "d\n01/02/2024\n03/04/2024\n", types={"d": "text"}, rows=[["01/02/2024"], ["03/04/2024"]],
         warns=("could be day-first or month-first",)),
    Case("one bad number", mostly("1.5", "abc"), rows=300, types={"id": "bigint", "v": "text"},
         warns=("because 1 of its 300 values are not double (line: value: 152: 'abc')", "--type 'v=double'")),
    Case("one bad number, rejected", mostly("1.5", "abc"), body={"on_error": "reject"}, rows=299,
         types={"id": "bigint", "v": "double"}, rejected={152: "'abc' in column 'v' is not double"}),
    Case("one bad date, left empty", mostly("2024-05-06", "soon"), body={"on_error": "null"}, rows=300,
         types={"id": "bigint", "v": "date"}, warns=("other values that were left empty: 1 (line: value: 152: 'soon')",)),
    Case("one bad value of a given type", mostly("1.5", "abc"), body={"types": {"v": "double"}}, code="unprocessable",
         en="1 of 300 values in column 'v' are not double (line: value: 152: 'abc')", zh="有 1 个值（共 300 个，列“v”）不是 double",
         hint="--on-error reject"),
    Case("a type for parquet", b"PAR1", ending="parquet", body={"types": {"v": "double"}}, code="unprocessable",
         en="have types of their own", zh="自带类型", hint="CAST"),
    Case("a wrong delimiter", b"a,b\n1,2\n", body={"options": {"delimiter": "xx"}}, code="422",
         en="delimiter must be auto, tab, or 1 to 8 bytes without letters", zh="delimiter 必须是"),
    Case("delimiter and quote alike", b"a\n", body={"options": {"delimiter": "'", "quote": "'"}}, code="422",
         en="delimiter and quote must differ", zh="必须不同"),
    Case("an empty quote", b"a\n", body={"options": {"quote": ""}}, code="422", en="quote must be auto, none",
         zh="quote 必须是"),
    Case("an unknown on_error", b"a\n", body={"on_error": "ignore"}, code="422",
         en="on_error must be widen, reject or null; got 'ignore'", zh="on_error 必须是"),
    Case("an unknown type", b"a\n1\n", body={"types": {"a": "money"}}, code="422",
         en="the type of column 'a' must be one of", zh="列“a”的类型必须是"),
    Case("a type for no column", b"amount\n1\n", body={"types": {"amuont": "double"}}, code="unprocessable",
         en="a type is given for column 'amuont'", zh="为列“amuont”指定了类型", hint="did you mean 'amount'?"),
    Case("truncated gzip", truncated, ending="csv.gz", code="unprocessable", en="cannot be unpacked, it is damaged",
         zh="已损坏，无法解压", hint="download it again"),
    Case("a bomb", bomb, ending="csv.xz", code="payload_too_large", en="times its size, which looks like an attack",
         zh="攻击"),
    Case("parquet that is none", b"PAR1" + b"\0" * 64, ending="parquet", code="unprocessable", en="", zh=""),
    Case("a workbook that is none", b"PK\x03\x04" + b"\0" * 64, ending="xlsx", code="unprocessable", en="", zh=""),
    Case("JSON of numbers", b"[1, 2, 3]", ending="json", code="unprocessable",
         en="is an array of other things than objects: it begins with '[1, 2, 3]'", zh="非对象", hint='[{"a": 1}'),
    Case("broken lines of JSON", b'{"a":1}\n{"a":\n[2]\n{"a":3}\n', ending="ndjson", rows=[[1], [3]],
         rejected={2: "the line is not valid JSON", 3: "the line is not a JSON object"}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_import(datasets, client, server, tmp_path, case):
    source = tmp_path / f"input.{case.ending}".rstrip(".")
    source.write_bytes(case.content())
    name = f"case {case.name}".replace(",", "")
    before = set(server.data.glob("workspaces/*/datasets/*"))
    if case.code == "422":
        for language, words in (("en", case.en), ("zh", case.zh)):
            answer = client.post("/api/v1/datasets", json={"name": name, "source": {"path": str(source)}, **case.body},
                                 headers={"Accept-Language": language})
            assert answer.status_code == 422 and words in answer.json()["detail"], answer.text
        return
    job = datasets.wait(datasets.post(name, source={"path": str(source)}, **case.body))
    if case.code:
        assert job["state"] == "failed", job
        assert job["error"]["code"] == case.code and case.en in job["error"]["detail"], job["error"]
        assert str(server.data) not in job["error"]["detail"], "a message names the user's file, not ours"
        assert case.hint in (job["error"].get("hint") or ""), job["error"]
        chinese = client.get(f"/api/v1/jobs/{job['id']}", headers={"Accept-Language": "zh"}).json()
        assert case.zh in chinese.get("job", chinese)["error"]["detail"], chinese
        assert client.get(f"/api/v1/datasets/{name}").status_code == 404, "nothing is half imported"
        # The folder goes a moment after the job has ended.
        deadline = time.monotonic() + 30
        while (left := set(server.data.glob("workspaces/*/datasets/*")) - before) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not left
        return
    assert job["state"] == "succeeded", job["error"]
    if isinstance(case.rows, list):
        assert datasets.rows(name) == case.rows
    elif case.rows is not None:
        assert job["output"]["rows"] == case.rows
    if case.types is not None:
        assert datasets.types(name) == case.types
    rejected = datasets.get(name, "/rejected")
    assert {item["line"]: item["reason"] for item in rejected["items"]} == case.rejected
    warnings = "\n".join(datasets.get(name)["warnings"])
    for words in case.warns:
        assert words in warnings
    # What a person should know stands in the job's log too, in the reader's language.
    log = client.get(f"/api/v1/jobs/{job['id']}/log").text
    for words in case.warns:
        assert words in log
