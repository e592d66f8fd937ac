"""Batch: a Parquet file of 1 million rows → features → predictions → a Parquet file, beside XGBoost and pyarrow.

The model: 100 XGBoost trees of depth 6 over 30 features. Ours is `aimass predict MODEL FILE --out FILE` with the data
folder alone: the server inside the command, a job process, the model's golden rows checked, resumable pieces, order
kept, fsync. The peer (bench/batch/peer.py) reads with pyarrow, predicts a ready float32 matrix in place with two threads,
and writes with pyarrow: no features, no checks. Both read and write the same columns.
"""

import pathlib
import sys

import numpy as np
import pyarrow.parquet as pq

import data
from bench import BINARY, median, run, scratch
from harness import Server
from serving import import_model

ROWS = 1_000_000


def measure(bench) -> None:
    bench.peers("xgboost-cpu", "pyarrow", "numpy")
    folder = scratch("batch")
    source, model = data.parquet(ROWS), data.xgboost_model()
    (folder / "data").mkdir()
    server = Server(folder / "data")
    with server.client() as client:
        import_model(client, "bench", model)
    server.stop()
    source.read_bytes()
    ours, theirs = folder / "ours.parquet", folder / "theirs.parquet"
    peer = pathlib.Path(__file__).with_name("peer.py")
    seen = {"aimass": [], "xgboost + pyarrow": []}
    for _ in range(bench.runs):
        ours.unlink(missing_ok=True)
        seen["aimass"].append(run([BINARY, "predict", "bench", source, "--out", ours, "--data", folder / "data"]))
        seen["xgboost + pyarrow"].append(run([sys.executable, peer, model, source, theirs],
                                             env={"OMP_NUM_THREADS": "2"}))
    a, b = pq.read_table(ours), pq.read_table(theirs)
    if a.num_rows != b.num_rows or not np.array_equal(a["f0"].to_numpy(), b["f0"].to_numpy()):
        sys.exit("batch: the rows or their order differ")
    difference = np.abs(a["probability_1"].to_numpy() - b["probability_1"].to_numpy()).max()
    if difference > 1e-6:
        sys.exit(f"batch: the probabilities differ by {difference}")
    bench.table(f"{ROWS:,} rows, median of {bench.runs} runs", ["tool", "seconds", "CPU seconds", "peak MB", "file MB"],
                [[name, median(c.wall_s for c in costs), median(c.cpu_s for c in costs), max(c.peak_mb for c in costs),
                  path.stat().st_size / 1e6]
                 for (name, costs), path in zip(seen.items(), (ours, theirs))])
    bench.at_least("speed, ours / XGBoost on a ready matrix + pyarrow",
                   median(y.wall_s / x.wall_s for x, y in zip(*seen.values())), 1.0)
    bench.figures = {name: [[c.wall_s, c.cpu_s, c.peak_mb] for c in costs] for name, costs in seen.items()}
