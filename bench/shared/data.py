"""Inputs that are generated once and kept in build/bench: the same bytes everywhere, from fixed seeds."""

import pathlib

import numpy as np

from bench import WORK

FEATURES = 30
NAMES = [f"f{i}" for i in range(FEATURES)]


def orders(rows: int) -> pathlib.Path:
    """A shop's orders as CSV: ids, times, texts with 中文, prices, flags; about 66 bytes a row."""
    import polars as pl

    path = WORK / f"orders-{rows}.csv"
    if path.exists():
        return path
    rng = np.random.default_rng(7)
    cities = np.array(["上海", "北京", "广州", "深圳", "成都", "杭州", "武汉", "西安", "Hong Kong", "Singapore"])
    channels = np.array(["web", "app", "store", "phone"])
    started = np.datetime64("2024-01-01T00:00:00")
    frame = pl.DataFrame({
        "order_id": np.arange(1, rows + 1),
        "customer_id": rng.integers(1, 200_000, rows),
        "ordered_at": (started + np.sort(rng.integers(0, 2 * 365 * 86400, rows)).astype("timedelta64[s]")).astype(
            "datetime64[us]"),
        "sku": np.char.add("SKU-", rng.integers(10_000, 99_999, rows).astype(str)),
        "quantity": rng.integers(1, 20, rows),
        "price_cny": np.round(rng.gamma(2.0, 60.0, rows), 2),
        "channel": channels[rng.integers(0, len(channels), rows)],
        "city": cities[rng.integers(0, len(cities), rows)],
        "paid": rng.random(rows) < 0.93})
    part = path.with_suffix(".part")
    frame.write_csv(part, datetime_format="%Y-%m-%d %H:%M:%S")
    part.rename(path)
    return path


def numbers(rows: int, columns: int = FEATURES, seed: int = 11) -> tuple[np.ndarray, np.ndarray]:
    """Rows of float32 with a binary target that some of the columns decide, and noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns)).astype("f4")
    score = x[:, 0] + np.sin(2 * x[:, 1 % columns]) + x[:, 2 % columns] * x[:, 3 % columns] + 0.5 * x[:, 4 % columns]
    y = (score + rng.normal(0, 0.7, rows) > 0.3).astype("f4")
    return x, y


def parquet(rows: int, columns: int = FEATURES, target: bool = False) -> pathlib.Path:
    """`numbers` as a Parquet file of columns f0, f1 …, with `y` where the target is wanted."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = WORK / f"numbers-{rows}x{columns}{'-y' if target else ''}.parquet"
    if not path.exists():
        x, y = numbers(rows, columns)
        table = {f"f{i}": x[:, i] for i in range(columns)}
        if target:
            table["y"] = y.astype("i4")
        part = path.with_suffix(".part")
        pq.write_table(pa.table(table), part)
        part.rename(path)
    return path


def xgboost_model(trees: int = 100, columns: int = FEATURES, depth: int = 6) -> pathlib.Path:
    """A booster of full-grown trees over `numbers`, as UBJ."""
    import xgboost as xgb

    path = WORK / f"xgboost-{trees}x{depth}x{columns}.ubj"
    if not path.exists():
        x, y = numbers(50_000, columns, seed=3)
        matrix = xgb.DMatrix(x, y, feature_names=[f"f{i}" for i in range(columns)])
        booster = xgb.train({"objective": "binary:logistic", "max_depth": depth, "eta": 0.1, "tree_method": "hist",
                             "nthread": 2}, matrix, trees)
        booster.save_model(path)
    return path


def lightgbm_model(trees: int = 100, depth: int = 6) -> pathlib.Path:
    """The same in LightGBM's text format."""
    import lightgbm as lgb

    path = WORK / f"lightgbm-{trees}x{depth}.txt"
    if not path.exists():
        x, y = numbers(50_000, seed=3)
        booster = lgb.train({"objective": "binary", "num_leaves": 2**depth, "max_depth": depth, "learning_rate": 0.1,
                             "num_threads": 2, "verbose": -1}, lgb.Dataset(x, y, feature_name=NAMES), trees)
        booster.save_model(path)
    return path
