#!/usr/bin/env python3
"""Quality of models on real tables, beside other libraries' defaults and searches: `bench/quality/quality.py`.

    --seconds N         the budget of ours and of the searches (default: 60)
    --splits N          paired splits (default: 2)
    --tables A,B  --with ours,lightgbm,…       some of them only
    --stop-after N      begins nothing more after so many seconds
    --any-binary        ours as another build of it was measured counts, too
    --report            only writes the page again, with the newest of each

Every contender gets the same training rows, 2 threads, and test rows that nobody sees before the end. What was measured
is kept in build/quality/ and not measured again, ours as long as the binary is the same; so it can be run in pieces.
Peers without a budget are measured once for all budgets. The page lies in bench/results/quality-Ns.md, the figures in
quality-Ns.json. The packages come from bench/quality/requirements.txt:
`$(scripts/venv.sh bench/quality)/bin/python bench/quality/quality.py`, or `make quality`.
"""

import argparse
import hashlib
import importlib.metadata
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import time

import numpy as np
import pandas as pd

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
BINARY = pathlib.Path(os.environ.get("AIMASS_BINARY", ROOT / "build" / "aimass"))
WORK = ROOT / "build" / "quality"
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that wait do not spin, for anybody
sys.path.insert(0, str(FOLDER))

import peers  # noqa: E402
import tables  # noqa: E402

METRICS = {"binary": "auc", "multiclass": "log_loss", "regression": "rmse"}


def ours(train, test, target, task, labels, seed, seconds):
    """The command line that a user types, on a CSV; import included."""
    folder = WORK / "run" / f"{target}-{len(train)}-{seed}"  # stays, to be looked at
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    train.to_csv(folder / "train.csv", index=False)
    test.drop(columns=target).to_csv(folder / "test.csv", index=False)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AIMASS_")} | {"LC_ALL": "C.UTF-8"}

    def run(*arguments):
        done = subprocess.run([BINARY, *map(str, arguments), "--data", folder / "data", "--json"], env=environment,
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{arguments[0]}: {done.stdout[-1500:]} {done.stderr[-1500:]}")

    run("train", folder / "train.csv", "--target", target, "--name", "m", "--task", task, "--metric", METRICS[task],
        "--time", f"{seconds}s", "--threads", 2, "--seed", seed)
    run("predict", "m", folder / "test.csv", "--out", folder / "out.parquet")
    answer = read_parquet(folder / "out.parquet")
    if task == "regression":
        return answer["prediction"].to_numpy(float)
    return np.column_stack([answer[f"probability_{label}"].to_numpy(float) for label in labels])


def read_parquet(path):
    import duckdb
    return duckdb.read_parquet(str(path)).df()


def score(task, actual, predicted, labels) -> dict:
    from sklearn import metrics
    if task == "regression":
        return {"rmse": float(np.sqrt(np.mean((predicted - actual) ** 2)))}
    known = {label: i for i, label in enumerate(labels)}
    y = np.array([known[str(value)] for value in actual])
    p = np.clip(predicted, 1e-7, 1)
    p = p / p.sum(axis=1, keepdims=True)
    sure, right = p.max(axis=1), p.argmax(axis=1) == y
    bins = np.minimum((sure * 15).astype(int), 14)
    ece = sum(abs(sure[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean() for b in set(bins))
    found = {"log_loss": float(-np.log(p[np.arange(len(y)), y]).mean()), "accuracy": float(right.mean()),
             "ece": float(ece)}
    if task == "binary":
        found["auc"] = float(metrics.roc_auc_score(y, p[:, 1]))
    return found


def measure(name, contender, seed, seconds) -> dict:
    frame = tables.load(name, WORK / "tables")
    target, task = tables.target_of(name), tables.task_of(name)
    train, test = tables.split(name, frame, seed)
    labels = [] if task == "regression" else sorted(train[target].astype(str).unique())
    if task != "regression":
        test = test[test[target].astype(str).isin(labels)]
    function = ours if contender == "ours" else peers.ALL[contender]
    started = time.monotonic()
    predicted = function(train, test, target, task, labels, seed, seconds)
    taken = time.monotonic() - started
    actual = test[target].to_numpy(float) if task == "regression" else test[target].to_numpy()
    return {"table": name, "contender": contender, "seed": seed, "train_rows": len(train), "test_rows": len(test),
            "seconds": round(taken, 2), "load": round(os.getloadavg()[0], 1)} | score(task, actual, predicted, labels)


def machine() -> dict:
    cpu = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.processor())
    return {"cpu": cpu, "cores": os.cpu_count(), "kernel": platform.release(),
            "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime()) + " UTC"}


def worse(metric, value, best) -> float:
    """How much worse than the best, as a share of the best."""
    return (best - value) / best if metric == "auc" else (value - best) / best


def write_page(results, seconds) -> None:
    contenders = [c for c in ["ours", *peers.ALL] if any(r["contender"] == c for r in results)]
    lines = [f"# quality-{seconds}s: models on real tables, {seconds} s and 2 threads", "",
             "Mean over the splits ± its standard error (* one split only). AUC: more is better; log loss and RMSE: "
             "less is. Expected calibration error (15 bins) in brackets where there are classes. The distance is that "
             "to the best of the others, each on the splits that both were measured on; ranks are those on each split, "
             "of those that were measured there.", "",
             f"```\nbench/quality/quality.py --seconds {seconds}\n```", "",
             "| table | metric | " + " | ".join(contenders) + " | ours worse than the best by |",
             "|---|---|" + "---|" * (len(contenders) + 1)]
    seeds = sorted({r["seed"] for r in results})
    ranks, gaps, missing = {c: [] for c in contenders}, {}, []
    for name in tables.NAMES:
        task, metric = tables.task_of(name), METRICS[tables.task_of(name)]
        found = {c: {r["seed"]: r for r in results if r["table"] == name and r["contender"] == c} for c in contenders}
        if not found["ours"]:
            missing.append(f"{name} ours")
            continue
        cells, distances = [], [0.0]
        for contender, by_seed in found.items():
            if len(by_seed) < len(seeds):
                missing.append(f"{name} {contender}" + (f" (only seed {', '.join(map(str, by_seed))})" if by_seed else ""))
            if not by_seed:
                cells.append("–")
                continue
            values = [r[metric] for r in by_seed.values()]
            eces = [r["ece"] for r in by_seed.values() if "ece" in r]
            cells.append(f"{np.mean(values):.4g}" + (
                f" ± {np.std(values, ddof=1) / np.sqrt(len(values)):.2g}" if len(values) > 1 else " *") + (
                f" ({np.mean(eces):.3f})" if eces else ""))
            # Two are compared on the splits that both were measured on.
            if shared := [seed for seed in by_seed if seed in found["ours"]]:
                distances.append(worse(metric, np.mean([found["ours"][seed][metric] for seed in shared]),
                                       np.mean([by_seed[seed][metric] for seed in shared])))
        gaps[name] = max(distances)
        for seed in found["ours"]:
            there = {c: by_seed[seed][metric] for c, by_seed in found.items() if seed in by_seed}
            for place, contender in enumerate(sorted(there, key=there.get, reverse=metric == "auc")):
                ranks[contender].append(place + 1)
        lines.append(f"| {name} | {metric} | " + " | ".join(cells) + f" | {100 * gaps[name]:.2f} % |")
    lines += ["| **mean rank** | | " + " | ".join(f"{np.mean(r):.2f}" if r else "–" for r in ranks.values()) + " | |", ""]
    if gaps:
        lines += [f"Ours is first on {sum(g == 0 for g in gaps.values())} of {len(gaps)} tables, at most 1 % worse than "
                  f"the best on {sum(g <= 0.01 for g in gaps.values())}; the largest distance is "
                  f"{100 * max(gaps.values()):.2f} % ({max(gaps, key=gaps.get)}).", ""]
    builds = sorted({r["binary"] for r in results if r["contender"] == "ours"})
    lines += [f"Ours: {len(builds)} build{'s' if len(builds) > 1 else ''} of it, SHA-256 {', '.join(builds)}….", ""]
    if missing:
        lines += ["Not measured on every split: " + ", ".join(missing) + ".", ""]
    versions = {p: importlib.metadata.version(p) for p in ("lightgbm", "xgboost-cpu", "scikit-learn", "flaml", "h2o")}
    m = machine()
    lines += ["## Machine and versions", "", f"{m['cpu']}, {m['cores']} cores, kernel {m['kernel']}, {m['date']}; load "
              f"{min(r['load'] for r in results)} to {max(r['load'] for r in results)}. Splits: seeds "
              f"{', '.join(map(str, seeds))}.", "", ", ".join(f"{k} {v}" for k, v in versions.items()) + "."]
    folder = ROOT / "bench" / "results"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"quality-{seconds}s.md").write_text("\n".join(lines) + "\n")
    (folder / f"quality-{seconds}s.json").write_text(json.dumps(
        {"seconds": seconds, "machine": m, "versions": versions, "results": results}, indent=1) + "\n")
    print("\n".join(lines))


def kept_in(contender, seconds) -> pathlib.Path:
    budgeted = contender == "ours" or contender in peers.BUDGETED
    return WORK / (f"results-{seconds}.jsonl" if budgeted else "results-defaults.jsonl")


def newest(seconds, binary) -> dict:
    """What was measured, by table, contender and seed; ours by this binary, or by any where it is None."""
    found = {}
    for path in sorted({kept_in(contender, seconds) for contender in ("ours", *peers.ALL)}):
        for line in path.read_text().splitlines() if path.exists() else []:
            one = json.loads(line)
            if one["contender"] != "ours" or binary is None or one["binary"] == binary:
                found[one["table"], one["contender"], one["seed"]] = one
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--splits", type=int, default=2)
    parser.add_argument("--tables", default=",".join(tables.NAMES))
    parser.add_argument("--with", dest="contenders", default=",".join(["ours", *peers.ALL]))
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--any-binary", action="store_true")
    parser.add_argument("--stop-after", type=float, default=1e9)
    given = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    binary = hashlib.sha256(BINARY.read_bytes()).hexdigest()[:12] if BINARY.exists() else "none"
    current = newest(given.seconds, None if given.report or given.any_binary else binary)
    started = time.monotonic()
    wanted = [(name, contender, seed) for seed in range(1, given.splits + 1) for name in given.tables.split(",")
              for contender in given.contenders.split(",")]
    for key in wanted:
        if given.report or key in current or time.monotonic() - started > given.stop_after:
            continue
        name, contender, seed = key
        try:
            current[key] = measure(name, contender, seed, given.seconds) | {"binary": binary}
        except Exception as error:  # one that fails on a table does not take the others with it
            print(f"{name} {contender} {seed}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            continue
        print(json.dumps(current[key]), flush=True)
        with kept_in(contender, given.seconds).open("a") as out:
            out.write(json.dumps(current[key]) + "\n")
    write_page([current[key] for key in sorted(current)], given.seconds)


if __name__ == "__main__":
    main()
