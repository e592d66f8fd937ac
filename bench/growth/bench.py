"""How cost grows: rows × columns × trees × connections, each doubled four times, everything else fixed.

One pass, no peers; a line is what doubling costs: 2.0 is in proportion, 1.0 is free. The plots have both axes
logarithmic; the dashed line is growth in proportion, through the first point.
"""

import importlib.util
import json
import math
import pathlib

import data
from bench import BINARY, RESULTS, build, median, run, scratch
from harness import Server
from serving import import_model

HERE = pathlib.Path(__file__).resolve().parent
STEPS = 5
FIXED = {"rows": 100_000, "columns": 30, "trees": 100, "connections": 16}


def neighbour(name: str):
    """Another measurement's module."""
    spec = importlib.util.spec_from_file_location(f"bench_{name}", HERE.parent / name / "bench.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def import_rows(bench) -> dict:
    folder = scratch("growth")
    points = {}
    for rows in (312_500 * 2**i for i in range(STEPS)):
        source = data.orders(rows)
        costs = [run([BINARY, "datasets", "import", "rows", source, "--data", folder / f"i{rows}-{i}"])
                 for i in range(bench.runs)]
        points[rows] = median(c.wall_s for c in costs)
    return points


def train(bench, what: str) -> dict:
    ours = neighbour("train").Ours
    points = {}
    for i in range(STEPS):
        size = {"rows": 25_000 * 2**i, "columns": FIXED["columns"]} if what == "rows" else {
            "rows": FIXED["rows"], "columns": 8 * 2**i}
        job = ours(data.parquet(size["rows"], size["columns"], target=True), "growth-train")
        points[size[what]] = median(job.train().wall_s for _ in range(bench.runs))
    return points


def predict_rows(bench, what: str) -> dict:
    """Seconds of `aimass predict` on a Parquet file."""
    points = {}
    for i in range(STEPS):
        size = dict(FIXED, **{what: {"rows": 62_500, "columns": 8, "trees": 25}[what] * 2**i})
        folder = scratch("growth-predict")
        (folder / "data").mkdir()
        server = Server(folder / "data")
        with server.client() as client:
            import_model(client, "m", data.xgboost_model(size["trees"], size["columns"]))
        server.stop()
        source = data.parquet(size["rows"], size["columns"])
        points[size[what]] = median(
            run([BINARY, "predict", "m", source, "--out", folder / f"{k}.parquet", "--data", folder / "data"]).wall_s
            for k in range(bench.runs))
    return points


def request(bench, what: str) -> dict:
    """CPU µs of the server per one-row request; for connections, its p99 in µs too."""
    rest = neighbour("rest")
    points = {}
    for i in range(STEPS):
        size = dict(FIXED, **{what: {"columns": 8, "trees": 25, "connections": 8}[what] * 2**i})
        folder = scratch("growth-rest")
        (folder / "data").mkdir()
        x, _ = data.numbers(1, size["columns"])
        body = folder / "body.json"
        body.write_text(json.dumps({"rows": [{f"f{c}": round(float(v), 4) for c, v in enumerate(x[0])}]}))
        server = Server(folder / "data")
        with server.client() as client:
            import_model(client, "m", data.xgboost_model(size["trees"], size["columns"]), deploy=True)
        ours = rest.Contender("aimass", server.address + "/api/v1/endpoints/m/predict", server.process.pid, server.key,
                              body)
        ours.load(size["connections"], 1)
        runs = [ours.load(size["connections"], 2) for _ in range(bench.runs)]
        points[size[what]] = median(r["cpu_us"] for r in runs)
        server.stop()
    return points


def plot(name: str, what: str, unit: str, points: dict) -> None:
    import matplotlib
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": name, "font.size": 9})
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(4.2, 2.8))
    x, y = list(points), list(points.values())
    axes.plot(x, y, "o-", color="#1668dc", label="measured")
    axes.plot(x, [y[0] * value / x[0] for value in x], "--", color="#999999", label="in proportion")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xticks(x, [f"{value:,}" for value in x])
    axes.yaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel(what)
    axes.set_ylabel(unit)
    axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(RESULTS / f"growth-{name}.svg", metadata={"Date": None})
    plt.close(figure)


def measure(bench) -> None:
    bench.peers("xgboost-cpu")
    build("aimass")
    RESULTS.mkdir(exist_ok=True)
    curves = [
        ("import-rows", "rows of a CSV file", "seconds", lambda: import_rows(bench)),
        ("train-rows", "training rows", "seconds", lambda: train(bench, "rows")),
        ("train-columns", "training columns", "seconds", lambda: train(bench, "columns")),
        ("predict-rows", "rows of a Parquet file", "seconds", lambda: predict_rows(bench, "rows")),
        ("predict-columns", "columns of the model", "seconds", lambda: predict_rows(bench, "columns")),
        ("predict-trees", "trees of the model", "seconds", lambda: predict_rows(bench, "trees")),
        ("request-columns", "columns of the model", "CPU µs per request", lambda: request(bench, "columns")),
        ("request-trees", "trees of the model", "CPU µs per request", lambda: request(bench, "trees")),
        ("request-connections", "connections", "CPU µs per request", lambda: request(bench, "connections"))]
    rows = []
    for name, what, unit, points_of in curves:
        points = points_of()
        plot(name, what, unit, points)
        x, y = list(points), list(points.values())
        slope = math.log2(y[-1] / y[-2])
        rows.append([name, f"{what} {x[0]:,} … {x[-1]:,}", unit, y[0], y[-1], (y[-1] / y[0]) ** (1 / (STEPS - 1)),
                     2 ** slope])
        bench.figures[name] = {str(k): v for k, v in points.items()}
        print(f"   {name}: {points}", flush=True)
    bench.table("what doubling costs", ["curve", "from … to", "unit", "first", "last", "per doubling", "last doubling"],
                rows)
    bench.note("\n".join(f"![{name}](growth-{name}.svg)" for name, *_ in curves))
