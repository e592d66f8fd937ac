"""Import of a CSV file of 5 million orders (about 330 MB) beside DuckDB, polars and pandas.

Ours is `aimass datasets import` from a stopped server to the committed Delta version: types found, every row verified,
rejects kept, statistics, fsync, metadata, one job process. The others only turn the file into one Parquet file, without
fsync. Each contender is a process of its own; they take turns. Peak memory is that of a contender's largest process.
"""

import sys

import data
from bench import BINARY, WORK, median, run, scratch

ROWS = 5_000_000
PEERS = {
    "duckdb": "import duckdb; duckdb.sql(f\"COPY (FROM read_csv('{source}')) TO '{out}' (FORMAT parquet)\")",
    "polars": "import polars; polars.scan_csv(source, try_parse_dates=True).sink_parquet(out)",
    "pandas": "import pandas; pandas.read_csv(source, parse_dates=['ordered_at']).to_parquet(out)",
    "pandas (pyarrow)": "import pandas; pandas.read_csv(source, engine='pyarrow').to_parquet(out)",
}


def import_csv(source, name: str):
    folder = scratch("csv") / name
    cost = run([BINARY, "datasets", "import", "orders", source, "--data", folder, "--json"])
    return cost


def peer(source, name: str):
    out = scratch("csv") / "out.parquet"
    code = PEERS[name].replace("{source}", str(source)).replace("{out}", str(out))
    return run([sys.executable, "-c", f"source, out = {str(source)!r}, {str(out)!r}\n{code}"])


def measure(bench) -> None:
    bench.peers("duckdb", "polars", "pandas", "pyarrow")
    source = data.orders(ROWS)
    source.read_bytes()  # into the page cache, for everybody
    contenders = {"aimass": import_csv} | {name: peer for name in PEERS}
    seen = {name: [] for name in contenders}
    for _ in range(bench.runs):
        for name, call in contenders.items():
            seen[name].append(call(source, name))
    size_mb = source.stat().st_size / 1e6
    bench.table(f"{ROWS:,} rows, {size_mb:.0f} MB, median of {bench.runs} runs",
                ["tool", "seconds", "CPU seconds", "peak MB", "seconds / DuckDB's"],
                [[name, median(c.wall_s for c in costs), median(c.cpu_s for c in costs), max(c.peak_mb for c in costs),
                  median(c.wall_s / d.wall_s for c, d in zip(costs, seen["duckdb"]))]
                 for name, costs in seen.items()])
    bench.at_most("seconds, ours / DuckDB's COPY",
                  median(a.wall_s / b.wall_s for a, b in zip(seen["aimass"], seen["duckdb"])), 1.3)
    bench.figures = {name: [[c.wall_s, c.cpu_s, c.peak_mb] for c in costs] for name, costs in seen.items()}
    scratch("csv")
    assert WORK.exists()
