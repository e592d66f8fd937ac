"""One row at a time, in process: ours beside LightGBM's fast call, treelite and lleaves.

The model: 100 LightGBM trees of depth 6 over 30 features; 20,000 different rows, so that neither branch predictor nor
cache can learn one path. Ours begins with named cells (features are encoded, members combined); the others begin with
a row of doubles. treelite and lleaves compile a model into machine code, which takes seconds to minutes and a compiler
on the machine that serves; we and LightGBM read the model file.
"""

import json
import pathlib
import shutil
import subprocess
import time

import data
from bench import build, median, run, scratch
from harness import Server
from serving import import_model

ROWS = 20_000


def measure(bench) -> None:
    import lleaves
    import tl2cgen
    import treelite

    bench.peers("lightgbm", "treelite", "tl2cgen", "lleaves", "llvmlite")
    folder = scratch("row")
    model = data.lightgbm_model()
    x, _ = data.numbers(ROWS, seed=29)
    rows = folder / "rows.f64"
    rows.write_bytes(x.astype("<f8").tobytes())

    seconds = {}
    started = time.perf_counter()
    tl2cgen.export_lib(treelite.frontend.load_lightgbm_model(str(model)), toolchain="gcc",
                       libpath=str(folder / "treelite.so"), params={"parallel_comp": 4}, verbose=False)
    seconds["treelite"] = time.perf_counter() - started
    started = time.perf_counter()
    lleaves.Model(model_file=str(model)).compile(cache=str(folder / "lleaves.o"), raw_score=True)
    subprocess.run(["gcc", "-shared", "-o", str(folder / "lleaves.so"), str(folder / "lleaves.o"), "-lm"], check=True)
    seconds["lleaves"] = time.perf_counter() - started

    (folder / "data").mkdir()
    server = Server(folder / "data")
    with server.client() as client:
        import_model(client, "bench", model)
    server.stop()
    version = next((folder / "data" / "workspaces").glob("*/models/*/*/model.json")).parent
    shutil.copytree(version, folder / "version")

    program = build("bench_row")
    lines = run(["taskset", "-c", "0", program, bench.runs * 3, rows, data.FEATURES, folder / "version", model,
                 folder / "treelite.so", folder / "lleaves.so"]).out
    seen: dict[str, list[float]] = {}
    for line in lines.splitlines():
        item = json.loads(line)
        seen.setdefault(item["name"], []).append(item["us"])
    bench.table(f"µs per row over {ROWS} rows, {bench.runs * 3} passes in turns",
                ["library", "median", "least", "compile s"],
                [[name, median(us), min(us), seconds.get(name, 0.0)] for name, us in seen.items()])
    bench.at_most("one row in process, µs", median(seen["aimass"]), 5.0)
    bench.at_most("ours / LightGBM's fast call",
                  median(a / b for a, b in zip(seen["aimass"], seen["lightgbm fast call"])), 1.0)
    bench.figures = seen
