"""What ours is measured beside. Each takes the training rows and gives predictions for the test rows: probabilities
[rows, classes], or values. Nothing of them is tuned here: what a user gets who installs the package and follows its
first page. Categories go in the way each library takes them natively."""

import os
import pathlib
import socket

import numpy as np
import pandas as pd


def _prepared(train: pd.DataFrame, test: pd.DataFrame, target: str):
    """Texts as pandas categories of the training rows, times as numbers; a category unseen is missing."""
    x, z = train.drop(columns=target).copy(), test.drop(columns=target).copy()
    for column in x:
        if pd.api.types.is_datetime64_any_dtype(x[column]):
            x[column], z[column] = x[column].astype("int64"), z[column].astype("int64")
        elif not pd.api.types.is_numeric_dtype(x[column]) or pd.api.types.is_bool_dtype(x[column]):
            x[column] = x[column].astype(str).where(x[column].notna()).astype("category")
            z[column] = pd.Categorical(z[column].astype(str).where(z[column].notna()), x[column].cat.categories)
    names = {column: f"f{i}" for i, column in enumerate(x)}
    return x.rename(columns=names), z.rename(columns=names)


def _fit(model, train, test, target, task, labels):
    x, z = _prepared(train, test, target)
    y = train[target] if task == "regression" else train[target].astype(str).map({v: i for i, v in enumerate(labels)})
    model.fit(x, y.to_numpy())
    return model.predict(z) if task == "regression" else model.predict_proba(z)


def lightgbm(train, test, target, task, labels, seed, seconds):
    import lightgbm as lib
    kind = lib.LGBMRegressor if task == "regression" else lib.LGBMClassifier
    return _fit(kind(n_jobs=2, random_state=seed, verbosity=-1), train, test, target, task, labels)


def xgboost(train, test, target, task, labels, seed, seconds):
    import xgboost as lib
    kind = lib.XGBRegressor if task == "regression" else lib.XGBClassifier
    return _fit(kind(n_jobs=2, random_state=seed, enable_categorical=True), train, test, target, task, labels)


def hist_gradient_boosting(train, test, target, task, labels, seed, seconds):
    import sklearn.ensemble as lib
    kind = lib.HistGradientBoostingRegressor if task == "regression" else lib.HistGradientBoostingClassifier
    x, z = _prepared(train, test, target)
    wide = [c for c in x if isinstance(x[c].dtype, pd.CategoricalDtype) and len(x[c].cat.categories) > 255]
    for column in wide:  # it takes 255 categories at most: the others as their frequency
        share = x[column].value_counts(normalize=True)
        x[column], z[column] = x[column].map(share).astype(float), z[column].map(share).astype(float)
    y = train[target] if task == "regression" else train[target].astype(str).map({v: i for i, v in enumerate(labels)})
    model = kind(random_state=seed, categorical_features="from_dtype").fit(x, y.to_numpy())
    return model.predict(z) if task == "regression" else model.predict_proba(z)


def flaml(train, test, target, task, labels, seed, seconds):
    import flaml as lib
    x, z = _prepared(train, test, target)
    y = train[target] if task == "regression" else train[target].astype(str).map({v: i for i, v in enumerate(labels)})
    model = lib.AutoML()
    metric = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}[task]
    model.fit(x, y.to_numpy(), task="regression" if task == "regression" else "classification", metric=metric,
              time_budget=seconds, n_jobs=2, seed=seed, verbose=0)
    return model.predict(z) if task == "regression" else model.predict_proba(z)


def _h2o_server():
    """H2O's own server on a free port of the loopback, with 2 threads; one for the whole process."""
    import h2o
    if h2o.connection() is None or not h2o.connection().connected:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        # The client asks a proxy for the loopback, too, unless it is told.
        os.environ["no_proxy"] = os.environ["NO_PROXY"] = "localhost,127.0.0.1"
        scratch = pathlib.Path(__file__).resolve().parents[2] / "build" / "quality" / "h2o"
        scratch.mkdir(parents=True, exist_ok=True)
        h2o.init(ip="127.0.0.1", port=port, nthreads=2, max_mem_size="5G", bind_to_localhost=True,
                 ice_root=str(scratch), log_dir=str(scratch), verbose=False)
        h2o.no_progress()
    return h2o


def h2o_automl(train, test, target, task, labels, seed, seconds):
    """Its leader: most often a stack of what it tried."""
    h2o = _h2o_server()
    from h2o.automl import H2OAutoML
    h2o.remove_all()
    x, z = _prepared(train, test, target)
    kinds = {c: "enum" if isinstance(x[c].dtype, pd.CategoricalDtype) else "numeric" for c in x}
    # Names that it does not write in another way: "c3" for labels[3].
    known = {value: f"c{i}" for i, value in enumerate(labels)}
    y = train[target].astype(float) if task == "regression" else train[target].astype(str).map(known)
    frame = h2o.H2OFrame(x.assign(the_target=y.to_numpy()),
                         column_types=kinds | {"the_target": "numeric" if task == "regression" else "enum"})
    rows = h2o.H2OFrame(z, column_types=kinds)
    metric = {"binary": "AUC", "multiclass": "logloss", "regression": "RMSE"}[task]
    model = H2OAutoML(max_runtime_secs=seconds, seed=seed, sort_metric=metric, verbosity=None)
    model.train(x=list(x), y="the_target", training_frame=frame)
    answer = model.leader.predict(rows).as_data_frame()
    if task == "regression":
        return answer["predict"].to_numpy(float)
    return np.column_stack([answer[known[label]].to_numpy(float) for label in labels])


ALL = {"lightgbm": lightgbm, "xgboost": xgboost, "hist_gradient_boosting": hist_gradient_boosting, "flaml": flaml,
       "h2o_automl": h2o_automl}
# Those that search until the time is over; the others take what they take.
BUDGETED = {"flaml", "h2o_automl"}
