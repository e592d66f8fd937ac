"""Training on 1 million rows × 30 columns to 100 trees, beside XGBoost's own from a NumPy array.

Ours is one job process (`aimass run-job`) that replays a recipe with one member, XGBoost with 100 rounds: it reads the
dataset, finds the target and its task, fits the feature pipeline, trains, checks golden rows and stages the model folder
with fsync. Its seconds are the whole life of that process. The peer (bench/train/peer.py) starts with a float32 array
that is in memory already; its seconds are those from the array to the saved model, its peak that of the process, with
Python and the array in it. Same settings, two threads, histogram method.
"""

import json
import pathlib
import sys

import numpy as np

import data
from bench import BINARY, median, run, scratch

ROUNDS = 100
SETTINGS = {"max_depth": "6", "eta": "0.1", "subsample": "0.9", "colsample_bytree": "0.8"}
TYPES = {"integer": "integer", "long": "bigint", "float": "float", "double": "double"}


def snapshot(folder: pathlib.Path) -> dict:
    """The newest version of the only dataset in a data folder, as a job spec names it; from its Delta log."""
    table = next(folder.glob("workspaces/*/datasets/*/_delta_log")).parent
    files, schema, rows = [], None, 0
    for commit in sorted((table / "_delta_log").glob("*.json")):
        for line in commit.read_text().splitlines():
            action = json.loads(line)
            if "metaData" in action:
                schema = json.loads(action["metaData"]["schemaString"])
            if "add" in action:
                count = json.loads(action["add"]["stats"])["numRecords"]
                files.append({"path": str(table / action["add"]["path"]), "rows": count, "bytes": action["add"]["size"]})
                rows += count
    columns = [{"name": f["name"], "type": TYPES[f["type"]], "nullable": f["nullable"]} for f in schema["fields"]]
    return {"id": table.name, "name": "rows", "workspace": table.parents[1].name, "version": 0, "columns": columns,
            "files": files, "rows": rows}


def recipe() -> dict:
    return {"task": "binary", "target": "y", "keep": [], "drop": [],
            "split": {"method": "random", "time_column": "", "fraction": 0.2}, "rows": "all", "seed": 1, "threads": 2,
            "folds": 5, "members": [{"learner": "xgboost", "settings": SETTINGS, "rounds": ROUNDS, "weight": 1.0}],
            "bias": 0.0, "calibration": {"method": "none", "slope": 1.0}, "interval": None}


class Ours:
    def __init__(self, source: pathlib.Path, name: str = "train"):
        self.folder = scratch(name)
        run([BINARY, "datasets", "import", "rows", source, "--data", self.folder / "data"])
        self.dataset = snapshot(self.folder / "data")
        (self.folder / "recipe").mkdir()
        (self.folder / "recipe" / "trials.json").write_text(json.dumps({"format": 1, "trials": [], "recipe": recipe()}))

    def train(self):
        work = self.folder / "job" / "work"
        if work.parent.exists():
            import shutil
            shutil.rmtree(work.parent)
        work.mkdir(parents=True)
        spec = work.parent / "spec.json"
        spec.write_text(json.dumps({
            "format": 1, "id": "00000000-0000-7000-8000-000000000001", "kind": "reproduce", "work_folder": str(work),
            "caller": {"kind": "system", "id": "bench", "org": "", "workspace": self.dataset["workspace"], "purpose": "",
                       "role": "admin"},
            "limits": {"threads": 2, "memory_bytes": 0},
            "parameters": {"folder": str(self.folder / "recipe"), "dataset": self.dataset}}))
        cost = run([BINARY, "run-job", spec])
        if not (work / "replay" / "model.json").exists():
            sys.exit(f"train: the job left no model:\n{cost.out[-3000:]}")
        return cost


def measure(bench) -> None:
    bench.peers("xgboost-cpu", "numpy")
    rows = 1_000_000
    ours = Ours(data.parquet(rows, target=True))
    x, y = data.numbers(rows)
    np.save(ours.folder / "x.npy", x)
    np.save(ours.folder / "y.npy", y)
    settings = json.dumps({"objective": "binary:logistic", "tree_method": "hist", "nthread": 2, **SETTINGS})
    peer = pathlib.Path(__file__).with_name("peer.py")

    def theirs(kind: str):
        cost = run([sys.executable, peer, ours.folder / "x.npy", ours.folder / "y.npy", settings, ROUNDS,
                    ours.folder / "peer.ubj", kind], env={"OMP_NUM_THREADS": "2"})
        return json.loads(cost.out)["seconds"], cost

    seen = {"aimass": [], "xgboost": [], "xgboost, QuantileDMatrix": []}
    for _ in range(bench.runs):
        cost = ours.train()
        seen["aimass"].append((cost.wall_s, cost))
        seen["xgboost"].append(theirs(""))
        seen["xgboost, QuantileDMatrix"].append(theirs("quantile"))
    bench.table(f"{rows:,} × {data.FEATURES} to {ROUNDS} trees, median of {bench.runs} runs",
                ["tool", "seconds", "CPU seconds", "peak MB"],
                [[name, median(s for s, _ in runs), median(c.cpu_s for _, c in runs), max(c.peak_mb for _, c in runs)]
                 for name, runs in seen.items()])
    bench.at_most("seconds, ours / XGBoost's own",
                  median(a[0] / b[0] for a, b in zip(seen["aimass"], seen["xgboost"])), 1.3)
    bench.at_most("peak memory, ours / XGBoost's own",
                  median(a[1].peak_mb / b[1].peak_mb for a, b in zip(seen["aimass"], seen["xgboost"])), 1.5)
    bench.figures = {name: [[s, c.cpu_s, c.peak_mb] for s, c in runs] for name, runs in seen.items()}
