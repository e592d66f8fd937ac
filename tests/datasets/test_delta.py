"""Every table that we write is read alike by delta-rs, polars and DuckDB's delta extension."""

import datetime
import decimal
import importlib.util
import pathlib

import duckdb
import polars
import pytest
from deltalake import DeltaTable

ALL_TYPES = """
SELECT * FROM (VALUES
  (true, 1::TINYINT, 2::SMALLINT, 3::INTEGER, 4::BIGINT, 1.5::FLOAT, 2.5::DOUBLE, 12.34::DECIMAL(18,2),
   '中文 "quoted"', 'ab'::BLOB, DATE '2024-02-29', TIMESTAMP '2024-02-29 12:34:56.789012',
   TIMESTAMPTZ '2024-02-29 12:34:56.789012+08', [1, 2, NULL], {'名': 'x', 'n': 1}, MAP {'k': 1},
   200::UTINYINT, 4000000000::UINTEGER, 18446744073709551615::UBIGINT),
  (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
  (false, -128, -32768, -2147483648, -9223372036854775808, 'nan', 'inf', -0.01, '', '', DATE '0001-01-01',
   TIMESTAMP '1969-12-31 23:59:59.999999', TIMESTAMPTZ '1900-01-01 00:00:00+00', [], {'名': NULL, 'n': NULL}, MAP {},
   0, 0, 0)
) AS t("布尔", tiny, small, int, big, "f 32", f64, dec, "文 本", bin, "day", "when", "when tz", list, struct, map, u8,
       u32, u64)
"""


def delta_rows(folder, version=None):
    return DeltaTable(str(folder), version=version).to_pyarrow_table().to_pylist()


def polars_rows(folder, version=None):
    return polars.read_delta(str(folder), version=version).to_arrow().to_pylist()


def duckdb_delta(folder, query: str):
    package = pathlib.Path(importlib.util.find_spec("duckdb_extension_delta").origin).parent
    extension = next(package.rglob("delta.duckdb_extension"))
    connection = duckdb.connect()
    connection.execute(f"LOAD '{extension}'")
    return connection.execute(query.format(table=f"delta_scan('{folder}')"))


def plain(value):
    """One form for what readers give in their own: bytes, zones, NaN, pairs."""
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc) if value.tzinfo else value
    if isinstance(value, float) and value != value:
        return "NaN"
    if isinstance(value, dict):
        return [(key, plain(item)) for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def test_all_types_are_read_alike(datasets):
    datasets.derive("all types", ALL_TYPES)
    assert datasets.types("all types")["u64"] == "decimal(20,0)"
    folder = datasets.folder("all types")
    by_delta = [plain(row) for row in delta_rows(folder)]
    by_polars = [plain(row) for row in polars_rows(folder)]
    assert len(by_delta) == 3
    assert by_delta == by_polars
    first = dict(by_delta[0])
    assert first["布尔"] is True and first["文 本"] == '中文 "quoted"' and first["bin"] == b"ab"
    assert first["dec"] == decimal.Decimal("12.34") and first["day"] == datetime.date(2024, 2, 29)
    assert first["when"] == datetime.datetime(2024, 2, 29, 12, 34, 56, 789012)
    assert first["when tz"] == datetime.datetime(2024, 2, 29, 4, 34, 56, 789012, datetime.timezone.utc)
    assert first["u64"] == 18446744073709551615 and first["u8"] == 200
    assert all(value is None for _, value in by_delta[1])
    names = ", ".join(f'"{name}"' for name in first if name not in ("struct", "map"))
    in_duckdb = duckdb_delta(folder, f"SELECT {names} FROM {{table}} ORDER BY big NULLS LAST").fetchall()
    ordered = sorted(by_delta, key=lambda row: (dict(row)["big"] is None, dict(row)["big"] or 0))
    assert [plain(row) for row in in_duckdb] == [
        [value for name, value in row if name not in ("struct", "map")] for row in ordered]


def test_statistics_prune_and_are_true(datasets, tmp_path):
    lines = ["n,价格,day,when,t"]
    lines += [f"{i},{i / 4},2024-01-{i % 28 + 1:02},2024-01-{i % 28 + 1:02} 10:00:00.{i % 1000:03},t{i:05}"
              for i in range(2000)]
    source = tmp_path / "s.csv"
    source.write_text("\n".join(lines) + "\n", encoding="utf-8")
    datasets.load("stats", source)
    datasets.load("stats", source, mode="append")
    for add in [action["add"] for action in datasets.log("stats") if "add" in action]:
        import json
        stats = json.loads(add["stats"])
        assert stats["numRecords"] == 2000
        assert stats["minValues"]["n"] == 0 and stats["maxValues"]["n"] == 1999
        assert stats["minValues"]["价格"] == 0.0 and stats["maxValues"]["价格"] == 499.75
        assert stats["nullCount"]["t"] == 0
        assert stats["maxValues"]["day"] == "2024-01-28"
    folder = datasets.folder("stats")
    assert DeltaTable(str(folder)).to_pyarrow_table(filters=[("n", "=", 7)]).num_rows == 2
    assert polars.scan_delta(str(folder)).filter(polars.col("n") == 7).collect().height == 2
    assert duckdb_delta(folder, "SELECT count(*) FROM {table} WHERE \"when\" >= '2024-01-28 10:00:00'").fetchone() \
        == duckdb_delta(folder, "SELECT count(*) FROM {table} WHERE day = DATE '2024-01-28'").fetchone()


def test_many_versions_checkpoints_and_time_travel(datasets, tmp_path):
    source = tmp_path / "v.csv"
    for version in range(23):
        source.write_text("id,版本\n" + "".join(f"{version * 10 + i},v{version}\n" for i in range(3)), encoding="utf-8")
        mode = "create" if version == 0 else "replace" if version == 15 else "append"
        output = datasets.load("versions", source, mode=mode)
        assert output["version"] == version
    folder = datasets.folder("versions")
    assert sorted(file.name for file in folder.glob("_delta_log/*.parquet")) == [
        "00000000000000000010.checkpoint.parquet", "00000000000000000020.checkpoint.parquet"]
    assert '"version":20' in (folder / "_delta_log/_last_checkpoint").read_text()
    for version in (0, 5, 9, 10, 11, 14, 15, 20, 22):
        first = 15 if version >= 15 else 0
        expected = sorted(v * 10 + i for v in range(first, version + 1) for i in range(3))
        assert sorted(row["id"] for row in delta_rows(folder, version)) == expected, version
        assert sorted(row["id"] for row in polars_rows(folder, version)) == expected, version
        assert [row[0] for row in datasets.rows("versions", version=version)] == expected, version
    assert duckdb_delta(folder, "SELECT count(*) FROM {table}").fetchone() == (24,)
    # The checkpoint alone carries the table: earlier commits may go.
    for file in sorted(folder.glob("_delta_log/*.json"))[:20]:
        file.unlink()
    assert len(delta_rows(folder)) == 24
    assert len(datasets.rows("versions")) == 24
    versions = datasets.get("versions", "/versions")["items"]
    assert [item["version"] for item in versions] == list(range(22, -1, -1))
    assert versions[0]["rows"] == 24 and versions[0]["added_rows"] == 3 and versions[7]["operation"] == "replace"


def test_a_later_version_is_no_version(datasets, client, tmp_path):
    source = tmp_path / "x.csv"
    source.write_text("a\n1\n")
    datasets.load("one", source)
    answer = client.get("/api/v1/datasets/one/rows", params={"version": 1})
    assert answer.status_code == 404
    assert "0 to 0" in answer.json()["detail"]


@pytest.mark.parametrize("header", ["a", "中文列", "with space", "br[ack]et", 'quo"te', "percent%41", "a.b"])
def test_any_column_name(datasets, tmp_path, header):
    source = tmp_path / "n.csv"
    quoted = header.replace('"', '""')
    source.write_text(f'"{quoted}",other\n1,x\n2,y\n', encoding="utf-8")
    name = f"named {ord(header[-1])} {len(header)}"
    datasets.load(name, source)
    folder = datasets.folder(name)
    assert delta_rows(folder) == [{header: 1, "other": "x"}, {header: 2, "other": "y"}]
    assert polars_rows(folder) == delta_rows(folder)
    assert datasets.rows(name) == [[1, "x"], [2, "y"]]
